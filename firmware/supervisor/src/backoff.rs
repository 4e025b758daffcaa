//! Restart delay of a service: exponential backoff.

/// First delay, in milliseconds. A service that fails at once must not keep the only processor
/// busy.
const MIN_DELAY_MS: u64 = 1_000;

/// Longest delay, in milliseconds. The carrier link must not stay down for minutes after a crash.
const MAX_DELAY_MS: u64 = 30_000;

/// Uptime that resets the delay, in milliseconds.
const RESET_UPTIME_MS: u64 = 60_000;

/// Doubling delay, by the failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the delay in milliseconds after an exit with an uptime of `uptime` milliseconds.
    pub(crate) fn next_delay(&mut self, uptime: u64) -> u64 {
        if uptime >= RESET_UPTIME_MS {
            self.failures = 0;
        }
        let delay =
            MIN_DELAY_MS.saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX));
        self.failures = self.failures.saturating_add(1);
        delay.min(MAX_DELAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_to_the_maximum_and_resets_after_a_minute() {
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..7).map(|_| backoff.next_delay(5)).collect();
        assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.next_delay(59_999), 30_000);
        assert_eq!(backoff.next_delay(60_000), 1_000);
        assert_eq!(backoff.next_delay(0), 2_000);
    }

    #[test]
    fn failure_count_does_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.next_delay(0), MAX_DELAY_MS);
        assert_eq!(backoff.next_delay(0), MAX_DELAY_MS);
    }
}
