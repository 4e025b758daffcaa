//! What is known about a kind of stick.

use super::{PROFILES, UssdCoding};

/// What is special about a kind of stick.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name for the log.
    pub name: &'static str,
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id in modem mode.
    pub product: u16,
    /// `bInterfaceNumber` of the port that dials, where endpoints do not tell it.
    pub modem_interface: u8,
    /// `bInterfaceNumber` of a second port for commands during a call.
    pub at_interface: Option<u8>,
    /// Commands sent first, each answered with `OK`.
    pub init: &'static [&'static str],
    /// How to stop the stick's chatter.
    pub quieting: Option<Quieting>,
    /// How many PIN tries are left.
    pub pin_tries: Option<Question>,
    /// The serial number of the SIM.
    pub iccid: Question,
    /// How it wants USSD codes.
    pub ussd: UssdCoding,
    /// `bInterfaceNumber` of a network port that looks like a serial one and speaks QMI.
    pub qmi_interface: Option<u8>,
}

/// A question that makers word differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub command: &'static str,
    /// How its answer starts.
    pub answer: &'static str,
}

/// Chatter that fills the stick's own buffers until it crashes, and the command that stops it.
#[derive(Debug, PartialEq, Eq)]
pub struct Quieting {
    /// How the unsolicited lines start.
    pub flood: &'static str,
    /// What stops them.
    pub command: &'static str,
    /// How its answer starts.
    pub answer: &'static str,
}

/// A serial port of a stick, as the USB descriptors have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// `bInterfaceNumber`.
    pub interface: u8,
    /// `bNumEndpoints`.
    pub endpoints: u8,
}

/// The row for a stick in modem mode.
pub fn profile_for(vendor: u16, product: u16) -> Option<&'static Profile> {
    PROFILES
        .iter()
        .find(|profile| profile.vendor == vendor && profile.product == product)
}

impl Profile {
    /// The interface to dial on, among the serial ports that the stick really has: the only one
    /// with an interrupt endpoint besides its two bulk ones (it reports carrier loss), else the one
    /// in the table, else the last. One product id is used by sticks with different layouts, so
    /// what the descriptors say comes first.
    pub fn choose_interface(&self, ports: &[Port]) -> Option<u8> {
        let ports = || {
            let serial = |port: &&Port| Some(port.interface) != self.qmi_interface;
            ports.iter().filter(serial)
        };
        let mut with_interrupt = ports().filter(|port| port.endpoints == 3);
        if let (Some(only), None) = (with_interrupt.next(), with_interrupt.next()) {
            return Some(only.interface);
        }
        let interfaces = || ports().map(|port| port.interface);
        interfaces()
            .find(|interface| *interface == self.modem_interface)
            .or_else(|| interfaces().max())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const fn port(interface: u8, endpoints: u8) -> Port {
        Port {
            interface,
            endpoints,
        }
    }

    #[test]
    fn ids_are_unique_and_found() {
        for profile in PROFILES {
            let found = profile_for(profile.vendor, profile.product).unwrap();
            assert_eq!(found, profile);
        }
        assert_eq!(profile_for(0x19d2, 0x2000), None, "CD-ROM mode");
    }

    #[test]
    fn the_port_with_three_endpoints_dials() {
        let stick = profile_for(0x19d2, 0x2003).unwrap();
        let cases: &[(&[Port], Option<u8>)] = &[
            (&[port(0, 2), port(1, 2), port(2, 3)], Some(2)),
            (&[port(0, 3), port(1, 2), port(2, 2)], Some(0)),
            // Not told by endpoints: the table has it.
            (&[port(0, 2), port(1, 2), port(3, 2)], Some(3)),
            (&[port(0, 3), port(1, 3), port(3, 3)], Some(3)),
            // Not in the table either.
            (&[port(0, 2), port(1, 2), port(2, 2)], Some(2)),
            (&[], None),
        ];
        for (ports, expected) in cases {
            assert_eq!(stick.choose_interface(ports), *expected, "{ports:?}");
        }
    }

    #[test]
    fn a_port_that_speaks_qmi_is_not_dialled_on() {
        // Interfaces 1 to 4 of an EC25 all have an interrupt endpoint.
        let ports = [port(0, 2), port(1, 3), port(2, 3), port(3, 3), port(4, 3)];
        let ec25 = profile_for(0x2c7c, 0x0125).unwrap();
        assert_eq!(ec25.choose_interface(&ports), Some(3));
        assert_eq!(ec25.choose_interface(&[port(0, 2), port(4, 3)]), Some(0));
        assert_eq!(ec25.choose_interface(&[port(4, 3)]), None);
    }
}
