//! Profile of a kind of stick.

use super::{PROFILES, UssdCoding, VENDORS};

/// Properties of a kind of stick.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name for the log.
    pub name: &'static str,
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id in modem mode; 0 in a row of [`VENDORS`].
    pub product: u16,
    /// `bInterfaceNumber` of the port that dials, if the endpoints leave it open. A number that no
    /// stick has, if it differs between products.
    pub modem_interface: u8,
    /// `bInterfaceNumber` of a second port for commands during a call.
    pub at_interface: Option<u8>,
    /// Init commands. A refused one is skipped.
    pub init: &'static [&'static str],
    /// How to suppress unsolicited result codes.
    pub urc_suppression: Option<UrcSuppression>,
    /// The vendor's query for the PIN tries left. The standard ones
    /// ([`STANDARD_PIN_TRIES`](super::STANDARD_PIN_TRIES)) are sent after it.
    pub pin_tries: Option<Question>,
    /// Query for the serial number of the SIM.
    pub iccid: Question,
    /// Encoding of USSD codes.
    pub ussd: UssdCoding,
    /// `bInterfaceNumber` of a QMI port whose descriptors look like a serial port's.
    pub qmi_interface: Option<u8>,
}

/// A query that differs between vendors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Command.
    pub command: &'static str,
    /// Prefix of its answer.
    pub answer: &'static str,
}

/// Unsolicited result codes that fill the stick's own buffers until it crashes, and the command
/// that suppresses them.
#[derive(Debug, PartialEq, Eq)]
pub struct UrcSuppression {
    /// Prefix of the unsolicited lines.
    pub prefix: &'static str,
    /// Command that suppresses them.
    pub command: &'static str,
    /// Prefix of its answer.
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

/// Returns the row of the product, else the one of its vendor. `None` for a
/// vendor without a row: [`GENERIC`](super::GENERIC) is safe with any stick.
pub fn profile_for(vendor: u16, product: u16) -> Option<&'static Profile> {
    let of_vendor = || VENDORS.iter().find(|profile| profile.vendor == vendor);
    PROFILES
        .iter()
        .find(|profile| profile.vendor == vendor && profile.product == product)
        .or_else(of_vendor)
}

impl Profile {
    /// Returns whether it is the row of a product, not only that of a vendor.
    pub const fn is_of_product(&self) -> bool {
        self.product != 0
    }

    /// Returns the interface to dial on, among the serial ports that the stick really has: the only one
    /// with an interrupt endpoint besides its two bulk ones (it reports carrier loss), else the one
    /// in the table, else the last with an interrupt endpoint, else the last. One product id is used
    /// by sticks with different layouts, so what the descriptors say comes first.
    pub fn choose_interface(&self, ports: &[Port]) -> Option<u8> {
        let ports = || {
            let serial = |port: &&Port| Some(port.interface) != self.qmi_interface;
            ports.iter().filter(serial)
        };
        let mut with_interrupt = ports().filter(|port| port.endpoints == 3);
        if let (Some(only), None) = (with_interrupt.next(), with_interrupt.next()) {
            return Some(only.interface);
        }
        ports()
            .find(|port| port.interface == self.modem_interface)
            .or_else(|| ports().max_by_key(|port| (port.endpoints == 3, port.interface)))
            .map(|port| port.interface)
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
        for (index, profile) in VENDORS.iter().enumerate() {
            assert_eq!(profile_for(profile.vendor, 0xfffe).unwrap(), profile);
            let same = |other: &&Profile| other.vendor == profile.vendor;
            let (before, _) = VENDORS.split_at(index);
            assert!(!before.iter().any(|other| same(&other)), "{}", profile.name);
            assert!(!profile.is_of_product() && profile.pin_tries.is_some());
        }
        assert_eq!(profile_for(0x1d6b, 0x0002), None, "a root hub");
    }

    #[test]
    fn products_differ_from_their_vendor_in_ports_alone() {
        for product in PROFILES {
            let vendor = profile_for(product.vendor, 0xfffe).unwrap();
            assert!(product.is_of_product());
            assert_eq!(product.pin_tries, vendor.pin_tries, "{}", product.name);
            assert_eq!(
                product.urc_suppression, vendor.urc_suppression,
                "{}",
                product.name
            );
            assert_eq!(product.init, vendor.init, "{}", product.name);
            assert_eq!(product.iccid, vendor.iccid, "{}", product.name);
            assert_eq!(product.ussd, vendor.ussd, "{}", product.name);
        }
    }

    #[test]
    fn an_unknown_product_dials_where_endpoints_say() {
        let stick = profile_for(0x19d2, 0x0016).unwrap();
        for (ports, expected) in [
            (&[port(0, 2), port(1, 3), port(2, 2)][..], Some(1)),
            (&[port(0, 3), port(1, 3), port(2, 2)], Some(1)),
            (&[port(0, 2), port(1, 2), port(2, 2)], Some(2)),
            (&[], None),
        ] {
            assert_eq!(stick.choose_interface(ports), expected, "{ports:?}");
        }
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
