//! Decoding of lines with bytes other than printable ASCII.
//!
//! The alphabet of names and texts depends on `+CSCS` and the firmware, and a line does not declare
//! it. UTF-8 is recognised by its form. A byte above 127 that is not UTF-8 is read
//! as Latin-1. A control byte within quotes is read in the GSM alphabet, whose first 32 characters
//! are letters and symbols (3GPP 23.038, 6.2.1). All others become U+FFFD, so that one wrong byte
//! costs one character and not the line.

use super::Line;
use crate::modem::{gsm_character, is_obeyed};

/// The decoded line does not fit.
pub(super) struct Overlong;

/// Decodes `bytes` and appends the characters.
pub(super) fn decode(bytes: &[u8], out: &mut Line) -> Result<(), Overlong> {
    let mut quoted = false;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            quoted ^= character == '"';
            let shown = match character {
                '\t' => '\t',
                '\0'..='\u{1f}' if quoted => gsm_character(character),
                other if is_obeyed(other) => char::REPLACEMENT_CHARACTER,
                other => other,
            };
            out.push(shown).map_err(|_| Overlong)?;
        }
        for &byte in chunk.invalid() {
            let shown = match byte {
                0xa0..=0xff => char::from(byte),
                _ => char::REPLACEMENT_CHARACTER,
            };
            out.push(shown).map_err(|_| Overlong)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8]) -> Line {
        let mut out = Line::new();
        assert!(decode(bytes, &mut out).is_ok());
        out
    }

    #[test]
    fn name_in_each_alphabet_reads_as_its_letters() {
        for (bytes, text) in [
            (&b"\"Telef\xf3nica\""[..], "\"Telefónica\""),
            ("\"Telefónica\"".as_bytes(), "\"Telefónica\""),
            ("\"МегаФон\"".as_bytes(), "\"МегаФон\""),
            (b"\"Libert\x08\"", "\"Libertò\""),
            (b"\"a\x00b\"", "\"a@b\""),
            (b"O\x07K", "O\u{fffd}K"),
            (b"\x80\x9f", "\u{fffd}\u{fffd}"),
            (b"\"\x1b\"", "\"\u{fffd}\""),
            ("a\u{202e}b\u{85}".as_bytes(), "a\u{fffd}b\u{fffd}"),
            (b"7\xc3", "7Ã"),
        ] {
            assert_eq!(decoded(bytes), text, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_text_that_can_be_logged(bytes: [u8; 64]) {
            let shown = decoded(&bytes);
            let is_safe = |c: char| c == '\t' || c == '\n' || c == '\r' || !is_obeyed(c);
            prop_assert!(shown.chars().all(is_safe), "{shown:?}");
        }
    }
}
