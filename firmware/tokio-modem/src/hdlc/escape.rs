//! Escaping and unescaping of words of eight octets.
//!
//! No branch depends on which octets are escaped: in mixed data it would be mispredicted too often.
//! What may be needed is always written; if it was not, the next octet overwrites it.

use super::{ESCAPE, ESCAPE_XOR, scan::WORD};

/// Longest encoding of a word, in octets: every octet escaped.
pub(super) const ESCAPED_WORD_MAX: usize = 2 * WORD;

/// Returns the word with [`ESCAPE_XOR`] applied to the marked octets. A mark is an octet's top bit.
const fn apply_xor(word: u64, marks: u64) -> u64 {
    const { assert!(ESCAPE_XOR == 0x80 >> 2) }
    word ^ (marks >> 2)
}

/// Writes a word with an escape before each marked octet. Returns the number of octets written.
#[expect(clippy::indexing_slicing, reason = "the remainder is within")]
#[inline]
pub(super) fn escape(out: &mut [u8; ESCAPED_WORD_MAX], word: u64, marks: u64) -> usize {
    let octets = apply_xor(word, marks).to_le_bytes();
    let mut at = 0;
    for (mark, octet) in marks.to_le_bytes().into_iter().zip(octets) {
        out[at % ESCAPED_WORD_MAX] = ESCAPE;
        at += usize::from(mark >> 7);
        out[at % ESCAPED_WORD_MAX] = octet;
        at += 1;
    }
    at
}

/// Writes a word without the octets marked in `omitted`, and with those marked in `after_escape`
/// unescaped. Returns the number of octets written.
#[expect(clippy::indexing_slicing, reason = "the remainder is within")]
#[inline]
pub(super) fn unescape(out: &mut [u8; WORD], word: u64, after_escape: u64, omitted: u64) -> usize {
    let octets = apply_xor(word, after_escape).to_le_bytes();
    let mut at = 0;
    for (mark, octet) in omitted.to_le_bytes().into_iter().zip(octets) {
        out[at % WORD] = octet;
        at += usize::from(mark >> 7 ^ 1);
    }
    at
}
