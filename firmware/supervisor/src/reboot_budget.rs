//! Boot counter, reboot budget of the services and records of the last boots, as persisted in
//! `ledger.json`.
//!
//! Pure: uses neither the card nor a wall clock, only the uptime.

use failberry_state::{BootMillis, PastLife};
use serde::{Deserialize, Serialize};

/// Uptime before a service may reboot the box for the first time in a row, in milliseconds. It is
/// long enough for all milder recovery actions. A stick that hangs after a power cut must not wait
/// longer.
const MIN_UPTIME_FIRST_MS: u64 = 60_000;

/// Base of that uptime for later reboots of a row, in milliseconds; each earlier one doubles it.
const MIN_UPTIME_BASE_MS: u64 = 10 * 60_000;

/// Upper bound of that uptime, in milliseconds. What four reboots in an hour did not repair, a
/// fifth will not, and the hosts of the LAN need a box that stays up.
const MIN_UPTIME_MAX_MS: u64 = 6 * 3_600_000;

/// Uptime that resets the budget, in milliseconds.
const BUDGET_RESET_UPTIME_MS: u64 = 24 * 3_600_000;

/// Reboots in a row that are assumed if the record is unreadable or cannot be written.
const UNREADABLE_PENALTY: u32 = 3;

/// Most boots in the history.
const MAX_HISTORY: usize = 16;

/// Most characters of a reason that are stored.
const MAX_REASON_CHARS: usize = 200;

/// Reason of a boot that ended without writing one.
const UNEXPECTED_END: &str = "no orderly end: power cut, watchdog, reset or kernel panic";

/// Persistent record of the boots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RebootBudget {
    /// Number of boots, this one included.
    pub(crate) boots: u32,
    /// Reboots in a row that services requested, without a stable uptime between them.
    #[serde(rename = "streak")]
    consecutive_requested_reboots: u32,
    /// End of this boot, once it is known.
    end: Option<PastLife>,
    /// Previous boots, the newest last.
    pub(crate) history: Vec<PastLife>,
}

impl RebootBudget {
    /// Returns the record to use if the real one cannot be read.
    pub(crate) fn unreadable() -> Self {
        Self {
            consecutive_requested_reboots: UNREADABLE_PENALTY,
            ..Self::default()
        }
    }

    /// Assumes several reboots in a row, if the next boot will not know of this one.
    pub(crate) fn apply_penalty(&mut self) {
        self.consecutive_requested_reboots =
            self.consecutive_requested_reboots.max(UNREADABLE_PENALTY);
    }

    /// Starts the record of a new boot, and moves that of the previous one to the history.
    pub(crate) fn begin_boot(&mut self) {
        if self.boots > 0 {
            let unexpected = PastLife {
                boot: self.boots,
                seconds: None,
                end: UNEXPECTED_END.into(),
            };
            self.history.push(self.end.take().unwrap_or(unexpected));
            let surplus = self.history.len().saturating_sub(MAX_HISTORY);
            self.history.drain(..surplus);
        }
        self.end = None;
        self.boots = self.boots.saturating_add(1);
    }

    /// Returns how the previous boot ended, as a phrase.
    pub(crate) fn previous_end(&self) -> Option<String> {
        let record = self.history.last()?;
        Some(match record.seconds {
            Some(seconds) => format!("{}, after {seconds} s", record.end),
            None => record.end.clone(),
        })
    }

    /// Returns whether a service may reboot the box now, or why not.
    pub(crate) fn allows_reboot(&self, now: BootMillis) -> Result<(), String> {
        let min_uptime = self.min_uptime(now);
        if now.0 >= min_uptime {
            return Ok(());
        }
        Err(format!(
            "the last boot was {} s ago, and after {} reboots in a row the next may come after {} s",
            now.0 / 1000,
            self.consecutive_requested_reboots,
            min_uptime / 1000
        ))
    }

    /// Records the orderly end of this boot; `requested` if it counts against the budget.
    pub(crate) fn end_boot(&mut self, reason: &str, requested: bool, now: BootMillis) {
        let consecutive = self.consecutive_at(now);
        self.consecutive_requested_reboots = if requested {
            consecutive.saturating_add(1)
        } else {
            consecutive
        };
        self.end = Some(PastLife {
            boot: self.boots,
            seconds: Some(now.0 / 1000),
            end: reason.chars().take(MAX_REASON_CHARS).collect(),
        });
    }

    /// Returns when [`Self::reset_if_stable`] is due.
    pub(crate) const fn deadline(&self) -> Option<BootMillis> {
        if self.consecutive_requested_reboots > 0 && self.end.is_none() {
            Some(BootMillis(BUDGET_RESET_UPTIME_MS))
        } else {
            None
        }
    }

    /// Resets the budget after a stable uptime. Returns whether it did.
    pub(crate) fn reset_if_stable(&mut self, now: BootMillis) -> bool {
        let due = self.deadline().is_some_and(|at| now >= at);
        if due {
            self.consecutive_requested_reboots = 0;
        }
        due
    }

