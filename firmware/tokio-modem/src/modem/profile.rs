//! The table of sticks.

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
    /// Command that asks how many PIN tries are left.
    pub pin_tries: Option<&'static str>,
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

const ZTE: u16 = 0x19d2;

/// Reset to the stored profile; then results in words, echo, no automatic answer, carrier detect
/// as it is, hang up when DTR drops, data calls.
const INIT: &[&str] = &["ATZ", "ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0"];

/// The same without fax classes, which not every maker knows.
const GENERIC_INIT: &[&str] = &["ATZ", "ATQ0 V1 E1 S0=0 &C1 &D2"];

/// ZTE sticks tell the SIM's message state without end until message storage is asked for.
const ZTE_QUIETING: Quieting = Quieting {
    flood: "+ZUSIMR:",
    command: "AT+CPMS?",
    answer: "+CPMS:",
};

const fn zte(name: &'static str, product: u16, modem: u8, at: u8) -> Profile {
    Profile {
        name,
        vendor: ZTE,
        product,
        modem_interface: modem,
        at_interface: Some(at),
        init: INIT,
        quieting: Some(ZTE_QUIETING),
        pin_tries: Some("AT+ZPINPUK=?"),
    }
}

/// All sticks known.
pub static PROFILES: &[Profile] = &[
    zte("ZTE MF180/MF190/MF100", 0x2003, 3, 1),
    zte("ZTE MF180", 0x0117, 2, 1),
    zte("ZTE MF180/MF626/MF636", 0x0031, 3, 1),
    zte("ZTE MF110", 0x0124, 4, 1),
    zte("ZTE MF192", 0x1515, 0, 2),
];

/// For a stick that is not in the table: nothing but the standard.
pub static GENERIC: Profile = Profile {
    name: "generic modem",
    vendor: 0,
    product: 0,
    modem_interface: 0,
    at_interface: None,
    init: GENERIC_INIT,
    quieting: None,
    pin_tries: None,
};

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
        let mut with_interrupt = ports.iter().filter(|port| port.endpoints == 3);
        if let (Some(only), None) = (with_interrupt.next(), with_interrupt.next()) {
            return Some(only.interface);
        }
        let interfaces = || ports.iter().map(|port| port.interface);
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
}
