//! Random numbers: magic numbers, identifiers and challenges.

/// A `SplitMix64` generator: small, and any seed is good.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number other than 0, which is no magic number (RFC 1661, section 6.4).
    pub(super) fn magic(&mut self) -> u32 {
        loop {
            let magic = u32::try_from(self.next_u64() >> 32).unwrap_or(0);
            if magic != 0 {
                return magic;
            }
        }
    }
}