    /// Returns the reboots in a row, none after a stable uptime.
    fn consecutive_at(&self, now: BootMillis) -> u32 {
        if now.0 >= BUDGET_RESET_UPTIME_MS {
            0
        } else {
            self.consecutive_requested_reboots
        }
    }

    /// Returns the uptime in milliseconds from which a service may reboot the box.
    fn min_uptime(&self, now: BootMillis) -> u64 {
        let consecutive = self.consecutive_at(now);
        if consecutive == 0 {
            return MIN_UPTIME_FIRST_MS;
        }
        let doubled = 1_u64
            .checked_shl(consecutive)
            .and_then(|factor| MIN_UPTIME_BASE_MS.checked_mul(factor));
        doubled.map_or(MIN_UPTIME_MAX_MS, |min_uptime| {
            min_uptime.min(MIN_UPTIME_MAX_MS)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn minutes(count: u64) -> BootMillis {
        BootMillis(count * 60_000)
    }

    /// Returns the uptime in minutes from which a service may reboot the box.
    fn shortest(budget: &RebootBudget) -> u64 {
        (0..=600)
            .find(|count| budget.allows_reboot(minutes(*count)).is_ok())
            .unwrap()
    }

    /// Writes the record, reads it and starts the next boot.
    fn next_boot(budget: &RebootBudget) -> RebootBudget {
        let text = serde_json::to_vec(budget).unwrap();
        let mut next: RebootBudget = serde_json::from_slice(&text).unwrap();
        next.begin_boot();
        next
    }

    #[test]
    fn min_uptime_doubles_with_each_requested_reboot() {
        let mut budget = next_boot(&RebootBudget::default());
        let mut min_uptimes = Vec::new();
        for _ in 0..8 {
            let min_uptime = shortest(&budget);
            budget.end_boot("the stick is dead", true, minutes(min_uptime));
            min_uptimes.push(min_uptime);
            budget = next_boot(&budget);
        }
        assert_eq!(min_uptimes, [1, 20, 40, 80, 160, 320, 360, 360]);
        let why = budget.allows_reboot(minutes(1)).unwrap_err();
        assert!(
            why.contains("8 reboots in a row") && why.contains("21600 s"),
            "{why}"
        );
    }

    #[test]
    fn budget_reset_after_24_h_survives_a_power_cut() {
        let mut budget = next_boot(&RebootBudget::default());
        for _ in 0..4 {
            budget.end_boot("x", true, minutes(400));
            budget = next_boot(&budget);
        }
        assert_eq!(shortest(&budget), 160);
        assert_eq!(budget.deadline(), Some(BootMillis(BUDGET_RESET_UPTIME_MS)));
        assert!(!budget.reset_if_stable(BootMillis(BUDGET_RESET_UPTIME_MS - 1)));
        assert!(budget.reset_if_stable(BootMillis(BUDGET_RESET_UPTIME_MS)));
        assert!(!budget.reset_if_stable(BootMillis(BUDGET_RESET_UPTIME_MS + 1)));
        assert_eq!(shortest(&next_boot(&budget)), 1);
    }

    #[test]
    fn operator_reboots_and_power_cuts_cost_no_budget() {
        let mut budget = next_boot(&RebootBudget::default());
        budget.end_boot("asked for by SIGTERM", false, minutes(1));
        budget = next_boot(&budget);
        assert_eq!(
            budget.previous_end().as_deref(),
            Some("asked for by SIGTERM, after 60 s")
        );
        budget = next_boot(&budget);
        assert_eq!(budget.previous_end().as_deref(), Some(UNEXPECTED_END));
        assert_eq!((budget.boots, shortest(&budget)), (3, 1));
    }

    #[test]
    fn unwritable_record_applies_penalty() {
        let mut budget = next_boot(&RebootBudget::default());
        budget.apply_penalty();
        assert_eq!(shortest(&budget), 80);
    }

    #[test]
    fn first_boot_has_no_history_unreadable_applies_penalty() {
        assert_eq!(next_boot(&RebootBudget::default()).previous_end(), None);
        assert_eq!(shortest(&next_boot(&RebootBudget::unreadable())), 80);
    }

    proptest! {
        /// For any sequence of boots: no requested reboot within a minute, none within ten minutes
        /// after another one, always one after six hours, and the record is bounded.
        #[test]
        fn budget_bounds_requested_reboots(boots in proptest::collection::vec((0..100_000_000u64, any::<bool>()), 0..40)) {
            let mut budget = next_boot(&RebootBudget::default());
            let mut shortest = MIN_UPTIME_FIRST_MS;
            for (uptime, requested) in boots {
                let now = BootMillis(uptime);
                budget.reset_if_stable(now);
                let allowed = budget.allows_reboot(now).is_ok();
                prop_assert!(!allowed || uptime >= shortest);
                prop_assert!(allowed || uptime < MIN_UPTIME_MAX_MS);
                if !requested || allowed {
                    budget.end_boot(&"long ".repeat(100), requested, now);
                    shortest = if requested { MIN_UPTIME_BASE_MS } else { MIN_UPTIME_FIRST_MS };
                }
                budget = next_boot(&budget);
                prop_assert!(serde_json::to_vec(&budget).unwrap().len() < 6_000);
            }
        }
    }
}
