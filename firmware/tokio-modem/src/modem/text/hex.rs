//! Hexadecimal digits, as sticks write octets and UCS-2.

use heapless::Vec;

use super::{Prose, prose};
use crate::at::LINE_MAX;

/// The octets of a line of digits.
type Octets = Vec<u8, { LINE_MAX / 2 }>;

/// The octets that `digits` spell; `None` where there are none, an odd count, or other characters.
pub(in crate::modem) fn octets(digits: &str) -> Option<Octets> {
    let pairs = digits.as_bytes().chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    let mut out = Octets::new();
    for pair in pairs {
        let &[high, low] = pair else { return None };
        let octet = value(high)? << 4 | value(low)?;
        out.push(octet).ok()?;
    }
    Some(out)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The text of UCS-2 octets, the high one first. UTF-16 is read too, for networks send it; what is
/// neither shows as `U+FFFD`.
pub(in crate::modem) fn ucs2_octets(octets: &[u8]) -> Prose {
    let units = octets.chunks_exact(2).filter_map(|pair| match *pair {
        [high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    });
    prose(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)))
}

/// The same from digits.
pub(in crate::modem) fn ucs2(digits: &str) -> Option<Prose> {
    octets(digits).map(|octets| ucs2_octets(&octets))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fmt::Write, string::String};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_pairs() {
        assert_eq!(octets("00fF7a").unwrap(), [0x00, 0xff, 0x7a]);
        for wrong in ["", "0", "0g", "00 1", "+1", "ää"] {
            assert_eq!(octets(wrong), None, "{wrong}");
        }
        assert_eq!(octets(&"0".repeat(LINE_MAX + 2)), None);
    }

    #[test]
    fn half_a_pair_shows_as_such() {
        assert_eq!(ucs2("D83DDE00").unwrap(), "😀");
        assert_eq!(ucs2("D83D0041").unwrap(), "\u{fffd}A");
    }

    proptest! {
        #[test]
        fn what_is_written_in_ucs2_reads_back(text in "\\PC{1,90}") {
            let mut digits = String::new();
            for unit in text.encode_utf16() {
                write!(digits, "{unit:04X}").unwrap();
            }
            let back = ucs2(&digits).unwrap();
            prop_assert_eq!(back.as_str(), text.as_str());
        }
    }
}
