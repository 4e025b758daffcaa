//! The bytes of a stick's descriptors.

use super::layout::{Interface, Layout, Role};

const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;

/// `CS_INTERFACE`, with the subtypes of USB CDC 1.2, table 13.
const FUNCTIONAL: u8 = 0x24;
const HEADER: u8 = 0;
const CALL_MANAGEMENT: u8 = 1;
const ACM: u8 = 2;
const UNION: u8 = 6;

impl Layout {
    /// The descriptor of `GET_DESCRIPTOR`'s `wValue`, where there is one.
    pub(super) fn descriptor(&self, value: u16) -> Option<Vec<u8>> {
        let [index, kind] = value.to_le_bytes();
        match (kind, index) {
            (DEVICE, 0) => Some(self.device()),
            (CONFIGURATION, 0) => Some(self.configuration()),
            (STRING, index) => self.string(index),
            _ => None,
        }
    }

    fn device(&self) -> Vec<u8> {
        let mut out = vec![18, DEVICE, 0x00, 0x02, self.class, 0, 0, 64];
        for field in [self.vendor, self.product, self.release] {
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
            parts.append(&mut functional(number, interface));
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

    fn string(&self, index: u8) -> Option<Vec<u8>> {
        let Some(index) = usize::from(index).checked_sub(1) else {
            // The languages: English.
            return Some(vec![4, STRING, 0x09, 0x04]);
        };
        let text = self.strings.get(index)?;
        let mut out = vec![u8::try_from(2 + 2 * text.len()).ok()?, STRING];
        out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        Some(out)
    }
}

/// What a communications interface tells of itself (USB CDC 1.2, 5.2.3; PSTN 1.2, 5.3): version,
/// calls managed over the data interface, all requests and notifications of the abstract control
/// model but for network connections, and which interface has the data.
fn functional(number: u8, interface: &Interface) -> Vec<u8> {
    let Role::States(data) = interface.role else {
        return Vec::new();
    };
    let parts: [&[u8]; 4] = [
        &[5, FUNCTIONAL, HEADER, 0x10, 0x01],
        &[5, FUNCTIONAL, CALL_MANAGEMENT, 3, data],
        &[4, FUNCTIONAL, ACM, 7],
        &[5, FUNCTIONAL, UNION, number, data],
    ];
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::{
        super::models::{MF180, MF190, MF190J},
        *,
    };

    /// Class and endpoint addresses with types of every interface, and the functional
    /// descriptors, read from the bytes.
    #[allow(clippy::type_complexity)]
    fn parse(layout: &Layout) -> (Vec<(u8, Vec<(u8, u8)>)>, Vec<Vec<u8>>) {
        let configuration = layout.descriptor(0x0200).unwrap();
        let configuration = configuration.as_slice();
        let total = usize::from(u16::from_le_bytes([configuration[2], configuration[3]]));
        assert_eq!(total, configuration.len());
        let mut interfaces: Vec<(u8, Vec<(u8, u8)>)> = Vec::new();
        let mut told = Vec::new();
        let mut functional = Vec::new();
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
                FUNCTIONAL => functional.push(descriptor.to_vec()),
                other => panic!("descriptor {other}"),
            }
            rest = after;
        }
        assert_eq!(usize::from(configuration[4]), interfaces.len());
        let counted: Vec<usize> = interfaces.iter().map(|(_, ends)| ends.len()).collect();
        assert_eq!(told, counted);
        (interfaces, functional)
    }

    #[test]
    fn the_only_port_with_three_endpoints_dials() {
        for (model, modem, classes) in [
            (&MF180, 2, [0xff; 3].as_slice()),
            (&MF190, 3, &[0xff, 0xff, 0xff, 0xff, 8]),
        ] {
            let (interfaces, functional) = parse(&model.modem);
            let got: Vec<u8> = interfaces.iter().map(|(class, _)| *class).collect();
            assert_eq!((got.as_slice(), functional.len()), (classes, 0));
            for (number, (_, endpoints)) in interfaces.iter().enumerate() {
                let expected = if number == modem { 3 } else { 2 };
                assert_eq!(endpoints.len(), expected, "interface {number}");
            }
        }
    }

    #[test]
    fn communications_functions_name_their_data() {
        let (interfaces, functional) = parse(&MF190J.modem);
        let shape = |(class, ends): &(u8, Vec<(u8, u8)>)| (*class, ends.len());
        let shapes: Vec<_> = interfaces.iter().map(shape).collect();
        let (states, data) = ((2, 1), (10, 2));
        assert_eq!(shapes, [(0, 0), states, data, states, data, states, data]);
        let unions = functional.iter().filter(|part| part.get(2) == Some(&UNION));
        let unions: Vec<_> = unions.map(|part| part.get(3..).unwrap()).collect();
        assert_eq!(unions, [[1, 2], [3, 4], [5, 6]]);
        let device = MF190J.modem.descriptor(0x0100).unwrap();
        assert_eq!(
            (device[4], &device[8..12]),
            (2, [0xd2, 0x19, 0x44, 0x15].as_slice())
        );
    }

    #[test]
    fn the_cdrom_is_mass_storage() {
        let (interfaces, _) = parse(&MF180.cdrom);
        assert_eq!(interfaces, [(8, vec![(0x81, 2), (0x01, 2)])]);
        let device = MF180.cdrom.descriptor(0x0100).unwrap();
        assert_eq!(device.len(), 18);
        assert_eq!(&device[8..12], [0xd2, 0x19, 0x00, 0x20]);
    }

    #[test]
    fn strings_and_what_is_not_there() {
        let product = MF180.modem.descriptor(0x0302).unwrap();
        assert_eq!(usize::from(product[0]), product.len());
        let units: Vec<u16> = product[2..]
            .chunks(2)
            .map(|c| u16::from_le_bytes([c[0], c[1]]))
            .collect();
        assert_eq!(String::from_utf16(&units).unwrap(), MF180.modem.strings[1]);
        assert_eq!(MF180.modem.descriptor(0x0300).unwrap(), [4, 3, 9, 4]);
        for absent in [0x0304, 0x0600, 0x0201] {
            assert_eq!(MF180.modem.descriptor(absent), None, "{absent:#x}");
        }
    }
}
