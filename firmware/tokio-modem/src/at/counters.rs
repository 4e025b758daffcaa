//! Bad input, counted.

/// What came from the stick and made no sense, since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lines that make no sense and have bytes that no AT line has.
    pub noisy: u32,
    /// Lines dropped for their length.
    pub overlong: u32,
    /// Final results that belong to no command.
    pub stray: u32,
    /// Lines that are neither answer nor unsolicited.
    pub unmatched: u32,
}

impl Counters {
    /// All of them.
    pub fn total(&self) -> u64 {
        [self.noisy, self.overlong, self.stray, self.unmatched]
            .into_iter()
            .map(u64::from)
            .sum()
    }
}

/// Counts one more; stays at the top rather than starting over.
pub(super) fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
