//! When the ladder's steps are kept on the card, and what it has kept.

use failberry_state::{BootMillis, PastStep};
use log::Level;

use super::{Action, Machine, say};
use crate::ladder::Rung;

/// A stick that is dead for good has its power cut several times an hour, for ever; the card need
/// not hear of each.
const EVERY_MS: u64 = 3_600_000;

/// What the card has kept of earlier lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// These, the oldest first.
    Read(Vec<PastStep>),
    /// Something that makes no sense; it is replaced when there is something to keep.
    Corrupt(String),
    /// The card cannot be read. What was not read is not overwritten.
    Unreadable(String),
}

/// What is known of the card's memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// It has been read.
    known: bool,
    /// There are steps that it has not.
    behind: bool,
    kept: Option<BootMillis>,
}

impl Memory {
    /// A step was taken.
    pub(super) const fn fall_behind(&mut self) {
        self.behind = true;
    }

    /// Whether it is to be written now.
    fn is_due(&mut self, spared: bool, now: BootMillis) -> bool {
        let rested = self.kept.is_none_or(|kept| now.since(kept) >= EVERY_MS);
        let due = self.known && self.behind && (rested || !spared);
        if due {
            self.behind = false;
            self.kept = Some(now);
        }
        due
    }
}

impl Machine {
    pub(super) fn learn(&mut self, earlier: Earlier, out: &mut Vec<Action>) {
        self.memory.known = !matches!(earlier, Earlier::Unreadable(_));
        match earlier {
            Earlier::Read(steps) => self.state.recovery.earlier = steps,
            Earlier::Corrupt(why) | Earlier::Unreadable(why) => {
                let text = format!("what was done in earlier lives is lost: {why}");
                out.push(say(Level::Warn, text));
                self.state.recovery.earlier_error = Some(why);
            }
        }
    }

    /// After a rung after which the power or the board may be gone.
    pub(super) fn keep_after(&mut self, rung: Rung, now: BootMillis, out: &mut Vec<Action>) {
        if rung >= Rung::PowerCut && self.memory.is_due(true, now) {
            out.push(Action::Keep);
        }
    }

    /// At the orderly end, which comes once.
    pub(super) fn keep_at_end(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        if self.memory.is_due(false, now) {
            out.push(Action::Keep);
        }
    }
}
