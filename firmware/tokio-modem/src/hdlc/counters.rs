//! Counters of received frames.

use super::Fault;

/// Frames since the decoder was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Delivered.
    pub good: u64,
    /// Longer than the buffer.
    pub too_long: u64,
    /// Shorter than any frame.
    pub too_short: u64,
    /// With a wrong checksum.
    pub checksum: u64,
    /// Aborted by the sender.
    pub aborted: u64,
}

impl Counters {
    /// Returns the number of dropped frames.
    pub fn bad(&self) -> u64 {
        self.too_long + self.too_short + self.checksum + self.aborted
    }

    pub(super) fn bad_frame(&mut self, fault: Fault) {
        let counter = match fault {
            Fault::TooLong => &mut self.too_long,
            Fault::TooShort { .. } => &mut self.too_short,
            Fault::Checksum { .. } => &mut self.checksum,
            Fault::Aborted => &mut self.aborted,
        };
        *counter += 1;
    }
}
