//! Whether the image on trial is as good as the one before it: a state machine on virtual time.
//!
//! Takes in what works now and what worked before; gives out when to confirm, when to give up, and
//! why.

use failberry_state::BootMillis;
use serde::{Deserialize, Serialize};

/// All must be well for so long: a link that comes and goes is not well.
pub const STABLE: u64 = 20_000;

/// Milliseconds after the kernel's start by which all must be well. A Pi 2B has its services after
/// 5 s, a lease after 10, and a carrier that is slow to register after 60. With the way down and
/// up again (20 s) the old image is back within three minutes of the first start, also when the
/// firmware and U-Boot (5 s each time) are counted.
pub const DEADLINE: u64 = 100_000;

/// Starts that an image gets: one may fall victim to a power cut, which is not the image's fault.
pub const TRIES: u8 = 2;

/// What worked when the update was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    /// eth0 had an address.
    pub lan: bool,
    /// The carrier link was up.
    pub carrier: bool,
}

/// What works now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Services that have not shown yet that their loops turn.
    pub not_ready: Vec<&'static str>,
    /// eth0 has an address.
    pub lan: bool,
    /// The carrier link is up.
    pub carrier: bool,
    /// The card can be read, and keeps what it is told.
    pub card: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again when something changes, or then.
    Wait {
        /// When.
        until: BootMillis,
    },
    /// The image has proven itself.
    Confirm,
    /// It has not.
    GiveUp {
        /// What is missing.
        reason: String,
    },
}

/// One trial.
#[derive(Clone, Debug)]
pub struct Trial {
    before: Before,
    needs_card: bool,
    deadline: BootMillis,
    well_since: Option<BootMillis>,
}

impl Trial {
    /// A trial of an image that must do what worked `before`, by `deadline`: [`DEADLINE`] on a
    /// real board.
    pub const fn new(before: Before, deadline: BootMillis) -> Self {
        Self {
            before,
            needs_card: false,
            deadline,
            well_since: None,
        }
    }

    /// A trial of which the card tells nothing, so that nobody knows what worked before: the image
    /// may be the reason, so it must read the card.
    pub fn forgotten(deadline: BootMillis) -> Self {
        Self {
            needs_card: true,
            ..Self::new(Before::default(), deadline)
        }
    }

    /// Judges what is seen at `now`.
    pub fn step(&mut self, seen: &Seen, now: BootMillis) -> Verdict {
        let deadline = self.deadline;
        let missing = self.missing(seen);
        if missing.is_empty() {
            let stable = self.well_since.get_or_insert(now).plus(STABLE);
            if now >= stable {
                return Verdict::Confirm;
            }
            // All is well at the deadline: it gets the time to stay so.
            return Verdict::Wait { until: stable };
        }
        self.well_since = None;
        if now < deadline {
            return Verdict::Wait { until: deadline };
        }
        Verdict::GiveUp {
            reason: format!("{} {} s after its start", missing.join(", "), now.0 / 1000),
        }
    }

    fn missing(&self, seen: &Seen) -> Vec<String> {
        let mut missing = Vec::new();
        if !seen.not_ready.is_empty() {
            missing.push(format!("not ready: {}", seen.not_ready.join(" and ")));
        }
        if self.needs_card && !seen.card {
            missing.push("the card's data partition cannot be read".into());
        }
        if self.before.lan && !seen.lan {
            missing.push("eth0 has no address, as it had before".into());
        }
        if self.before.carrier && !seen.carrier {
            missing.push("the carrier link is not up, as it was before".into());
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: Before = Before {
        lan: true,
        carrier: true,
    };

    fn seen(lan: bool, carrier: bool) -> Seen {
        Seen {
            not_ready: Vec::new(),
            lan,
            carrier,
            card: true,
        }
    }

    #[test]
    fn all_well_for_long_enough_is_confirmed() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        let well = seen(true, true);
        let wait = |ms| Verdict::Wait {
            until: BootMillis(ms),
        };
        assert_eq!(
            trial.step(&seen(true, false), BootMillis(9_000)),
            wait(DEADLINE)
        );
        assert_eq!(trial.step(&well, BootMillis(30_000)), wait(50_000));
        assert_eq!(trial.step(&well, BootMillis(49_999)), wait(50_000));
        assert_eq!(trial.step(&well, BootMillis(50_000)), Verdict::Confirm);
    }

    #[test]
    fn a_link_that_goes_begins_the_count_anew() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        trial.step(&seen(true, true), BootMillis(30_000));
        trial.step(&seen(true, false), BootMillis(40_000));
        let verdict = trial.step(&seen(true, true), BootMillis(50_000));
        let until = BootMillis(70_000);
        assert_eq!(verdict, Verdict::Wait { until });
    }

