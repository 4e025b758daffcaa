//! Which alphabet hexadecimal digits are in, where the stick does not say or cannot be trusted.
//!
//! Each reading gets a weight by how usual its characters are in what carriers write; the best one
//! counts. Packed septets read as octets have every other character above 127, and octets of text
//! read as packed septets have controls and capitals of Greek, so that few words are enough.

use super::{Alphabet, Prose, octets, prose, ucs2_octets, unpack};

/// Weight of a character that any text may have.
const USUAL: i32 = 4;

/// Weight of a mark, of which texts have fewer than of letters.
const MARK: i32 = 3;

/// Weight of a letter of some language; half a [`USUAL`] one.
const LETTER: i32 = 2;

/// Weight of a character that no text has.
const NEVER: i32 = -8;

/// Parts of a mean weight.
const SCALE: i32 = 64;

/// Digits of the shortest text that is hardly a word itself, as `A1` and `CAFE` are.
const NAME_MIN: usize = 8;

/// Digits without A to F of the shortest text that is not taken for a number: cards and accounts
/// have 20.
const NUMBER_MAX: usize = 20;

/// The text that `digits` stand for, which spell these `octets`.
pub(in crate::modem) fn likeliest(digits: &str, octets: &[u8], alphabet: Alphabet) -> Prose {
    let literal = || prose(digits.chars());
    if is_likely_ucs2(octets) {
        return ucs2_octets(octets);
    }
    let is_number = !digits.bytes().any(|digit| digit.is_ascii_alphabetic());
    let characters = characters(octets);
    if is_number {
        let is_text = digits.len() > NUMBER_MAX && is_words(&characters);
        return if is_text { characters } else { literal() };
    }
    let packed = (alphabet == Alphabet::Gsm).then(|| septets(octets));
    let best = match packed {
        Some(packed) if weight(&packed) >= weight(&characters) => packed,
        _ => characters,
    };
    // Worse than letters of some language: a word that happens to be of digits. Few digits make
    // such words more easily.
    let least = if digits.len() < NAME_MIN {
        LETTER + 1
    } else {
        LETTER
    };
    if best.is_empty() || weight(&best) > SCALE * least {
        best
    } else {
        literal()
    }
}

/// A name that may be written in digits. Short ones are not, but for UCS-2.
pub(in crate::modem) fn name(source: &str) -> Prose {
    let literal = prose(source.chars());
    let Some(octets) = octets(source) else {
        return literal;
    };
    if is_likely_ucs2(&octets) {
        return ucs2_octets(&octets);
    }
    let is_number = !source.bytes().any(|digit| digit.is_ascii_alphabetic());
    if source.len() < NAME_MIN || is_number {
        return literal;
    }
    [characters(&octets), septets(&octets)]
        .into_iter()
        .find(|name| is_words(name))
        .unwrap_or(literal)
}

/// Most characters are Latin, Greek, Cyrillic, Hebrew or Arabic, or their spaces and digits; or all
/// are of one other alphabet up to Khmer.
pub(in crate::modem) fn is_likely_ucs2(octets: &[u8]) -> bool {
    let units = octets.chunks_exact(2);
    let count = octets.len() / 2;
    let is_plain = |unit: &[u8]| matches!(unit, [0x00, b' '..=0xff | b'\r' | b'\n']);
    let usual = units
        .clone()
        .filter(|unit| is_plain(unit) || matches!(unit, [0x03..=0x06, _]))
        .count();
    let other = units.clone().find(|unit| !is_plain(unit));
    let is_other = count > 2
        && matches!(other, Some([0x07..=0x17, _]))
        && units
            .clone()
            .all(|unit| is_plain(unit) || unit.first() == other.and_then(|unit| unit.first()));
    units.remainder().is_empty() && count > 0 && (2 * usual > count || is_other)
}

/// Packed septets of a USSD text.
fn septets(octets: &[u8]) -> Prose {
    let text = unpack(octets, 0, octets.len() * 8 / 7);
    // What fills the last octet.
    prose(text.strip_suffix('\r').unwrap_or(&text).chars())
}

/// Octets as characters: UTF-8, or Latin-1.
pub(in crate::modem) fn characters(octets: &[u8]) -> Prose {
    match core::str::from_utf8(octets) {
        Ok(text) => prose(text.chars()),
        Err(_) => prose(octets.iter().map(|octet| char::from(*octet))),
    }
}

/// Mostly letters, and nothing unusual.
fn is_words(text: &str) -> bool {
    let letters = text.chars().filter(|character| character.is_alphabetic());
    let is_usual = |character| weight_of(character) >= MARK;
    text.chars().all(is_usual) && 2 * letters.count() > text.chars().count()
}

/// Mean weight of the characters, in parts of [`SCALE`]; 0 of none.
fn weight(text: &str) -> i32 {
    let (mut sum, mut count, mut before) = (0, 0, ' ');
    for character in text.chars() {
        sum += weight_of(character) - if breaks(before, character) { LETTER } else { 0 };
        count += 1;
        before = character;
    }
    if count == 0 { 0 } else { SCALE * sum / count }
}

/// Whether a word changes in the middle as few do: to a capital, or between letter and digit.
fn breaks(before: char, character: char) -> bool {
    let is_mixed =
        |letter: char, digit: char| letter.is_ascii_alphabetic() && digit.is_ascii_digit();
    (before.is_ascii_lowercase() && character.is_ascii_uppercase())
        || is_mixed(before, character)
        || is_mixed(character, before)
}

fn weight_of(character: char) -> i32 {
    match character {
        ' ' | '\n' | '\r' => USUAL,
        usual if usual.is_ascii_alphanumeric() => USUAL,
        mark if ".,:;!?-/*#+()'\"%&=$@_".contains(mark) => MARK,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffd}' => NEVER,
        'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => 1,
        other if other.is_alphabetic() => LETTER,
        '€' | '£' | '¥' => LETTER,
        _ => 0,
    }
}
