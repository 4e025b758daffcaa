//! The power of the emulated USB sockets, as the box switches it at the hub.
//!
//! Takes in what QEMU logs of requests to its hub; gives out which socket went dark or has power
//! again. The redirection of a device says nothing of that, and QEMU leaves the device where it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What QEMU has to log for this.
pub(super) const TRACE: [&str; 6] = [
    "-trace",
    "usb_hub_set_port_feature",
    "-trace",
    "usb_hub_clear_port_feature",
    "-trace",
    "usb_hub_reset",
];

/// Called with each change; returns false when it wants no more.
type Line = Box<dyn Fn(bool) -> bool + Send>;

/// The sockets of a hub.
#[derive(Clone, Default)]
pub(super) struct Sockets(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Ports without power.
    dark: Vec<u8>,
    lines: Vec<(u8, Line)>,
}

/// What happened to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// A port was switched.
    Port(u8, bool),
    /// All are on, as after a reset.
    AllOn,
}

impl Sockets {
    /// Calls `line` with every change of a port from now on, and at once where it is dark.
    pub(super) fn watch(&self, port: u8, line: impl Fn(bool) -> bool + Send + 'static) {
        let mut state = self.lock();
        if !state.dark.contains(&port) || line(false) {
            state.lines.push((port, Box::new(line)));
        }
    }

    /// Takes in a line of QEMU's log.
    pub(super) fn hear(&self, text: &str) {
        match change(text) {
            Some(Change::Port(port, on)) => self.lock().switch(port, on),
            Some(Change::AllOn) => {
                let mut state = self.lock();
                for port in state.dark.clone() {
                    state.switch(port, true);
                }
            }
            None => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn switch(&mut self, port: u8, on: bool) {
        if self.dark.contains(&port) != on {
            return;
        }
        self.dark.retain(|dark| *dark != port);
        if !on {
            self.dark.push(port);
        }
        self.lines
            .retain(|(watched, line)| *watched != port || line(on));
    }
}

fn change(text: &str) -> Option<Change> {
    let (event, rest) = text.trim().split_once(' ')?;
    let on = match event {
        "usb_hub_set_port_feature" => true,
        "usb_hub_clear_port_feature" => false,
        "usb_hub_reset" => return Some(Change::AllOn),
        _ => return None,
    };
    let mut fields = rest.split(", ").skip(1);
    let port = fields.next()?.strip_prefix("port ")?.parse().ok()?;
    (fields.next()? == "feature power").then_some(Change::Port(port, on))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn lines_of_the_log_are_parsed() {
        for (text, expected) in [
            (
                "usb_hub_clear_port_feature dev 2, port 3, feature power",
                Some(Change::Port(3, false)),
            ),
            (
                "usb_hub_set_port_feature dev 2, port 1, feature power",
                Some(Change::Port(1, true)),
            ),
            (
                "usb_hub_set_port_feature dev 2, port 1, feature reset",
                None,
            ),
            (
                "usb_hub_clear_port_feature dev 2, port 2, feature c_connection",
                None,
            ),
            ("usb_hub_reset dev 2", Some(Change::AllOn)),
            ("qemu-system-arm: warning: port 2, feature power", None),
        ] {
            assert_eq!(change(text), expected, "{text}");
        }
    }

    #[test]
    fn changes_reach_the_socket_they_concern_once() {
        let sockets = Sockets::default();
        let (sender, changes) = mpsc::channel();
        for port in [2, 3] {
            let sender = sender.clone();
            sockets.watch(port, move |on| sender.send((port, on)).is_ok());
        }
        let off = "usb_hub_clear_port_feature dev 2, port 2, feature power";
        let on = "usb_hub_set_port_feature dev 2, port 2, feature power";
        for text in [on, off, off, on, off, "usb_hub_reset dev 2"] {
            sockets.hear(text);
        }
        let seen: Vec<_> = changes.try_iter().collect();
        assert_eq!(seen, [(2, false), (2, true), (2, false), (2, true)]);
    }

    #[test]
    fn a_stick_in_a_dark_socket_hears_it_at_once() {
        let sockets = Sockets::default();
        sockets.hear("usb_hub_clear_port_feature dev 2, port 2, feature power");
        let (sender, changes) = mpsc::channel();
        sockets.watch(2, move |on| sender.send(on).is_ok());
        assert_eq!(changes.try_iter().collect::<Vec<_>>(), [false]);
        drop(changes);
        // Whoever is gone is not called any more.
        sockets.hear("usb_hub_set_port_feature dev 2, port 2, feature power");
        assert!(sockets.lock().lines.is_empty());
    }
}
