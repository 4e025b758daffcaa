//! Finds octets that do not stand for themselves, eight at a time in an ordinary register.

use super::{ESCAPE, FLAG};

/// Octets that are looked at as one number.
pub(super) const WORD: usize = 8;

/// The same in each octet of a word.
const fn each(octet: u8) -> u64 {
    u64::from_ne_bytes([octet; WORD])
}

const TOP: u64 = each(0x80);

/// Which octets are special on a line with a certain map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Special {
    map: u32,
    /// All ones if the map names any control character, to look for all of them.
    controls: u64,
}

impl Special {
    pub(super) const fn new(map: u32) -> Self {
        let controls = if map == 0 { 0 } else { u64::MAX };
        Self { map, controls }
    }

    /// One for what is not sent as it is, otherwise zero: a number, so that nobody branches on it.
    pub(super) const fn count(self, octet: u8) -> u8 {
        (octet == FLAG) as u8 | (octet == ESCAPE) as u8 | self.mapped(octet)
    }

    /// One for what the map names, otherwise zero.
    pub(super) const fn mapped(self, octet: u8) -> u8 {
        let named = self.map >> (octet % b' ') & 1;
        (octet < b' ') as u8 & named as u8
    }

    /// Nothing in a word is special. May say no where only a control character is that is not
    /// mapped.
    #[inline]
    pub(super) const fn is_plain(self, word: u64) -> bool {
        let (delimiters, controls) = find(word);
        delimiters | (controls & self.controls) == 0
    }

    /// Which octets of a word are special.
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

    /// Any map, octet by octet. Apart, for it is long and seldom of use.
    #[inline(never)]
    fn mapped_marks(self, word: u64) -> u64 {
        u64::from_le_bytes(word.to_le_bytes().map(|octet| self.mapped(octet) << 7))
    }
}

/// The top bits of those octets of a word that are what the name says; the first octet is the
/// lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) flags: u64,
    pub(super) escapes: u64,
    pub(super) mapped: u64,
}

impl Marks {
    /// One bit for each octet that is any of them.
    pub(super) const fn all(self) -> u64 {
        self.flags | self.escapes | self.mapped
    }

    /// The octets that follow an escape, the first of them if there is one to `carry` over.
    pub(super) const fn after_escape(self, carry: u64) -> u64 {
        self.escapes << 8 | carry << 7
    }

    /// The first flag, the marks of what is before it, and all the bits of the others.
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

/// Sets the top bit of each flag or escape, and of each control character.
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
