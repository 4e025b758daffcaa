//! Whether one process lives, judged by its signs of life; a part of the keeper.

use failberry_state::BootMillis;

/// After SIGABRT a process has nothing to do but to die; a stopped one does not even that.
const ABORT_BOUND: u64 = 2_000;

/// Who is still there after SIGKILL sleeps in a driver, and only a reset wakes it.
const KILL_BOUND: u64 = 30_000;

/// What must be done about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// It has been silent for too long.
    Abort,
    /// It did not end when it was to.
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Watched,
    Ending { kill_at: BootMillis },
    Killed { at: BootMillis },
}

/// The pulse of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pulse {
    patience: u64,
    heard: BootMillis,
    ready: bool,
    course: Course,
}

impl Pulse {
    /// Of a process that was started just now, which is not ready yet and may be silent for
    /// `patience` milliseconds.
    pub(crate) const fn new(now: BootMillis, patience: u64) -> Self {
        Self {
            patience,
            heard: now,
            ready: false,
            course: Course::Watched,
        }
    }

    /// A sign of life; gives out whether it was the first.
    pub(crate) fn beat(&mut self, now: BootMillis) -> bool {
        self.heard = now;
        !std::mem::replace(&mut self.ready, true)
    }

    /// Whether a sign of life has come.
    pub(crate) const fn ready(&self) -> bool {
        self.ready
    }

    /// It has been asked to end, within `bound`.
    pub(crate) fn end_within(&mut self, now: BootMillis, bound: u64) {
        if self.course == Course::Watched {
            let kill_at = now.plus(bound);
            self.course = Course::Ending { kill_at };
        }
    }

    /// Nobody listened until now, so its silence means nothing.
    pub(crate) fn forgive(&mut self, now: BootMillis) {
        self.heard = now;
    }

    /// What must be done at `now`; each remedy is given out once.
    pub(crate) fn remedy(&mut self, now: BootMillis) -> Option<Remedy> {
        match self.course {
            Course::Watched if now.since(self.heard) >= self.patience => {
                self.end_within(now, ABORT_BOUND);
                Some(Remedy::Abort)
            }
            Course::Ending { kill_at } if now >= kill_at => {
                self.course = Course::Killed { at: now };
                Some(Remedy::Kill)
            }
            _ => None,
        }
    }

    /// When something must be done, if no sign of life comes.
    pub(crate) const fn deadline(&self) -> Option<BootMillis> {
        match self.course {
            Course::Watched => Some(self.heard.plus(self.patience)),
            Course::Ending { kill_at } => Some(kill_at),
            Course::Killed { .. } => None,
        }
    }

    /// Whether not even SIGKILL has ended it.
    pub(crate) const fn stuck(&self, now: BootMillis) -> bool {
        matches!(self.course, Course::Killed { at } if now.since(at) >= KILL_BOUND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_ended_in_two_steps_and_then_it_is_stuck() {
        let mut pulse = Pulse::new(BootMillis(0), 60_000);
        assert!(!pulse.ready());
        assert!(pulse.beat(BootMillis(5_000)) && pulse.ready());
        assert!(!pulse.beat(BootMillis(10_000)));
        assert_eq!(pulse.deadline(), Some(BootMillis(70_000)));
        assert_eq!(pulse.remedy(BootMillis(69_999)), None);
        assert_eq!(pulse.remedy(BootMillis(70_000)), Some(Remedy::Abort));
        // Too late.
        pulse.beat(BootMillis(71_000));
        assert_eq!(pulse.remedy(BootMillis(71_999)), None);
        assert_eq!(pulse.remedy(BootMillis(72_000)), Some(Remedy::Kill));
        assert_eq!(pulse.deadline(), None);
        assert!(!pulse.stuck(BootMillis(101_999)));
        assert!(pulse.stuck(BootMillis(102_000)));
        assert_eq!(pulse.remedy(BootMillis(900_000)), None);
    }

    #[test]
    fn a_polite_end_is_bounded_and_a_stall_of_the_listener_forgiven() {
        let mut pulse = Pulse::new(BootMillis(0), 60_000);
        pulse.forgive(BootMillis(60_000));
        assert_eq!(pulse.remedy(BootMillis(60_000)), None);
        pulse.end_within(BootMillis(61_000), 5_000);
        pulse.end_within(BootMillis(62_000), 5_000);
        assert_eq!(pulse.deadline(), Some(BootMillis(66_000)));
        assert_eq!(pulse.remedy(BootMillis(66_000)), Some(Remedy::Kill));
    }
}
