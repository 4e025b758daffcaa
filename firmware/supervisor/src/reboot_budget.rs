//! What the card remembers of the box's lives, and whether services may have a reboot.
//!
//! Pure: nothing here reads a clock that a dead battery could have stopped, or a card.

use failberry_state::{BootMillis, PastLife};
use serde::{Deserialize, Serialize};

/// Shortest life before a service may end it, where none did so since the last good one: time
/// enough for all gentler remedies. A stick that hangs after a power cut must not wait longer.
const MIN_UPTIME_FIRST_MS: u64 = 60_000;

/// The same for the later ones of a row, doubled by each of it.
const MIN_UPTIME_BASE_MS: u64 = 10 * 60_000;

/// Each reboot that was asked for doubles it up to this: what four in an hour did not heal, a
/// fifth will not, and the house's cameras and people come back to a box that stays.
const MIN_UPTIME_MAX_MS: u64 = 6 * 3_600_000;

/// A life this long was good, and what came before is forgiven.
const BUDGET_RESET_UPTIME_MS: u64 = 24 * 3_600_000;

/// Where the card's memory is unreadable, it is taken for one with some reboots in a row.
const UNREADABLE_PENALTY: u32 = 3;

/// Lives remembered.
const MAX_HISTORY: usize = 16;

/// Characters of a reason that are kept.
const MAX_REASON_CHARS: usize = 200;

/// What stands where nobody could write how a life ended.
const UNEXPECTED_END: &str = "no orderly end: power cut, watchdog, reset or kernel panic";

/// The memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RebootBudget {
    /// Boots so far, this one included.
    pub(crate) boots: u32,
    /// Reboots in a row that services asked for, without a good life between them.
    #[serde(rename = "streak")]
    consecutive_requested_reboots: u32,
    /// How this life ends, as soon as that is known.
    end: Option<PastLife>,
    /// The lives before, the newest last.
    pub(crate) history: Vec<PastLife>,
}

impl RebootBudget {
    /// What stands for a memory that cannot be read.
    pub(crate) fn unreadable() -> Self {
        Self {
            consecutive_requested_reboots: UNREADABLE_PENALTY,
            ..Self::default()
        }
    }

    /// The memory cannot be written: the next life will not know of this one.
    pub(crate) fn apply_penalty(&mut self) {
        self.consecutive_requested_reboots =
            self.consecutive_requested_reboots.max(UNREADABLE_PENALTY);
    }

    /// The next life begins.
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

    /// How the life before this one ended, in words.
    pub(crate) fn previous_end(&self) -> Option<String> {
        let life = self.history.last()?;
        Some(match life.seconds {
            Some(seconds) => format!("{}, after {seconds} s", life.end),
            None => life.end.clone(),
        })
    }

    /// Whether a service may end this life now; the reason where it may not.
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

    /// This life ends, orderly; `asked` where it was a service's wish.
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

    /// When there is something to forgive by [`Self::forgive`].
    pub(crate) const fn deadline(&self) -> Option<BootMillis> {
        if self.consecutive_requested_reboots > 0 && self.end.is_none() {
            Some(BootMillis(BUDGET_RESET_UPTIME_MS))
        } else {
            None
        }
    }

    /// Forgives what is to be forgiven; gives out whether something was.
    pub(crate) fn reset_if_stable(&mut self, now: BootMillis) -> bool {
        let due = self.deadline().is_some_and(|at| now >= at);
        if due {
            self.consecutive_requested_reboots = 0;
        }
        due
    }

    fn consecutive_at(&self, now: BootMillis) -> u32 {
        if now.0 >= BUDGET_RESET_UPTIME_MS {
            0
        } else {
            self.consecutive_requested_reboots
        }
    }

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

    /// The shortest life after which the ledger lets a service have a reboot.
    fn shortest(budget: &RebootBudget) -> u64 {
        (0..=600)
            .find(|count| budget.allows_reboot(minutes(*count)).is_ok())
            .unwrap()
    }

    /// Over the card and into the next life.
    fn next_boot(budget: &RebootBudget) -> RebootBudget {
        let text = serde_json::to_vec(budget).unwrap();
        let mut next: RebootBudget = serde_json::from_slice(&text).unwrap();
        next.begin_boot();
        next
    }

    #[test]
    fn asked_reboots_come_less_and_less_often_over_reboots() {
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
    fn a_good_day_is_forgiven_even_if_the_power_goes_after_it() {
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
    fn what_a_person_or_a_power_cut_does_costs_no_budget() {
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
    fn a_memory_that_cannot_be_written_makes_careful() {
        let mut budget = next_boot(&RebootBudget::default());
        budget.apply_penalty();
        assert_eq!(shortest(&budget), 80);
    }

    #[test]
    fn the_first_life_knows_none_before_it_and_an_unreadable_card_makes_careful() {
        assert_eq!(next_boot(&RebootBudget::default()).previous_end(), None);
        assert_eq!(shortest(&next_boot(&RebootBudget::unreadable())), 80);
    }

    proptest! {
        /// Whatever the lives: none is ended within a minute, and none within ten after one that a
        /// wish has ended, what is kept is bounded, and a wish is granted after six hours.
        #[test]
        fn the_budget_holds(lives in proptest::collection::vec((0..100_000_000u64, any::<bool>()), 0..40)) {
            let mut budget = next_boot(&RebootBudget::default());
            let mut shortest = MIN_UPTIME_FIRST_MS;
            for (uptime, requested) in lives {
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
