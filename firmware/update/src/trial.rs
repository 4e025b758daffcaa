//! Trial of a new image: is it as good as the one before it? Pure.
//!
//! Takes in the observed health and the baseline from before the update; gives out when to confirm,
//! when to give up, and why.

use failberry_state::BootMillis;
use serde::{Deserialize, Serialize};

/// Time for which everything must be healthy before the image is confirmed, in milliseconds: a link
/// that comes and goes is not healthy.
pub const STABLE: u64 = 20_000;

/// Time from the kernel's start by which everything must be healthy, in milliseconds. A Pi 2B has
/// its services after 5 s, a lease after 10, and a carrier that is slow to register after 60. With
/// shutdown and restart (20 s) the old image is back within three minutes of the first start, also
/// when the firmware and U-Boot (5 s each time) are counted.
pub const DEADLINE: u64 = 100_000;

/// Number of starts that an image gets: one may be lost to a power cut, which is not the image's
/// fault.
pub const TRIES: u8 = 2;

/// Baseline: what worked when the update was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// eth0 had an address.
    pub lan: bool,
    /// The carrier link was up.
    pub carrier: bool,
}

/// Health observed now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Services that have sent no heartbeat yet.
    pub not_ready: Vec<&'static str>,
    /// eth0 has an address.
    pub lan: bool,
    /// The carrier link is up.
    pub carrier: bool,
    /// The data partition can be read and is persistent.
    pub card: bool,
}

/// Result of one observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Observe again on a change, or at this time.
    Wait {
        /// The time.
        until: BootMillis,
    },
    /// The image passed.
    Confirm,
    /// The image failed.
    GiveUp {
        /// What is unhealthy.
        reason: String,
    },
}

/// State of one trial.
#[derive(Clone, Debug)]
pub struct Trial {
    baseline: Baseline,
    needs_card: bool,
    deadline: BootMillis,
    well_since: Option<BootMillis>,
}

impl Trial {
    /// Creates the trial of an image that must match `baseline` by `deadline`: [`DEADLINE`] on a
    /// real board.
    pub const fn new(baseline: Baseline, deadline: BootMillis) -> Self {
        Self {
            baseline,
            needs_card: false,
            deadline,
            well_since: None,
        }
    }

    /// Creates a trial without a record on the card, so the baseline is unknown. The image may be
    /// the reason, so it must read the card.
    pub fn without_record(deadline: BootMillis) -> Self {
        Self {
            needs_card: true,
            ..Self::new(Baseline::default(), deadline)
        }
    }

    /// Evaluates the health observed at `now`.
    pub fn step(&mut self, observed: &Observed, now: BootMillis) -> Verdict {
        let deadline = self.deadline;
        let missing = self.missing(observed);
        if missing.is_empty() {
            let stable = self.well_since.get_or_insert(now).plus(STABLE);
            if now >= stable {
                return Verdict::Confirm;
            }
            // Healthy at the deadline: it gets the time to become stable.
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

    fn missing(&self, observed: &Observed) -> Vec<String> {
        let mut missing = Vec::new();
        if !observed.not_ready.is_empty() {
            missing.push(format!("not ready: {}", observed.not_ready.join(" and ")));
        }
        if self.needs_card && !observed.card {
            missing.push("the card's data partition cannot be read".into());
        }
        if self.baseline.lan && !observed.lan {
            missing.push("eth0 has no address, as it had before".into());
        }
        if self.baseline.carrier && !observed.carrier {
            missing.push("the carrier link is not up, as it was before".into());
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: Baseline = Baseline {
        lan: true,
        carrier: true,
    };

    fn observed(lan: bool, carrier: bool) -> Observed {
        Observed {
            not_ready: Vec::new(),
            lan,
            carrier,
            card: true,
        }
    }

    #[test]
    fn stable_for_20_s_is_confirmed() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        let well = observed(true, true);
        let wait = |ms| Verdict::Wait {
            until: BootMillis(ms),
        };
        assert_eq!(
            trial.step(&observed(true, false), BootMillis(9_000)),
            wait(DEADLINE)
        );
        assert_eq!(trial.step(&well, BootMillis(30_000)), wait(50_000));
        assert_eq!(trial.step(&well, BootMillis(49_999)), wait(50_000));
        assert_eq!(trial.step(&well, BootMillis(50_000)), Verdict::Confirm);
    }

    #[test]
    fn lost_link_restarts_the_count() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        trial.step(&observed(true, true), BootMillis(30_000));
        trial.step(&observed(true, false), BootMillis(40_000));
        let verdict = trial.step(&observed(true, true), BootMillis(50_000));
        let until = BootMillis(70_000);
        assert_eq!(verdict, Verdict::Wait { until });
    }

    #[test]
    fn links_down_before_are_not_required() {
        let mut trial = Trial::new(Baseline::default(), BootMillis(DEADLINE));
        trial.step(&observed(false, false), BootMillis(5_000));
        assert_eq!(
            trial.step(&observed(false, false), BootMillis(25_000)),
            Verdict::Confirm
        );
    }

    #[test]
    fn without_record_an_unreadable_card_ends_the_trial() {
        let without_card = Observed {
            card: false,
            ..observed(true, true)
        };
        let mut trial = Trial::without_record(BootMillis(DEADLINE));
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
        // An image that can read the card has lost no more than the record.
        let mut trial = Trial::without_record(BootMillis(DEADLINE));
        trial.step(&observed(false, false), BootMillis(30_000));
        let verdict = trial.step(&observed(false, false), BootMillis(50_000));
        assert_eq!(verdict, Verdict::Confirm);
        // With a record only its baseline counts.
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        trial.step(&without_card, BootMillis(30_000));
        assert_eq!(
            trial.step(&without_card, BootMillis(50_000)),
            Verdict::Confirm
        );
    }

    #[test]
    fn deadline_names_everything_missing() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        let observed = Observed {
            not_ready: vec!["network", "clock"],
            ..Observed::default()
        };
        let Verdict::GiveUp { reason } = trial.step(&observed, BootMillis(DEADLINE)) else {
            panic!("not given up");
        };
        for part in ["network and clock", "eth0", "carrier", "100 s"] {
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn well_at_deadline_may_finish_but_not_fail_again() {
        let mut trial = Trial::new(BOTH, BootMillis(DEADLINE));
        let at = DEADLINE - 1000;
        trial.step(&observed(true, true), BootMillis(at));
        let verdict = trial.step(&observed(true, true), BootMillis(DEADLINE + 5000));
        assert_eq!(
            verdict,
            Verdict::Wait {
                until: BootMillis(at + STABLE)
            }
        );
        let verdict = trial.step(&observed(false, true), BootMillis(DEADLINE + 6000));
        assert!(matches!(verdict, Verdict::GiveUp { .. }));
    }

    proptest! {
        /// A driver that calls again at each deadline gets a verdict in time, whatever the links
        /// do.
        #[test]
        fn trial_always_ends_by_deadline_plus_stable(
            baseline in any::<(bool, bool)>(),
            changes in proptest::collection::vec((0..30_000_u64, any::<(bool, bool)>()), 0..60),
        ) {
            let baseline = Baseline { lan: baseline.0, carrier: baseline.1 };
            let mut trial = Trial::new(baseline, BootMillis(DEADLINE));
            let mut now = BootMillis(5_000);
            let mut links = (false, false);
            let mut changes = changes.into_iter();
            while let Verdict::Wait { until } = trial.step(&observed(links.0, links.1), now) {
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
