//! USB port power: tracks what the box switches at the emulated hub.
//!
//! Takes in QEMU's trace of hub requests; gives out which port lost or regained power. usb-redir
//! does not report it, and QEMU leaves the device attached.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// QEMU options that trace these requests.
pub(super) const TRACE: [&str; 6] = [
    "-trace",
    "usb_hub_set_port_feature",
    "-trace",
    "usb_hub_clear_port_feature",
    "-trace",
    "usb_hub_reset",
];

/// Callback for a power change (true: on); returns false to unsubscribe.
type Observer = Box<dyn Fn(bool) -> bool + Send>;

/// Power state and observers of the ports of a hub.
#[derive(Clone, Default)]
pub(super) struct PortPower(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Ports without power.
    unpowered: Vec<u8>,
    observers: Vec<(u8, Observer)>,
}

/// Power event of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortEvent {
    /// One port was switched off or on.
    Port(u8, bool),
    /// All ports are on, as after a hub reset.
    AllOn,
}

impl PortPower {
    /// Calls `observer` on every later power change of `port`, and at once if it has no power.
    pub(super) fn observe(&self, port: u8, observer: impl Fn(bool) -> bool + Send + 'static) {
        let mut state = self.lock();
        if !state.unpowered.contains(&port) || observer(false) {
            state.observers.push((port, Box::new(observer)));
        }
    }

    /// Parses a line of QEMU's trace and notifies observers.
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
        // A dropped observer is removed.
        ports.on_trace_line("usb_hub_set_port_feature dev 2, port 2, feature power");
        assert!(ports.lock().observers.is_empty());
    }
}
