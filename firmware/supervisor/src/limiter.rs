//! Rate limit of a service's log lines: the console is slow, and one service must not displace the
//! lines of the others.

use failberry_state::BootMillis;

/// Most lines at once: enough for a start or a crash report.
const BURST_LINES: u64 = 50;

/// Sustained rate in lines a second; 115,200 baud carry about a hundred.
const LINES_PER_SECOND: u64 = 10;

/// Time from the first dropped line to its report, in milliseconds.
const REPORT_DELAY_MS: u64 = 5_000;

/// Token bucket, one token a line.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// In thousandths of a token.
    tokens: u64,
    filled: BootMillis,
    dropped: u64,
    dropping_since: Option<BootMillis>,
}

impl Limiter {
    pub(crate) const fn new(now: BootMillis) -> Self {
        Self {
            tokens: BURST_LINES * 1000,
            filled: now,
            dropped: 0,
            dropping_since: None,
        }
    }

    /// Returns whether a line may pass; counts it as dropped if not.
    pub(crate) fn admits(&mut self, now: BootMillis) -> bool {
        let gained = now.since(self.filled).saturating_mul(LINES_PER_SECOND);
        self.tokens = self.tokens.saturating_add(gained).min(BURST_LINES * 1000);
        self.filled = now;
        if let Some(left) = self.tokens.checked_sub(1000) {
            self.tokens = left;
            return true;
        }
        self.dropped += 1;
        self.dropping_since.get_or_insert(now);
        false
    }

    /// Returns when [`Self::report`] is due.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        self.dropping_since.map(|since| since.plus(REPORT_DELAY_MS))
    }

    /// Returns the number of dropped lines if a report is due, and starts counting again.
    pub(crate) fn report(&mut self, now: BootMillis) -> Option<u64> {
        if self.deadline()? > now {
            return None;
        }
        self.dropping_since = None;
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_passes_then_ten_lines_a_second() {
        let mut limiter = Limiter::new(BootMillis(0));
        let passed = (0..200).filter(|_| limiter.admits(BootMillis(0))).count();
        assert_eq!(passed, 50);
        let passed = (0..10_000)
            .filter(|ms| limiter.admits(BootMillis(*ms)))
            .count();
        assert_eq!(passed, 99);
    }

    #[test]
    fn idle_time_restores_the_burst() {
        let mut limiter = Limiter::new(BootMillis(0));
        while limiter.admits(BootMillis(0)) {}
        let later = BootMillis(3_600_000);
        assert_eq!((0..200).filter(|_| limiter.admits(later)).count(), 50);
    }

    #[test]
    fn dropped_lines_are_reported_once_by_time_alone() {
        let mut limiter = Limiter::new(BootMillis(0));
        assert_eq!(limiter.deadline(), None);
        let dropped = (0..60).filter(|_| !limiter.admits(BootMillis(100))).count();
        assert_eq!(dropped, 10);
        assert_eq!(limiter.deadline(), Some(BootMillis(5_100)));
        assert_eq!(limiter.report(BootMillis(5_099)), None);
        assert_eq!(limiter.report(BootMillis(5_100)), Some(10));
        assert_eq!(limiter.report(BootMillis(99_999)), None);
        assert_eq!(limiter.deadline(), None);
    }
}
