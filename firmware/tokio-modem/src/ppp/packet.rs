//! Packet format of LCP, PAP, CHAP and the network control protocols: code, identifier,
//! length, data; and the options in them.

use super::MAX_INFORMATION;
use super::counters::{Fault, Malformed};
use super::protocol::Protocol;

/// Length of a protocol number, in bytes.
const PROTOCOL_LEN: usize = 2;
/// Length of a packet's header, in bytes.
pub(super) const HEADER_LEN: usize = 4;
/// Largest data field, in bytes.
pub(super) const MAX_DATA: usize = MAX_INFORMATION - HEADER_LEN;

/// Buffer for the data of a packet.
pub(super) type Body = heapless::Vec<u8, MAX_DATA>;

/// Code numbers of RFC 1661, section 5, and RFC 1662.
pub(super) mod code {
    pub(in super::super) const CONFIGURE_REQUEST: u8 = 1;
    pub(in super::super) const CONFIGURE_ACK: u8 = 2;
    pub(in super::super) const CONFIGURE_NAK: u8 = 3;
    pub(in super::super) const CONFIGURE_REJECT: u8 = 4;
    pub(in super::super) const TERMINATE_REQUEST: u8 = 5;
    pub(in super::super) const TERMINATE_ACK: u8 = 6;
    pub(in super::super) const CODE_REJECT: u8 = 7;
    pub(in super::super) const PROTOCOL_REJECT: u8 = 8;
    pub(in super::super) const ECHO_REQUEST: u8 = 9;
    pub(in super::super) const ECHO_REPLY: u8 = 10;
    pub(in super::super) const DISCARD_REQUEST: u8 = 11;
    /// RFC 1570, section 2.
    pub(in super::super) const IDENTIFICATION: u8 = 12;
    /// RFC 1570, section 2.
    pub(in super::super) const TIME_REMAINING: u8 = 13;
}

/// Splits a frame into protocol number and information field.
pub(super) fn split_protocol(frame: &[u8]) -> Result<(Protocol, &[u8]), Malformed> {
    let malformed = |fault| Malformed {
        protocol: None,
        offset: 0,
        fault,
    };
    let Some((number, information)) = frame.split_first_chunk::<PROTOCOL_LEN>() else {
        return Err(malformed(Fault::Truncated {
            expected: PROTOCOL_LEN,
            got: frame.len(),
        }));
    };
    if information.len() > MAX_INFORMATION {
        return Err(malformed(Fault::Oversized(frame.len())));
    }
    Ok((Protocol(u16::from_be_bytes(*number)), information))
}

/// A packet of a control protocol, borrowed from its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) protocol: Protocol,
    pub(super) code: u8,
    pub(super) id: u8,
    pub(super) data: &'a [u8],
    /// Header and data, without padding.
    pub(super) whole: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Parses a packet; bytes after its length are padding.
    pub(super) fn parse(protocol: Protocol, information: &'a [u8]) -> Result<Self, Malformed> {
        let malformed = |offset, fault| Malformed {
            protocol: Some(protocol),
            offset,
            fault,
        };
        let Some(([code, id, high, low], _)) = information.split_first_chunk::<HEADER_LEN>() else {
            let fault = Fault::Truncated {
                expected: HEADER_LEN,
                got: information.len(),
            };
            return Err(malformed(PROTOCOL_LEN, fault));
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let length_offset = PROTOCOL_LEN + 2;
        if length < HEADER_LEN {
            return Err(malformed(length_offset, Fault::Length(length)));
        }
        let Some((whole, _padding)) = information.split_at_checked(length) else {
            let fault = Fault::Truncated {
                expected: length,
                got: information.len(),
            };
            return Err(malformed(length_offset, fault));
        };
        let data = whole.get(HEADER_LEN..).unwrap_or_default();
        Ok(Self {
            protocol,
            code: *code,
            id: *id,
            data,
            whole,
        })
    }

    /// Returns the fault at `offset` in the data.
    pub(super) fn fault(&self, offset: usize, fault: Fault) -> Malformed {
        Malformed {
            protocol: Some(self.protocol),
            offset: PROTOCOL_LEN + HEADER_LEN + offset,
            fault,
        }
    }

    /// Parses the data as options; all lengths must be valid.
    pub(super) fn options(&self) -> Result<Options<'a>, Malformed> {
        match self.readable_options() {
            (options, None) => Ok(options),
            (_, Some((_, malformed))) => Err(malformed),
        }
    }

    /// Returns the options up to the first one with an invalid length; the rest from that one on, and its
    /// fault.
    pub(super) fn readable_options(&self) -> (Options<'a>, Option<(&'a [u8], Malformed)>) {
        let mut rest = self.data;
        while !rest.is_empty() {
            let offset = self.data.len() - rest.len();
            match behind_option(rest) {
                Ok(behind) => rest = behind,
                Err((at, fault)) => {
                    let readable = self.data.get(..offset).unwrap_or_default();
                    let malformed = self.fault(offset + at, fault);
                    return (Options(readable), Some((rest, malformed)));
                }
            }
        }
        (Options(self.data), None)
    }
}

/// Returns the bytes after the first option, or its fault and position.
fn behind_option(rest: &[u8]) -> Result<&[u8], (usize, Fault)> {
    let truncated = |expected| Fault::Truncated {
        expected,
        got: rest.len(),
    };
    let length = match rest {
        [_, length, ..] => usize::from(*length),
        _ => return Err((0, truncated(2))),
    };
    if length < 2 {
        return Err((1, Fault::Length(length)));
    }
    match rest.split_at_checked(length) {
        Some((_, behind)) => Ok(behind),
        None => Err((1, truncated(length))),
    }
}

/// Options with valid lengths.
#[derive(Clone, Debug)]
pub(super) struct Options<'a>(&'a [u8]);

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConfigOption<'a> {
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
    /// Type, length and value.
    pub(super) whole: &'a [u8],
}

impl<'a> Options<'a> {
    /// Returns all options as received.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = ConfigOption<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = match self.0 {
            [kind, length, ..] => (*kind, usize::from(*length)),
            _ => return None,
        };
        let (whole, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(ConfigOption {
            kind,
            value: whole.get(2..)?,
            whole,
        })
    }
}

/// Appends an option; one that does not fit is omitted.
pub(super) fn put_option<const N: usize, Len: heapless::LenType>(
    out: &mut heapless::Vec<u8, N, Len>,
    kind: u8,
    value: &[u8],
) {
    let length = value.len() + 2;
    let Ok(length_octet) = u8::try_from(length) else {
        return;
    };
    if out.capacity() - out.len() >= length {
        let fits = out.push(kind).is_ok()
            && out.push(length_octet).is_ok()
            && out.extend_from_slice(value).is_ok();
        debug_assert!(fits, "room was checked");
    }
}
