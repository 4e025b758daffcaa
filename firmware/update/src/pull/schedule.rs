//! Schedule of the checks for an update. Pure.

use failberry_state::BootMillis;

/// Time from the start to the first check, in milliseconds: the box has its link and its time by
/// then.
const FIRST_MS: u64 = 300_000;

/// Time from a failed check to the next, in milliseconds; doubled with each failure, up to the
/// configured interval. A check costs about 6 kB.
const RETRY_MS: u64 = 600_000;

/// Time from a check that could not be made to the next attempt, in milliseconds. It was prevented
/// by a missing link or another update being written, and costs nothing.
const POSTPONED_MS: u64 = 600_000;

/// Due times of the checks.
#[derive(Debug)]
pub(super) struct Schedule {
    every_ms: u64,
    retry_ms: u64,
    due: BootMillis,
}

impl Schedule {
    /// Starts at `now` with a check each `hours`.
    pub(super) fn new(now: BootMillis, hours: u32) -> Self {
        Self {
            every_ms: u64::from(hours.max(1)) * 3_600_000,
            retry_ms: RETRY_MS,
            due: now.plus(FIRST_MS),
        }
    }

    /// Returns when the next check is due.
    pub(super) const fn due(&self) -> BootMillis {
        self.due
    }

    /// Records that the check could not be made at `now`.
    pub(super) fn postpone(&mut self, now: BootMillis) {
        self.due = now.plus(POSTPONED_MS);
    }

    /// Records a check that ended at `now`; a failed one did not reach the server.
    pub(super) fn record_check(&mut self, now: BootMillis, failed: bool) {
        if failed {
            let pause = self.retry_ms.min(self.every_ms);
            self.due = now.plus(pause);
            self.retry_ms = pause.saturating_mul(2);
        } else {
            self.due = now.plus(self.every_ms);
            self.retry_ms = RETRY_MS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn first_check_comes_soon_and_then_at_intervals() {
        let mut schedule = Schedule::new(BootMillis(1000), 24);
        assert_eq!(schedule.due(), BootMillis(1000 + FIRST_MS));
        schedule.record_check(BootMillis(400_000), false);
        assert_eq!(schedule.due(), BootMillis(400_000 + 24 * HOUR_MS));
    }

    #[test]
    fn failed_checks_back_off_to_the_interval() {
        let mut schedule = Schedule::new(BootMillis(0), 2);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let now = schedule.due();
            schedule.record_check(now, true);
            pauses.push(schedule.due().since(now) / 60_000);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 120, 120]);
        schedule.record_check(BootMillis(0), false);
        schedule.record_check(BootMillis(0), true);
        assert_eq!(schedule.due(), BootMillis(RETRY_MS));
    }

    #[test]
    fn postponed_check_is_retried_soon() {
        let mut schedule = Schedule::new(BootMillis(0), 24);
        schedule.postpone(BootMillis(FIRST_MS));
        assert_eq!(schedule.due(), BootMillis(FIRST_MS + POSTPONED_MS));
    }
}