    #[test]
    fn what_did_not_work_before_need_not_work_now() {
        let mut trial = Trial::new(Before::default(), BootMillis(DEADLINE));
        trial.step(&seen(false, false), BootMillis(5_000));
        assert_eq!(
            trial.step(&seen(false, false), BootMillis(25_000)),
            Verdict::Confirm
        );
    }

    #[test]
    fn a_trial_of_which_the_card_tells_nothing_is_given_up_where_it_cannot_be_read() {
        let without_card = Seen {
            card: false,
            ..seen(true, true)
        };
        let mut trial = Trial::forgotten(BootMillis(DEADLINE));
        let verdict = trial.step(&without_card, BootMillis(30_000));
        let until = BootMillis(DEADLINE);
        assert_eq!(verdict, Verdict::Wait { until });
        let verdict = trial.step(&without_card, BootMillis(DEADLINE));
        let Verdict::GiveUp { reason } = verdict else {
            panic!("not given up");
        };
        assert!(
            reason.contains("data partition") && reason.contains("100 s"),
            "{reason}"
        );
        // Who can read it has lost no more than the record.
        let mut trial = Trial::forgotten(BootMillis(DEADLINE));
        trial.step(&seen(false, false), BootMillis(30_000));
        let verdict = trial.step(&seen(false, false), BootMillis(50_000));
        assert_eq!(verdict, Verdict::Confirm);
        // Who knows what worked before goes by that.
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        trial.step(&without_card, BootMillis(30_000));
        assert_eq!(
            trial.step(&without_card, BootMillis(50_000)),
            Verdict::Confirm
        );
    }

    #[test]
    fn at_the_deadline_all_that_is_missing_is_told() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        let seen = Seen {
            not_ready: vec!["network", "clock"],
            ..Seen::default()
        };
        let Verdict::GiveUp { reason } = trial.step(&seen, BootMillis(DEADLINE)) else {
            panic!("not given up");
        };
        for part in ["network and clock", "eth0", "carrier", "100 s"] {
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn well_at_the_deadline_gets_its_time_and_no_second_chance() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        let at = DEADLINE - 1000;
        trial.step(&seen(true, true), BootMillis(at));
        let verdict = trial.step(&seen(true, true), BootMillis(DEADLINE + 5000));
        assert_eq!(
            verdict,
            Verdict::Wait {
                until: BootMillis(at + STABLE)
            }
        );
        let verdict = trial.step(&seen(false, true), BootMillis(DEADLINE + 6000));
        assert!(matches!(verdict, Verdict::GiveUp { .. }));
    }

    proptest! {
        /// Whatever happens, somebody who is woken when asked decides in time.
        #[test]
        fn it_is_over_in_time(
            before in any::<(bool, bool)>(),
            changes in proptest::collection::vec((0..30_000_u64, any::<(bool, bool)>()), 0..60),
        ) {
            let before = Before { lan: before.0, carrier: before.1 };
            let mut trial = Trial::new(before, BootMillis(DEADLINE));
            let mut now = BootMillis(5_000);
            let mut links = (false, false);
            let mut changes = changes.into_iter();
            while let Verdict::Wait { until } = trial.step(&seen(links.0, links.1), now) {
                prop_assert!(until > now);
                match changes.next() {
                    Some((after, to)) if now.plus(after) < until => {
                        now = now.plus(after);
                        links = to;
                    }
                    _ => now = until,
                }
                prop_assert!(now.0 <= DEADLINE + STABLE);
            }
        }
    }
}
