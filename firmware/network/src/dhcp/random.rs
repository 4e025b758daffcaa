//! Numbers that keep many clients from speaking at once; nothing secret hangs on them.

use std::hash::{BuildHasher, RandomState};

/// `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Other numbers in every process.
    pub fn new() -> Self {
        Self(RandomState::new().hash_one(std::process::id()))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A transaction number.
    pub(super) fn xid(&mut self) -> u32 {
        u32::try_from(self.draw() >> 32).unwrap_or(0)
    }

    /// `millis`, a quarter more or less.
    pub(super) fn around(&mut self, millis: u64) -> u64 {
        let spread = millis / 2;
        millis - millis / 4 + self.draw() % spread.max(1)
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}
