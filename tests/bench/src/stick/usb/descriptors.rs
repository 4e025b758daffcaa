//! What the stick says it is, in either mode.

/// `bInterfaceNumber` of the port that dials: the only one with three endpoints.
pub(in super::super) const MODEM_INTERFACE: u8 = 2;

/// Transfer type of an endpoint, as descriptors have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bulk.
    Bulk = 2,
    /// Interrupt.
    Interrupt = 3,
}

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// With the direction in the highest bit, set for IN.
    pub(super) address: u8,
    /// Transfer type.
    pub(super) kind: Kind,
    /// Largest packet.
    pub(super) max_packet: u16,
    /// Polling interval in ms.
    pub(super) interval: u8,
}

/// An interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// Class, subclass, protocol.
    pub(super) class: [u8; 3],
    /// Its endpoints.
    pub(super) endpoints: &'static [Endpoint],
}

/// A whole device.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Layout {
    /// USB vendor id.
    pub(super) vendor: u16,
    /// USB product id.
    pub(super) product: u16,
    /// Interface 0, 1, ….
    pub(super) interfaces: &'static [Interface],
}

/// Largest bulk packet at full speed, the only speed behind QEMU's hub and on its dwc2.
pub(super) const PACKET: u16 = 64;

const fn bulk(address: u8) -> Endpoint {
    Endpoint {
        address,
        kind: Kind::Bulk,
        max_packet: PACKET,
        interval: 0,
    }
}

const VENDOR_SPECIFIC: [u8; 3] = [0xff, 0xff, 0xff];

/// Three serial ports, the last of them with the interrupt endpoint that only modems have.
const PORTS: &[Interface] = &[
    Interface {
        class: VENDOR_SPECIFIC,
        endpoints: &[bulk(0x81), bulk(0x01)],
    },
    Interface {
        class: VENDOR_SPECIFIC,
        endpoints: &[bulk(0x82), bulk(0x02)],
    },
    Interface {
        class: VENDOR_SPECIFIC,
        endpoints: &[
            Endpoint {
                address: 0x84,
                kind: Kind::Interrupt,
                max_packet: 16,
                interval: 10,
            },
            bulk(0x83),
            bulk(0x03),
        ],
    },
];

/// Modem mode: diagnostics, commands, modem.
pub(in super::super) static MODEM: Layout = Layout {
    vendor: 0x19d2,
    product: 0x2003,
    interfaces: PORTS,
};

/// An Option COLT: met by the same driver, unknown to the box.
pub(in super::super) static FOREIGN: Layout = Layout {
    vendor: 0x0af0,
    product: 0x5000,
    interfaces: PORTS,
};

/// CD-ROM mode: mass storage, SCSI transparent, bulk only.
pub(in super::super) static CDROM: Layout = Layout {
    vendor: 0x19d2,
    product: 0x2000,
    interfaces: &[Interface {
        class: [8, 6, 0x50],
        endpoints: &[bulk(0x81), bulk(0x01)],
    }],
};

/// Manufacturer, product, serial number: strings 1, 2, 3.
const STRINGS: [&str; 3] = [
    "ZTE,Incorporated",
    "ZTE WCDMA Technologies MSM",
    "P675B1ZTED010000",
];

/// Release of the device, binary coded.
pub(super) const VERSION: u16 = 0x0000;

const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;

impl Layout {
    /// Its interfaces are serial ports.
    pub(super) fn is_serial(&self) -> bool {
        self.interfaces
            .iter()
            .all(|each| each.class == VENDOR_SPECIFIC)
    }

    /// The descriptor of `GET_DESCRIPTOR`'s `wValue`, where there is one.
    pub(super) fn descriptor(&self, value: u16) -> Option<Vec<u8>> {
        let [index, kind] = value.to_le_bytes();
        match (kind, index) {
            (DEVICE, 0) => Some(self.device()),
            (CONFIGURATION, 0) => Some(self.configuration()),
            (STRING, index) => string(index),
            _ => None,
        }
    }

