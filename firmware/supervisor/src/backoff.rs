//! How long a service waits before it is started again.

/// A service that fails at once must not keep the only processor busy.
const MIN_DELAY_MS: u64 = 1_000;

/// The carrier link must not stay down for minutes because of a crash long repaired.
const MAX_DELAY_MS: u64 = 30_000;

/// A service that lived this long was well: its next failure is the first again.
const RESET_UPTIME_MS: u64 = 60_000;

/// Doubling delays, in milliseconds, with a memory for failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Delay after an end that came `uptime` milliseconds after the start.
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
    fn doubles_to_the_cap_and_forgets_after_a_well_minute() {
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..7).map(|_| backoff.next_delay(5)).collect();
        assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.next_delay(59_999), 30_000);
        assert_eq!(backoff.next_delay(60_000), 1_000);
        assert_eq!(backoff.next_delay(0), 2_000);
    }

    #[test]
    fn never_overflows() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.next_delay(0), MAX_DELAY_MS);
        assert_eq!(backoff.next_delay(0), MAX_DELAY_MS);
    }
}
