//! What the card remembers of the box's lives, and whether services may have a reboot.
//!
//! Pure: nothing here reads a clock that a dead battery could have stopped, or a card.

use failberry_state::{BootMillis, PastLife};
use serde::{Deserialize, Serialize};

/// Shortest life before a service may end it, where none did so since the last good one: time
/// enough for all gentler remedies. A stick that hangs after a power cut must not wait longer.
const FIRST_GAP: u64 = 60_000;

/// The same for the later ones of a row, doubled by each of it.
const NEXT_GAP: u64 = 10 * 60_000;

/// Each reboot that was asked for doubles it up to this: what four in an hour did not heal, a
/// fifth will not, and the house's cameras and people come back to a box that stays.
const LAST_GAP: u64 = 6 * 3_600_000;

/// A life this long was good, and what came before is forgiven.
const GOOD_LIFE: u64 = 24 * 3_600_000;

/// Where the card's memory is unreadable, it is taken for one with some reboots in a row.
const CAUTIOUS: u32 = 3;

/// Lives remembered.
const LIVES: usize = 16;

/// Characters of a reason that are kept.
const REASON: usize = 200;

/// What stands where nobody could write how a life ended.
const UNTOLD: &str = "no orderly end: power cut, watchdog, reset or kernel panic";

/// The memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    /// Boots so far, this one included.
    pub(crate) boots: u32,
    /// Reboots in a row that services asked for, without a good life between them.
    streak: u32,
    /// How this life ends, as soon as that is known.
    end: Option<PastLife>,
    /// The lives before, the newest last.
    pub(crate) history: Vec<PastLife>,
}

impl Ledger {
    /// What stands for a memory that cannot be read.
    pub(crate) fn unreadable() -> Self {
        Self {
            streak: CAUTIOUS,
            ..Self::default()
        }
    }

    /// The memory cannot be written: the next life will not know of this one.
    pub(crate) fn forgetful(&mut self) {
        self.streak = self.streak.max(CAUTIOUS);
    }

    /// The next life begins.
    pub(crate) fn begin(&mut self) {
        if self.boots > 0 {
            let untold = PastLife {
                boot: self.boots,
                seconds: None,
                end: UNTOLD.into(),
            };
            self.history.push(self.end.take().unwrap_or(untold));
            let surplus = self.history.len().saturating_sub(LIVES);
            self.history.drain(..surplus);
        }
        self.end = None;
        self.boots = self.boots.saturating_add(1);
    }

    /// How the life before this one ended, in words.
    pub(crate) fn last_boot(&self) -> Option<String> {
        let life = self.history.last()?;
        Some(match life.seconds {
            Some(seconds) => format!("{}, after {seconds} s", life.end),
            None => life.end.clone(),
        })
    }

    /// Whether a service may end this life now; the reason where it may not.
    pub(crate) fn allows(&self, now: BootMillis) -> Result<(), String> {
        let gap = self.gap(now);
        if now.0 >= gap {
            return Ok(());
        }
        Err(format!(
            "the last boot was {} s ago, and after {} reboots in a row the next may come after {} s",
            now.0 / 1000,
            self.streak,
            gap / 1000
        ))
    }

    /// This life ends, orderly; `asked` where it was a service's wish.
    pub(crate) fn end(&mut self, reason: &str, asked: bool, now: BootMillis) {
        let streak = self.streak_at(now);
        self.streak = if asked {
            streak.saturating_add(1)
        } else {
            streak
        };
        self.end = Some(PastLife {
            boot: self.boots,
            seconds: Some(now.0 / 1000),
            end: reason.chars().take(REASON).collect(),
        });
    }

    /// When there is something to forgive by [`Self::forgive`].
    pub(crate) const fn deadline(&self) -> Option<BootMillis> {
        if self.streak > 0 && self.end.is_none() {
            Some(BootMillis(GOOD_LIFE))
        } else {
            None
        }
    }

    /// Forgives what is to be forgiven; gives out whether something was.
    pub(crate) fn forgive(&mut self, now: BootMillis) -> bool {
        let due = self.deadline().is_some_and(|at| now >= at);
        if due {
            self.streak = 0;
        }
        due
    }

    fn streak_at(&self, now: BootMillis) -> u32 {
        if now.0 >= GOOD_LIFE { 0 } else { self.streak }
    }

