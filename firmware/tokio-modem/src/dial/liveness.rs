//! Liveness probe: a plain `AT` after a long command got no answer.
//!
//! Pure; driven by [`Dialer`](super::Dialer). It tells a stick that is hung from one that is slow.

use super::{Step, commands::CommandText, state::Issue};
use crate::at::Answer;

/// Time from a probe to its answer, in milliseconds. A responsive stick answers within one second;
/// the recovery ladder is blocked meanwhile.
const ANSWER_MS: u64 = 2_500;

/// Probes sent before the stick counts as hung: what aborts a dial may swallow the first one.
const MAX_PROBES: u8 = 2;

/// Aborts a dial in progress, as any character does (V.250, 5.6.1 and 6.3.1); this one is no
/// command.
const ABORT_DIAL: &[u8] = b"\r";

/// State of the liveness probe.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// A dial that may still run is to be aborted first.
    AbortDial,
    /// Number of probes sent.
    Sent(u8),
}

impl Probe {
    /// Returns the probe to begin with after the command of `step` timed out. `None` where
    /// repeating the command itself is quicker.
    pub(super) const fn after_timeout(step: Step) -> Option<Self> {
        match step {
            // A stick reads no commands while it dials. The dial that the probe aborts has used up
            // its time; the next attempt can allow more.
            Step::Dial => Some(Self::AbortDial),
            Step::RadioOn | Step::SimState | Step::PinTries | Step::Operator => Some(Self::Sent(0)),
            _ => None,
        }
    }

    /// Returns the state after the next thing to send for `step`, and that thing.
    pub(super) fn advance(self, step: Step) -> (Self, Issue) {
        match self {
            Self::AbortDial => (Self::Sent(0), Issue::Raw(ABORT_DIAL)),
            Self::Sent(count) => {
                // `CONNECT` may come at the last moment.
                let answer = match step {
                    Step::Dial => Answer::Call,
                    _ => Answer::Nothing,
                };
                let text = CommandText::try_from("AT").unwrap_or_default();
                let sent = Self::Sent(count.saturating_add(1));
                (sent, Issue::Command(text, answer, ANSWER_MS))
            }
        }
    }

    /// Returns whether every probe was sent; if the last one times out, the stick is hung.
    pub(super) const fn is_last(self) -> bool {
        matches!(self, Self::Sent(count) if count >= MAX_PROBES)
    }
}
