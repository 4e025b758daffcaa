//! Random numbers that spread the requests of many clients; nothing secret depends on them.

use std::hash::{BuildHasher, RandomState};

/// `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts the sequence of a seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Starts a sequence that differs in every process.
    pub fn new() -> Self {
        Self(RandomState::new().hash_one(std::process::id()))
    }

    /// Returns the next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a transaction identifier.
    pub(super) fn xid(&mut self) -> u32 {
        u32::try_from(self.draw() >> 32).unwrap_or(0)
    }

    /// Returns `millis`, varied by up to a quarter.
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
