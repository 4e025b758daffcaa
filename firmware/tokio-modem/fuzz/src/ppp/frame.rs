//! Control packets, written and read without the crate's help.

pub(super) const LCP: u16 = 0xc021;
pub(super) const PAP: u16 = 0xc023;
pub(super) const CHAP: u16 = 0xc223;
pub(super) const IPCP: u16 = 0x8021;
pub(super) const IPV6CP: u16 = 0x8057;

/// RFC 1661, section 5.
pub(super) mod code {
    pub(in super::super) const REQUEST: u8 = 1;
    pub(in super::super) const ACK: u8 = 2;
    pub(in super::super) const NAK: u8 = 3;
    pub(in super::super) const REJECT: u8 = 4;
    pub(in super::super) const CODE_REJECT: u8 = 7;
    pub(in super::super) const PROTOCOL_REJECT: u8 = 8;
    pub(in super::super) const ECHO_REQUEST: u8 = 9;
}

/// RFC 1334 and RFC 1994: what they call the answer to a PAP request, and CHAP's own.
pub(super) mod auth {
    pub(in super::super) const PAP_REQUEST: u8 = 1;
    pub(in super::super) const PAP_ACK: u8 = 2;
    pub(in super::super) const CHALLENGE: u8 = 1;
    pub(in super::super) const RESPONSE: u8 = 2;
    pub(in super::super) const SUCCESS: u8 = 3;
}

#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) protocol: u16,
    pub(super) code: u8,
    pub(super) id: u8,
    pub(super) data: &'a [u8],
}

/// The packet of a frame; what is behind its length is padding.
pub(super) fn read(frame: &[u8]) -> Option<Packet<'_>> {
    let (&[high, low, code, id, length_high, length_low], _) = frame.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    Some(Packet {
        protocol: u16::from_be_bytes([high, low]),
        code,
        id,
        data: frame.get(6..length + 2)?,
    })
}

pub(super) fn write(protocol: u16, code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 4).unwrap();
    let header = [protocol.to_be_bytes(), [code, id], length.to_be_bytes()].concat();
    [header.as_slice(), data].concat()
}

/// Options by number and value, if all lengths are right.
pub(super) fn options(data: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (mut all, mut rest) = (Vec::new(), data);
    while let [kind, length, ..] = *rest {
        let (option, behind) = rest.split_at_checked(length.into())?;
        all.push((kind, option.get(2..)?));
        rest = behind;
    }
    rest.is_empty().then_some(all)
}

pub(super) fn option(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len() + 2).unwrap();
    [&[kind, length], value].concat()
}
