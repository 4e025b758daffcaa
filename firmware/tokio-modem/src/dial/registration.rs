//! Waiting until the network has let the stick in.

use super::{DialError, Step};
use crate::modem::Registration;

/// A stick fresh from power finds its network in a minute; then the recovery of whoever dials does
/// more than waiting.
pub(super) const WAIT_MS: u64 = 90_000;

/// Between two rounds of questions.
pub(super) const POLL_MS: u64 = 2_000;

/// What was learnt about registration.
#[derive(Default)]
pub(super) struct Waiting {
    since: Option<u64>,
    heard: Option<Registration>,
    voice: Option<Registration>,
    told: Option<Registration>,
}

/// How to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Calls are possible.
    Registered,
    /// The packet network may have let the stick in although the voice network has not.
    AskPackets,
    /// Ask again in a while.
    Again,
}

impl Waiting {
    /// The question is asked.
    pub(super) fn ask(&mut self, now: u64) {
        self.since.get_or_insert(now);
        self.heard = None;
    }

    /// It was asked before.
    pub(super) fn is_begun(&self) -> bool {
        self.since.is_some()
    }

    /// An answer to it.
    pub(super) fn hear(&mut self, line: &str) {
        self.heard = Registration::parse(line).ok();
    }

    /// The question of `step` is finished.
    pub(super) fn judge(&mut self, step: Step, now: u64) -> Result<Verdict, DialError> {
        let heard = self.heard.take();
        if heard.is_some_and(Registration::is_registered) {
            self.voice = heard;
            return Ok(Verdict::Registered);
        }
        if step == Step::Registration {
            self.voice = heard;
            return Ok(Verdict::AskPackets);
        }
        if self.voice == Some(Registration::Denied) {
            return Err(DialError::Denied);
        }
        let waited_ms = now.saturating_sub(self.since.unwrap_or(now));
        if waited_ms >= WAIT_MS {
            let last = self.voice.or(heard).unwrap_or(Registration::Unknown);
            return Err(DialError::NotRegistered { last, waited_ms });
        }
        Ok(Verdict::Again)
    }

    /// The state, if it was not told yet.
    pub(super) fn news(&mut self) -> Option<Registration> {
        if self.voice == self.told {
            return None;
        }
        self.told = self.voice;
        self.voice
    }
}
