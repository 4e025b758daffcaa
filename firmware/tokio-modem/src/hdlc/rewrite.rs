//! Puts escapes into words and takes them out.
//!
//! No branch depends on which octets are special, for in a mix it would be guessed wrong too often:
//! what may be needed is always written, and where it was not, the next octet is written over it.

use super::{ESCAPE, FLIP, scan::WORD};

/// Room for a word of nothing but special octets.
pub(super) const ESCAPED: usize = 2 * WORD;

/// The word with the marked octets made others. A mark is an octet's top bit.
const fn flip(word: u64, marks: u64) -> u64 {
    const { assert!(FLIP == 0x80 >> 2) }
    word ^ (marks >> 2)
}

/// Writes a word with an escape for each marked octet; tells how many octets are used.
#[expect(clippy::indexing_slicing, reason = "the remainder is within")]
#[inline]
pub(super) fn escape(out: &mut [u8; ESCAPED], word: u64, marks: u64) -> usize {
    let octets = flip(word, marks).to_le_bytes();
    let mut at = 0;
    for (mark, octet) in marks.to_le_bytes().into_iter().zip(octets) {
        out[at % ESCAPED] = ESCAPE;
        at += usize::from(mark >> 7);
        out[at % ESCAPED] = octet;
        at += 1;
    }
    at
}

/// Writes a word without what `left_out` marks, with those octets restored that `after_escape`
/// does; tells how many octets are used.
#[expect(clippy::indexing_slicing, reason = "the remainder is within")]
#[inline]
pub(super) fn unescape(out: &mut [u8; WORD], word: u64, after_escape: u64, left_out: u64) -> usize {
    let octets = flip(word, after_escape).to_le_bytes();
    let mut at = 0;
    for (mark, octet) in left_out.to_le_bytes().into_iter().zip(octets) {
        out[at % WORD] = octet;
        at += usize::from(mark >> 7 ^ 1);
    }
    at
}
