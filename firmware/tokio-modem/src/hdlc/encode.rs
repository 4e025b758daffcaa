//! Encoder: frames to bytes.

use thiserror::Error;

use super::{
    ADDRESS_CONTROL, ESCAPE, ESCAPE_XOR, FLAG,
    escape::{ESCAPED_WORD_MAX, escape},
    fcs::Sum,
    scan::{EscapeSet, WORD},
};
use crate::ppp::{Direction, Protocol};

/// LCP codes that are sent with default framing, since they must reach a peer in any state (RFC 1662, section 7.2; RFC 1661, section 6.6):
/// from Configure-Request to Code-Reject.
const LCP_PLAIN_CODES: core::ops::RangeInclusive<u8> = 1..=7;

/// Checksum of address and control, with which nearly all frames begin.
const HEADER_SUM: Sum = Sum::of(&ADDRESS_CONTROL);

/// Reason why a frame cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Shorter than a protocol number.
    #[error("frame: expected a protocol number of 2 bytes, got {0}")]
    TooShort(usize),
    /// Invalid protocol number (RFC 1661, section 2): it could not be distinguished from a compressed
    /// one.
    #[error("frame: expected an even first and an odd second byte, got protocol {0:#06x}")]
    Protocol(u16),
    /// The buffer is too small.
    #[error("frame: expected room for its encoding, at most {most} bytes, got {got}")]
    NoRoom {
        /// Longest possible encoding of this frame, in bytes.
        most: usize,
        /// Size of the buffer, in bytes.
        got: usize,
    },
}

/// Returns the longest encoding of a frame of this length, in bytes: each octet, including address,
/// control and checksum, may need an escape.
pub const fn encoded_max(frame: usize) -> usize {
    2 * (ADDRESS_CONTROL.len() + frame + 2) + 2
}

/// Encodes `frame`, a protocol number and an information field, between two flags with `options`.
/// Returns the number of bytes written; the rest of `out` is undefined. LCP's own negotiation
/// ignores `options`.
///
/// # Errors
/// The frame is invalid or does not fit; the content of `out` is undefined then.
pub fn encode(frame: &[u8], options: &Direction, out: &mut [u8]) -> Result<usize, EncodeError> {
    let [first, second, information @ ..] = frame else {
        return Err(EncodeError::TooShort(frame.len()));
    };
    let protocol = u16::from_be_bytes([*first, *second]);
    if first % 2 == 1 || second % 2 == 0 {
        return Err(EncodeError::Protocol(protocol));
    }
    let plain = Direction::default();
    let is_negotiation = protocol == Protocol::LCP.0
        && information
            .first()
            .is_some_and(|code| LCP_PLAIN_CODES.contains(code));
    let options = if is_negotiation { &plain } else { options };
    let header: &[u8] = if options.acfc { &[] } else { &ADDRESS_CONTROL };
    // A compressed 0xff would be taken for the address (RFC 1661, section 6.5).
    let skip = usize::from(options.pfc && *first == 0 && *second != ADDRESS_CONTROL[0]);
    let body = frame.get(skip..).unwrap_or_default();

    let mut sum = if options.acfc { Sum::new() } else { HEADER_SUM };
    sum.add(body);
    let sum = sum.finish().to_le_bytes();

    let got = out.len();
    let mut writer = Writer {
        out,
        at: 0,
        escape_set: EscapeSet::new(options.accm),
    };
    let written = writer
        .put(&[FLAG])
        .and_then(|()| writer.put_octets(header))
        .and_then(|()| writer.put_escaped(body))
        .and_then(|()| writer.put_octets(&sum))
        .and_then(|()| writer.put(&[FLAG]));
    match written {
        Some(()) => Ok(writer.at),
        None => Err(EncodeError::NoRoom {
            most: encoded_max(frame.len()),
            got,
        }),
    }
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
    escape_set: EscapeSet,
}

impl Writer<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at + bytes.len();
        self.out.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    /// Writes octets with escapes; a word without any, as most are, is copied.
    fn put_escaped(&mut self, octets: &[u8]) -> Option<()> {
        let escape_set = self.escape_set;
        let (words, rest) = octets.as_chunks::<WORD>();
        for octets in words {
            let word = u64::from_le_bytes(*octets);
            if escape_set.is_plain(word) {
                self.put(octets)?;
            } else if let Some(room) = self.room() {
                self.at += escape(room, word, escape_set.marks(word).all());
            } else {
                self.put_octets(octets)?;
            }
        }
        self.put_octets(rest)
    }

    fn room(&mut self) -> Option<&mut [u8; ESCAPED_WORD_MAX]> {
        self.out.get_mut(self.at..)?.first_chunk_mut()
    }

    #[inline]
    fn put_octets(&mut self, octets: &[u8]) -> Option<()> {
        octets.iter().try_for_each(|octet| {
            if self.escape_set.count(*octet) == 1 {
                self.put(&[ESCAPE, octet ^ ESCAPE_XOR])
            } else {
                self.put(&[*octet])
            }
        })
    }
}