    fn gap(&self, now: BootMillis) -> u64 {
        let streak = self.streak_at(now);
        if streak == 0 {
            return FIRST_GAP;
        }
        let doubled = 1_u64
            .checked_shl(streak)
            .and_then(|factor| NEXT_GAP.checked_mul(factor));
        doubled.map_or(LAST_GAP, |gap| gap.min(LAST_GAP))
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
    fn shortest(ledger: &Ledger) -> u64 {
        (0..=600)
            .find(|count| ledger.allows(minutes(*count)).is_ok())
            .unwrap()
    }

    /// Over the card and into the next life.
    fn reborn(ledger: &Ledger) -> Ledger {
        let text = serde_json::to_vec(ledger).unwrap();
        let mut next: Ledger = serde_json::from_slice(&text).unwrap();
        next.begin();
        next
    }

    #[test]
    fn asked_reboots_come_less_and_less_often_over_reboots() {
        let mut ledger = reborn(&Ledger::default());
        let mut gaps = Vec::new();
        for _ in 0..8 {
            let gap = shortest(&ledger);
            ledger.end("the stick is dead", true, minutes(gap));
            gaps.push(gap);
            ledger = reborn(&ledger);
        }
        assert_eq!(gaps, [1, 20, 40, 80, 160, 320, 360, 360]);
        let why = ledger.allows(minutes(1)).unwrap_err();
        assert!(
            why.contains("8 reboots in a row") && why.contains("21600 s"),
            "{why}"
        );
    }

    #[test]
    fn a_good_day_is_forgiven_even_if_the_power_goes_after_it() {
        let mut ledger = reborn(&Ledger::default());
        for _ in 0..4 {
            ledger.end("x", true, minutes(400));
            ledger = reborn(&ledger);
        }
        assert_eq!(shortest(&ledger), 160);
        assert_eq!(ledger.deadline(), Some(BootMillis(GOOD_LIFE)));
        assert!(!ledger.forgive(BootMillis(GOOD_LIFE - 1)));
        assert!(ledger.forgive(BootMillis(GOOD_LIFE)));
        assert!(!ledger.forgive(BootMillis(GOOD_LIFE + 1)));
        assert_eq!(shortest(&reborn(&ledger)), 1);
    }

    #[test]
    fn what_a_person_or_a_power_cut_does_costs_no_budget() {
        let mut ledger = reborn(&Ledger::default());
        ledger.end("asked for by SIGTERM", false, minutes(1));
        ledger = reborn(&ledger);
        assert_eq!(
            ledger.last_boot().as_deref(),
            Some("asked for by SIGTERM, after 60 s")
        );
        ledger = reborn(&ledger);
        assert_eq!(ledger.last_boot().as_deref(), Some(UNTOLD));
        assert_eq!((ledger.boots, shortest(&ledger)), (3, 1));
    }

    #[test]
    fn a_memory_that_cannot_be_written_makes_careful() {
        let mut ledger = reborn(&Ledger::default());
        ledger.forgetful();
        assert_eq!(shortest(&ledger), 80);
    }

    #[test]
    fn the_first_life_knows_none_before_it_and_an_unreadable_card_makes_careful() {
        assert_eq!(reborn(&Ledger::default()).last_boot(), None);
        assert_eq!(shortest(&reborn(&Ledger::unreadable())), 80);
    }

    proptest! {
        /// Whatever the lives: none is ended within a minute, and none within ten after one that a
        /// wish has ended, what is kept is bounded, and a wish is granted after six hours.
        #[test]
        fn the_budget_holds(lives in proptest::collection::vec((0..100_000_000u64, any::<bool>()), 0..40)) {
            let mut ledger = reborn(&Ledger::default());
            let mut shortest = FIRST_GAP;
            for (lived, asked) in lives {
                let now = BootMillis(lived);
                ledger.forgive(now);
                let allowed = ledger.allows(now).is_ok();
                prop_assert!(!allowed || lived >= shortest);
                prop_assert!(allowed || lived < LAST_GAP);
                if !asked || allowed {
                    ledger.end(&"long ".repeat(100), asked, now);
                    shortest = if asked { NEXT_GAP } else { FIRST_GAP };
                }
                ledger = reborn(&ledger);
                prop_assert!(serde_json::to_vec(&ledger).unwrap().len() < 6_000);
            }
        }
    }
}
