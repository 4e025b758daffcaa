//! Suppression of unsolicited result codes (URCs), whose flood crashes ZTE sticks.

/// Attempts before the dialogue goes on regardless.
const MAX_ATTEMPTS: u8 = 3;

/// Time from an attempt to the decision whether it helped, in milliseconds.
pub(super) const LISTEN_MS: u64 = 2_000;

/// URCs received and attempts made to suppress them.
#[derive(Default)]
pub(super) struct UrcSuppressor {
    /// A URC of the flood came since the last attempt.
    received: bool,
    attempts: u8,
}

impl UrcSuppressor {
    /// Records a URC of the flood.
    pub(super) fn on_urc(&mut self) {
        self.received = true;
    }

    /// Resets the attempts; the step begins.
    pub(super) fn begin(&mut self) {
        self.attempts = 0;
    }

    /// Returns the number of the next attempt, or `None` if none is needed. The first is made in
    /// any case: the flood may not have begun.
    pub(super) fn next_attempt(&mut self) -> Option<u8> {
        if self.attempts > 0 && !self.received {
            return None;
        }
        self.attempts += 1;
        Some(self.attempts)
    }

    /// Returns whether to listen for [`LISTEN_MS`] after a finished attempt.
    pub(super) fn must_listen(&mut self) -> bool {
        core::mem::take(&mut self.received) && self.attempts < MAX_ATTEMPTS
    }
}
