//! The GSM 7 bit default alphabet, its extension, and seven bits packed in octets
//! (3GPP 23.038, 6.2.1 and 6.1.2).

use heapless::Vec;

use super::{Prose, prose};

/// Septets of one text: a short message has 160, a USSD string 182.
type Septets = Vec<u8, 182>;

/// The octets that hold them.
type Packed = Vec<u8, 160>;

const ESCAPE: u8 = 0x1b;

#[rustfmt::skip]
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// What an escape makes of the septet after it. The page break reads as a line end.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\n'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The character of one septet that stands for itself; U+FFFD for an escape or what is no septet.
pub(crate) fn gsm_character(septet: char) -> char {
    let found = u8::try_from(septet).ok().filter(|code| *code != ESCAPE);
    found
        .and_then(|code| BASIC.get(usize::from(code)).copied())
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn basic(septet: u8) -> char {
    BASIC.get(usize::from(septet)).copied().unwrap_or(' ')
}

/// The text of `count` septets in `packed`, from the bit `skipped` on. Septets that are not there
/// are left out.
pub(in crate::modem) fn unpack(packed: &[u8], skipped: usize, count: usize) -> Prose {
    let septets = (0..count).map_while(|index| {
        let bit = skipped + 7 * index;
        let low = u16::from(*packed.get(bit / 8)?);
        let high = packed.get(bit / 8 + 1).copied();
        if high.is_none() && bit % 8 > 1 {
            return None;
        }
        let [septet, _] = ((low | u16::from(high.unwrap_or(0)) << 8) >> (bit % 8)).to_le_bytes();
        Some(septet & 0x7f)
    });
    let mut escaped = false;
    prose(septets.filter_map(|septet| {
        if core::mem::take(&mut escaped) {
            let extended = EXTENSION.iter().find(|(code, _)| *code == septet);
            return Some(extended.map_or(basic(septet), |(_, character)| *character));
        }
        escaped = septet == ESCAPE;
        (!escaped).then(|| basic(septet))
    }))
}

/// The septets of `text`; `None` where the alphabet has none for a character, or there are too
/// many.
fn septets(text: &str) -> Option<Septets> {
    let mut out = Septets::new();
    for character in text.chars() {
        let extended = EXTENSION.iter().find(|(_, known)| *known == character);
        let known = |code: usize| code != usize::from(ESCAPE);
        let code = (0..)
            .zip(BASIC)
            .find(|&(code, at)| at == character && known(code.into()));
        match (code, extended) {
            (Some((code, _)), _) => out.push(code).ok()?,
            (None, Some((code, _))) => {
                out.push(ESCAPE).ok()?;
                out.push(*code).ok()?;
            }
            (None, None) => return None,
        }
    }
    Some(out)
}

/// Packs the septets of `text` as USSD has them: where seven bits would be left over, a carriage
/// return fills them (3GPP 23.038, 6.1.2.3).
pub(in crate::modem) fn pack(text: &str) -> Option<Packed> {
    let mut septets = septets(text)?;
    if septets.len() % 8 == 7 {
        septets.push(0x0d).ok()?;
    }
    let mut out = Packed::new();
    let (mut held, mut bits) = (0_u16, 0);
    for septet in septets {
        held |= u16::from(septet) << bits;
        bits += 7;
        if bits >= 8 {
            let [octet, _] = held.to_le_bytes();
            out.push(octet).ok()?;
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        let [octet, _] = held.to_le_bytes();
        out.push(octet).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_known_from_elsewhere() {
        // The example of many manuals, and what sticks are asked for a balance with.
        assert_eq!(
            unpack(
                &[0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37],
                0,
                10
            ),
            "hellohello"
        );
        assert_eq!(pack("*100#").unwrap(), [0xaa, 0x18, 0x0c, 0x36, 0x02]);
        assert_eq!(pack("*144#").unwrap(), [0xaa, 0x18, 0x8d, 0x36, 0x02]);
        assert_eq!(pack("Баланс"), None);
        assert_eq!(unpack(&[0xaa], 0, 10), "*");
        assert_eq!(unpack(&[], 3, 10), "");
    }

    #[test]
    fn an_unknown_extension_reads_as_its_letter() {
        let packed = [0x1b | 0x80, 0x20 | 0x1b_u8 >> 1];
        assert!(unpack(&packed, 0, 2).chars().count() == 1);
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks(text in "[ -_a-~£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉÄÖÑÜ§¿äöñüà€]{0,90}") {
            let packed = pack(&text).unwrap();
            let back = unpack(&packed, 0, packed.len() * 8 / 7);
            // A last octet with seven bits to spare is filled with a carriage return; fewer bits
            // are no septet.
            prop_assert_eq!(back.trim_end_matches('\r'), text.as_str());
        }

        #[test]
        fn any_octets_unpack(octets: std::vec::Vec<u8>, skipped in 0_usize..2_000, count in 0_usize..2_000) {
            let text = unpack(&octets, skipped, count);
            prop_assert!(text.chars().count() <= count);
        }
    }
}
