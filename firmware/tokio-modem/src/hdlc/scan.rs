//! Search for flags, escapes and mapped control characters, eight octets at a time in a register.

use super::{ESCAPE, FLAG};

/// Octets in a word.
pub(super) const WORD: usize = 8;

/// Returns a word with every octet equal to `octet`.
const fn each(octet: u8) -> u64 {
    u64::from_ne_bytes([octet; WORD])
}

const TOP: u64 = each(0x80);

/// Octets that must be escaped: flag, escape, and the control characters of the ACCM.
#[derive(Clone, Copy, Debug)]
pub(super) struct EscapeSet {
    /// Async-Control-Character-Map.
    map: u32,
    /// All ones if the map contains any control character: then the scan covers all of them.
    controls: u64,
}

impl EscapeSet {
    pub(super) const fn new(map: u32) -> Self {
        let controls = if map == 0 { 0 } else { u64::MAX };
        Self { map, controls }
    }

    /// Returns 1 for an octet that must be escaped, else 0: a number, to avoid a branch.
    pub(super) const fn count(self, octet: u8) -> u8 {
        (octet == FLAG) as u8 | (octet == ESCAPE) as u8 | self.mapped(octet)
    }

    /// Returns 1 for a control character in the map, else 0.
    pub(super) const fn mapped(self, octet: u8) -> u8 {
        let in_map = self.map >> (octet % b' ') & 1;
        (octet < b' ') as u8 & in_map as u8
    }

    /// Returns whether no octet of the word must be escaped. May return false because of a control
    /// character that is not mapped.
    #[inline]
    pub(super) const fn is_plain(self, word: u64) -> bool {
        let (delimiters, controls) = find(word);
        delimiters | (controls & self.controls) == 0
    }

    /// Returns the marks of the octets to escape.
    #[inline]
    pub(super) fn marks(self, word: u64) -> Marks {
        let (delimiters, controls) = find(word);
        let controls = controls & self.controls;
        let mapped = if controls == 0 || self.map == u32::MAX {
            controls
        } else {
            self.mapped_marks(word)
        };
        // An escape is odd, a flag even: bit 0 moved to where the marks are.
        let odd = word << 7;
        Marks {
            flags: delimiters & !odd,
            escapes: delimiters & odd,
            mapped,
        }
    }

    /// Applies any map, octet by octet. Not inlined: it is long and seldom needed.
    #[inline(never)]
    fn mapped_marks(self, word: u64) -> u64 {
        u64::from_le_bytes(word.to_le_bytes().map(|octet| self.mapped(octet) << 7))
    }
}

/// Marks of the octets of a word by kind, as their top bits; the first octet is the lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) flags: u64,
    pub(super) escapes: u64,
    pub(super) mapped: u64,
}

impl Marks {
    /// Returns the marks of all kinds.
    pub(super) const fn all(self) -> u64 {
        self.flags | self.escapes | self.mapped
    }

    /// Returns the marks of octets that follow an escape; `carry` is 1 if the first does.
    pub(super) const fn after_escape(self, carry: u64) -> u64 {
        self.escapes << 8 | carry << 7
    }

    /// Returns the first flag, the marks of the octets before it, and all bits of the other octets.
    pub(super) const fn before_flag(self) -> (u64, Self, u64) {
        let flag = self.flags & self.flags.wrapping_neg();
        let before = (flag >> 7).wrapping_sub(1);
        let marks = Self {
            flags: 0,
            escapes: self.escapes & before,
            mapped: self.mapped & before,
        };
        (flag, marks, !before)
    }
}

/// Returns the marks of flags and escapes, and those of control characters.
///
/// Seven bits and a small number do not carry into the next octet: whether the sum has the top bit
/// says which is larger. The octet's own top bit speaks against it.
const fn find(word: u64) -> (u64, u64) {
    const { assert!(FLAG == ESCAPE + 1) }
    let low = word & !TOP;
    let from_escape = low + each(0x80 - ESCAPE);
    let above_flag = low + each(0x80 - FLAG - 1);
    let from_space = low + each(0x80 - b' ');
    let may_be = !word & TOP;
    (from_escape & !above_flag & may_be, !from_space & may_be)
}
