//! Stopping the chatter that crashes ZTE sticks.

/// Tries before the dialogue goes on regardless.
const TRIES_MAX: u8 = 3;

/// How long is listened after a try.
pub(super) const LISTEN_MS: u64 = 2_000;

/// Chatter heard and tries made.
#[derive(Default)]
pub(super) struct Quiet {
    heard: bool,
    tries: u8,
}

impl Quiet {
    /// An unsolicited line of the flood.
    pub(super) fn hear(&mut self) {
        self.heard = true;
    }

    /// The step begins: tries are counted anew.
    pub(super) fn begin(&mut self) {
        self.tries = 0;
    }

    /// Whether to send the command (again); its number if so. The first goes out in any case: the
    /// chatter may not have begun.
    pub(super) fn ask(&mut self) -> Option<u8> {
        if self.tries > 0 && !self.heard {
            return None;
        }
        self.tries += 1;
        Some(self.tries)
    }

    /// The command is finished: whether to listen if it helped.
    pub(super) fn must_listen(&mut self) -> bool {
        core::mem::take(&mut self.heard) && self.tries < TRIES_MAX
    }
}
