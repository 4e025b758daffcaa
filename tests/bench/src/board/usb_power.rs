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
type Observer = Box<dyn Fn(bool) -> bool + Send>;

/// The sockets of a hub.
#[derive(Clone, Default)]
pub(super) struct PortPower(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Ports without power.
    unpowered: Vec<u8>,
    observers: Vec<(u8, Observer)>,
}

/// What happened to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortEvent {
    /// A port was switched.
    Port(u8, bool),
    /// All are on, as after a reset.
    AllOn,
}

impl PortPower {
    /// Calls `observer` with every change of a port from now on, and at once where it is dark.
    pub(super) fn observe(&self, port: u8, observer: impl Fn(bool) -> bool + Send + 'static) {
        let mut state = self.lock();
        if !state.unpowered.contains(&port) || observer(false) {
            state.observers.push((port, Box::new(observer)));
        }
    }

    /// Takes in a line of QEMU's log.
    pub(super) fn on_trace_line(&self, text: &str) {
        match parse_trace(text) {
            Some(PortEvent::Port(port, on)) => self.lock().switch(port, on),
            Some(PortEvent::AllOn) => {
                let mut state = self.lock();
                for port in state.unpowered.clone() {
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
        if self.unpowered.contains(&port) != on {
            return;
        }
        self.unpowered.retain(|unpowered| *unpowered != port);
        if !on {
            self.unpowered.push(port);
        }
        self.observers
            .retain(|(watched, observer)| *watched != port || observer(on));
    }
}

fn parse_trace(text: &str) -> Option<PortEvent> {
    let (event, rest) = text.trim().split_once(' ')?;
    let on = match event {
        "usb_hub_set_port_feature" => true,
        "usb_hub_clear_port_feature" => false,
        "usb_hub_reset" => return Some(PortEvent::AllOn),
        _ => return None,
    };
    let mut fields = rest.split(", ").skip(1);
    let port = fields.next()?.strip_prefix("port ")?.parse().ok()?;
    (fields.next()? == "feature power").then_some(PortEvent::Port(port, on))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn hub_trace_lines_parse() {
        for (text, expected) in [
            (
                "usb_hub_clear_port_feature dev 2, port 3, feature power",
                Some(PortEvent::Port(3, false)),
            ),
            (
                "usb_hub_set_port_feature dev 2, port 1, feature power",
                Some(PortEvent::Port(1, true)),
            ),
            (
                "usb_hub_set_port_feature dev 2, port 1, feature reset",
                None,
            ),
            (
                "usb_hub_clear_port_feature dev 2, port 2, feature c_connection",
                None,
            ),
            ("usb_hub_reset dev 2", Some(PortEvent::AllOn)),
            ("qemu-system-arm: warning: port 2, feature power", None),
        ] {
            assert_eq!(parse_trace(text), expected, "{text}");
        }
    }

    #[test]
    fn power_change_reaches_its_port_once() {
        let ports = PortPower::default();
        let (sender, changes) = mpsc::channel();
        for port in [2, 3] {
            let sender = sender.clone();
            ports.observe(port, move |on| sender.send((port, on)).is_ok());
        }
        let off = "usb_hub_clear_port_feature dev 2, port 2, feature power";
        let on = "usb_hub_set_port_feature dev 2, port 2, feature power";
        for text in [on, off, off, on, off, "usb_hub_reset dev 2"] {
            ports.on_trace_line(text);
        }
        let seen: Vec<_> = changes.try_iter().collect();
        assert_eq!(seen, [(2, false), (2, true), (2, false), (2, true)]);
    }

    #[test]
    fn observer_of_unpowered_port_is_called_at_once() {
        let ports = PortPower::default();
        ports.on_trace_line("usb_hub_clear_port_feature dev 2, port 2, feature power");
        let (sender, changes) = mpsc::channel();
        ports.observe(2, move |on| sender.send(on).is_ok());
        assert_eq!(changes.try_iter().collect::<Vec<_>>(), [false]);
        drop(changes);
        // Whoever is gone is not called any more.
        ports.on_trace_line("usb_hub_set_port_feature dev 2, port 2, feature power");
        assert!(ports.lock().observers.is_empty());
    }
}
