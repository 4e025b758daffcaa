//! When the recovery history is written to the card, and what was loaded from it.

use failberry_state::{BootMillis, PastStep};
use log::Level;

use super::{Action, UplinkMachine, log_line};
use crate::ladder::Rung;

/// Time between two writes to the card while the service runs. A stick that is dead for good is
/// power-cycled several times an hour, for ever; the card must not wear for that.
const WRITE_INTERVAL_MS: u64 = 3_600_000;

/// The recovery history of earlier boots, as read from the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadedHistory {
    /// Steps, the oldest first.
    Read(Vec<PastStep>),
    /// A file that cannot be parsed; the next write replaces it.
    Corrupt(String),
    /// The card cannot be read. What was not read is not overwritten.
    Unreadable(String),
}

/// State of the copy on the card.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PersistPolicy {
    /// The copy was read, or is known to be corrupt.
    loaded: bool,
    /// There are steps that the copy lacks.
    dirty: bool,
    last_write: Option<BootMillis>,
}

impl PersistPolicy {
    /// Records that the copy lacks a step.
    pub(super) const fn mark_dirty(&mut self) {
        self.dirty = true;
    }

    /// Returns whether a write is due, and records it as done.
    fn begin_write(&mut self, rate_limited: bool, now: BootMillis) -> bool {
        let rested = self
            .last_write
            .is_none_or(|last| now.since(last) >= WRITE_INTERVAL_MS);
        let due = self.loaded && self.dirty && (rested || !rate_limited);
        if due {
            self.dirty = false;
            self.last_write = Some(now);
        }
        due
    }
}

impl UplinkMachine {
    pub(super) fn on_history_loaded(&mut self, history: LoadedHistory, out: &mut Vec<Action>) {
        self.persist.loaded = !matches!(history, LoadedHistory::Unreadable(_));
        match history {
            LoadedHistory::Read(steps) => self.state.recovery.earlier = steps,
            LoadedHistory::Corrupt(why) | LoadedHistory::Unreadable(why) => {
                let text = format!("what was done in earlier lives is lost: {why}");
                out.push(log_line(Level::Warn, text));
                self.state.recovery.earlier_error = Some(why);
            }
        }
    }

    /// Writes the history before a rung after which power or board may be gone.
    pub(super) fn persist_before_rung(
        &mut self,
        rung: Rung,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        if rung >= Rung::PowerCycle && self.persist.begin_write(true, now) {
            out.push(Action::PersistHistory);
        }
    }

    /// Writes the history at the orderly end, which comes once.
    pub(super) fn persist_at_exit(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        if self.persist.begin_write(false, now) {
            out.push(Action::PersistHistory);
        }
    }
}
