//! A floor on progress: how long a peer may keep us waiting. Pure.

use std::time::Duration;

/// A peer that sent too little for the time it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at least {least} bytes a second, got fewer for {patience:?}")]
pub struct TooSlow {
    /// Bytes a second that keep a transfer alive.
    pub least: u32,
    /// Longest wait without them.
    pub patience: Duration,
}

/// Time left to a transfer. Waiting uses it up, and each byte that comes gives some back.
///
/// A time-out per read alone is no bound: one byte just before each of them holds a transfer for
/// ever. With `least` bytes a second the time never runs out; a peer that falls below loses the
/// difference, and a silent one is given up after `patience`. A fast beginning earns no more than
/// `patience`, so it buys no slow end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    least: u32,
    patience: Duration,
    left: Duration,
}

impl Pace {
    /// Starts with all of `patience` left.
    pub const fn new(least: u32, patience: Duration) -> Self {
        Self {
            least,
            patience,
            left: patience,
        }
    }

    /// Returns the time left, for a socket's time-out.
    pub const fn left(&self) -> Duration {
        self.left
    }

    /// Records that `bytes` came.
    pub fn got(&mut self, bytes: u64) {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.least.max(1));
        let earned = u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos);
        self.left = self.left.saturating_add(earned).min(self.patience);
    }

    /// Records that the peer was waited for.
    ///
    /// # Errors
    /// No time is left.
    pub fn waited(&mut self, time: Duration) -> Result<(), TooSlow> {
        self.left = self.left.saturating_sub(time);
        if self.left.is_zero() {
            return Err(TooSlow {
                least: self.least,
                patience: self.patience,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);

    /// Seconds until a peer that sends `bytes` each `every` is given up; none within a day.
    fn seconds(bytes: u64, every: Duration) -> Option<u64> {
        let mut pace = Pace::new(1000, MINUTE);
        let mut now = Duration::ZERO;
        while now.as_secs() < 86_400 {
            now += every;
            if pace.waited(every).is_err() {
                return Some(now.as_secs());
            }
            pace.got(bytes);
        }
        None
    }

    #[test]
    fn silent_peer_is_given_up_after_the_patience() {
        assert_eq!(seconds(0, SECOND), Some(60));
    }

    #[test]
    fn peer_that_drips_is_given_up_little_later() {
        assert_eq!(seconds(1, SECOND * 29), Some(87));
        assert_eq!(seconds(500, SECOND), Some(119));
    }

    #[test]
    fn peer_at_the_floor_goes_on() {
        assert_eq!(seconds(1000, SECOND), None);
        assert_eq!(seconds(30_000, SECOND * 30), None);
    }

    #[test]
    fn fast_beginning_buys_no_slow_end() {
        let mut pace = Pace::new(1000, MINUTE);
        pace.got(u64::MAX);
        assert_eq!(pace.left(), MINUTE);
        assert!(pace.waited(MINUTE).is_err());
    }
}
