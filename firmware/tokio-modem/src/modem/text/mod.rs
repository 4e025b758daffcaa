//! Text as networks send it: the GSM 7 bit alphabet, UCS-2, hexadecimal digits.

mod gsm;
mod guess;
mod hex;
mod shown;

use heapless::String;

pub(crate) use gsm::gsm_character;
pub(super) use gsm::{pack, unpack};
pub(super) use guess::{characters, is_likely_ucs2, likeliest, name};
pub(super) use hex::{octets, ucs2, ucs2_octets};
pub use shown::Shown;
pub(crate) use shown::is_obeyed;

/// Longest text from the network in UTF-8: a USSD answer of 182 characters.
pub const PROSE_MAX: usize = 3 * 182;

/// A text from the network, as it came: [`Shown`] is for logs and terminals.
pub type Prose = String<PROSE_MAX>;

/// How the octets of a text are to be read (3GPP 23.038).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Seven bits, packed.
    Gsm,
    /// Eight bits of the sender's own.
    Data,
    /// Two octets each.
    Ucs2,
}

impl Alphabet {
    fn of_bits(coding: u8) -> Self {
        match coding >> 2 & 3 {
            1 => Self::Data,
            2 => Self::Ucs2,
            _ => Self::Gsm,
        }
    }

    /// Of a short message's data coding scheme (3GPP 23.038, 4).
    pub(super) fn of_message(coding: u8) -> Self {
        match coding {
            0x00..=0x7f => Self::of_bits(coding),
            0xe0..=0xef => Self::Ucs2,
            0xf0..=0xff if coding & 4 != 0 => Self::Data,
            _ => Self::Gsm,
        }
    }

    /// Of a USSD text's data coding scheme (3GPP 23.038, 5).
    pub(super) fn of_ussd(coding: u8) -> Self {
        match coding {
            0x11 => Self::Ucs2,
            0x40..=0x7f | 0x90..=0x9f => Self::of_bits(coding),
            0xf0..=0xff if coding & 4 != 0 => Self::Data,
            _ => Self::Gsm,
        }
    }
}

/// As much of `source` as fits.
pub(super) fn prose(source: impl IntoIterator<Item = char>) -> Prose {
    let mut out = Prose::new();
    for character in source {
        if out.push(character).is_err() {
            break;
        }
    }
    out
}

/// A text that a stick may have written as it is or as UCS-2 in hexadecimal digits, without saying
/// which: as `+CSCS` has it. Digits alone could be either; they are UCS-2 where most of the
/// characters are of scripts that carriers write in.
pub(super) fn either(source: &str) -> Prose {
    match octets(source) {
        Some(octets) if is_likely_ucs2(&octets) => ucs2_octets(&octets),
        _ => prose(source.chars()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coding_schemes_name_their_alphabet() {
        for (coding, message, ussd) in [
            (0x00, Alphabet::Gsm, Alphabet::Gsm),
            (0x04, Alphabet::Data, Alphabet::Gsm),
            (0x08, Alphabet::Ucs2, Alphabet::Gsm),
            (0x0f, Alphabet::Gsm, Alphabet::Gsm),
            (0x11, Alphabet::Gsm, Alphabet::Ucs2),
            (0x48, Alphabet::Ucs2, Alphabet::Ucs2),
            (0xe0, Alphabet::Ucs2, Alphabet::Gsm),
            (0xf0, Alphabet::Gsm, Alphabet::Gsm),
            (0xf4, Alphabet::Data, Alphabet::Data),
        ] {
            assert_eq!(Alphabet::of_message(coding), message, "{coding:#x}");
            assert_eq!(Alphabet::of_ussd(coding), ussd, "{coding:#x}");
        }
    }

    #[test]
    fn digits_are_text_unless_they_spell_words() {
        for (source, text) in [
            ("04110430043B0430043D0441", "Баланс"),
            ("00480069", "Hi"),
            ("20260001", "20260001"),
            ("Hello", "Hello"),
            ("004", "004"),
            ("", ""),
        ] {
            assert_eq!(either(source), text, "{source}");
        }
    }
}
