//! Time that never jumps.

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Milliseconds since the kernel started (`CLOCK_BOOTTIME`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct BootMillis(pub u64);

impl BootMillis {
    /// The present.
    pub fn now() -> Self {
        // The clock exists on every kernel we ship; a failure could only mean a broken one.
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Self(0), |t| {
            let seconds = u64::try_from(t.tv_sec()).unwrap_or(0);
            let nanos = u64::try_from(t.tv_nsec()).unwrap_or(0);
            Self(seconds * 1000 + nanos / 1_000_000)
        })
    }

    /// This moment plus `millis`.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this moment; 0 where it lies ahead.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
