//! Counters of bad input.

/// Input that could not be parsed, since the engine was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Unmatched lines with bytes that no AT line has.
    pub noisy: u32,
    /// Lines dropped for their length.
    pub overlong: u32,
    /// Final results that belong to no command.
    pub stray: u32,
    /// Lines that are neither answer nor unsolicited.
    pub unmatched: u32,
}

impl Counters {
    /// Returns the sum of all counters.
    pub fn total(&self) -> u64 {
        [self.noisy, self.overlong, self.stray, self.unmatched]
            .into_iter()
            .map(u64::from)
            .sum()
    }
}

/// Increments a counter; saturates.
pub(super) fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