    fn device(&self) -> Vec<u8> {
        let mut out = vec![18, DEVICE, 0x00, 0x02, 0, 0, 0, 64];
        for field in [self.vendor, self.product, VERSION] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&[1, 2, 3, 1]);
        out
    }

    fn configuration(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        for (number, interface) in (0..).zip(self.interfaces) {
            let [class, subclass, protocol] = interface.class;
            let endpoints = u8::try_from(interface.endpoints.len()).unwrap_or_default();
            parts.extend_from_slice(&[9, INTERFACE, number, 0, endpoints]);
            parts.extend_from_slice(&[class, subclass, protocol, 0]);
            for endpoint in interface.endpoints {
                let [low, high] = endpoint.max_packet.to_le_bytes();
                parts.extend_from_slice(&[7, ENDPOINT, endpoint.address, endpoint.kind as u8]);
                parts.extend_from_slice(&[low, high, endpoint.interval]);
            }
        }
        let [low, high] = u16::try_from(9 + parts.len())
            .unwrap_or(u16::MAX)
            .to_le_bytes();
        let interfaces = u8::try_from(self.interfaces.len()).unwrap_or_default();
        // Bus powered with remote wakeup, 500 mA.
        let mut out = vec![9, CONFIGURATION, low, high, interfaces, 1, 0, 0xa0, 250];
        out.append(&mut parts);
        out
    }
}

fn string(index: u8) -> Option<Vec<u8>> {
    let Some(index) = usize::from(index).checked_sub(1) else {
        // The languages: English.
        return Some(vec![4, STRING, 0x09, 0x04]);
    };
    let text = STRINGS.get(index)?;
    let mut out = vec![u8::try_from(2 + 2 * text.len()).ok()?, STRING];
    out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class and endpoint addresses with types of every interface, read from the bytes.
    fn parse(configuration: &[u8]) -> Vec<(u8, Vec<(u8, u8)>)> {
        let total = usize::from(u16::from_le_bytes([configuration[2], configuration[3]]));
        assert_eq!(total, configuration.len());
        let mut interfaces: Vec<(u8, Vec<(u8, u8)>)> = Vec::new();
        let mut told = Vec::new();
        let mut rest = configuration;
        while let Some(length) = rest.first() {
            let (descriptor, after) = rest.split_at(usize::from(*length));
            match descriptor[1] {
                CONFIGURATION => assert_eq!(descriptor.len(), 9),
                INTERFACE => {
                    assert_eq!(usize::from(descriptor[2]), interfaces.len());
                    told.push(usize::from(descriptor[4]));
                    interfaces.push((descriptor[5], Vec::new()));
                }
                ENDPOINT => {
                    let (_, endpoints) = interfaces.last_mut().unwrap();
                    endpoints.push((descriptor[2], descriptor[3]));
                }
                other => panic!("descriptor {other}"),
            }
            rest = after;
        }
        assert_eq!(usize::from(configuration[4]), interfaces.len());
        let counted: Vec<usize> = interfaces.iter().map(|(_, ends)| ends.len()).collect();
        assert_eq!(told, counted);
        interfaces
    }

    #[test]
    fn the_modem_has_three_serial_ports_and_dials_on_the_one_with_three_endpoints() {
        let interfaces = parse(&MODEM.descriptor(0x0200).unwrap());
        assert!(interfaces.iter().all(|(class, _)| *class == 0xff));
        let with_three: Vec<usize> = (0..)
            .zip(&interfaces)
            .filter(|(_, (_, endpoints))| endpoints.len() == 3)
            .map(|(number, _)| number)
            .collect();
        assert_eq!(with_three, [usize::from(MODEM_INTERFACE)]);
        assert_eq!(interfaces[2].1, [(0x84, 3), (0x83, 2), (0x03, 2)]);
    }

    #[test]
    fn the_cdrom_is_mass_storage() {
        let interfaces = parse(&CDROM.descriptor(0x0200).unwrap());
        assert_eq!(interfaces, [(8, vec![(0x81, 2), (0x01, 2)])]);
        let device = CDROM.descriptor(0x0100).unwrap();
        assert_eq!(device.len(), 18);
        assert_eq!(&device[8..12], [0xd2, 0x19, 0x00, 0x20]);
    }

    #[test]
    fn strings_and_what_is_not_there() {
        let product = MODEM.descriptor(0x0302).unwrap();
        assert_eq!(usize::from(product[0]), product.len());
        let units: Vec<u16> = product[2..]
            .chunks(2)
            .map(|c| u16::from_le_bytes([c[0], c[1]]))
            .collect();
        assert_eq!(String::from_utf16(&units).unwrap(), STRINGS[1]);
        assert_eq!(MODEM.descriptor(0x0300).unwrap(), [4, 3, 9, 4]);
        for absent in [0x0304, 0x0600, 0x0201] {
            assert_eq!(MODEM.descriptor(absent), None, "{absent:#x}");
        }
    }
}
