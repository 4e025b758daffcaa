//! The escalation ladder: chooses the recovery action for a failure, and the wait before it.
//!
//! Each kind of failure has rules (module `policy`): the rungs that can help, each from a number of
//! failures in a row on, and not again before a cool-down. The strongest rung that is allowed now is
//! taken; otherwise the stick is redialled with exponential backoff. The ladder never latches off: a
//! carrier that comes back after a week is still being dialled.

mod policy;

use std::collections::VecDeque;

pub use policy::{FailureKind, Rule, Rung};

/// Longest wait before a redial. A longer one would prolong outages and a shorter one gains nothing,
/// as the DNS record's time to live is a minute as well. 60 calls an hour are no load on the carrier.
const MAX_REDIAL_WAIT_MS: u64 = 60_000;

/// Wait before the first redial: some sticks accept no call until a second after DTR dropped.
pub(crate) const FIRST_REDIAL_WAIT_MS: u64 = 1_000;

/// Shortest time of a good link, whose end is a first failure again: the longest redial wait.
const STABLE_LINK_MS: u64 = MAX_REDIAL_WAIT_MS;

/// Cool-down of a rung that was refused, if shorter than its own: the reason, an operator at work or
/// a budget, may be gone.
const REFUSED_RETRY_MS: u64 = 30 * 60_000;

const HOUR_MS: u64 = 3_600_000;

/// The ladder's response to one failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rung to execute.
    pub rung: Rung,
    /// The wait before it, in milliseconds.
    pub wait_ms: u64,
    /// Failures of this kind in a row, this one included.
    pub count: u32,
}

/// Failure counts and rung limits.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    counts: [u32; FailureKind::ALL.len()],
    /// Redials in a row.
    redials: u32,
    rungs: [RungUse; Rung::ALL.len()],
}

/// Use of one rung, for its limits.
#[derive(Clone, Debug, Default)]
struct RungUse {
    /// When it was last taken since the last good link, in milliseconds.
    last: Option<u64>,
    /// The last one was refused, not executed.
    refused: bool,
    /// The times within the last hour, executed or not.
    hour: VecDeque<u64>,
}

impl Ladder {
    /// Counts a failure at `now_ms` and chooses the response. `lasted_ms` is for how long the link
    /// was up, none if it never was.
    pub fn on_failure(
        &mut self,
        kind: FailureKind,
        lasted_ms: Option<u64>,
        now_ms: u64,
    ) -> Decision {
        let count = self.count(kind, lasted_ms);
        let strongest = kind
            .rules()
            .iter()
            .find(|rule| rule.min_failures <= count && self.is_allowed(rule, now_ms))
            .map_or(Rung::Redial, |rule| rule.rung);
        let wait_ms = match strongest {
            Rung::Redial => self.next_redial_wait(),
            rung => {
                self.redials = 0;
                self.record_rung(rung, now_ms);
                0
            }
        };
        Decision {
            rung: strongest,
            wait_ms,
            count,
        }
    }

    /// Counts a failure without choosing a response.
    pub fn count_failure(&mut self, kind: FailureKind, lasted_ms: Option<u64>) {
        self.count(kind, lasted_ms);
        self.redials = self.redials.saturating_add(1);
    }

    fn count(&mut self, kind: FailureKind, lasted_ms: Option<u64>) -> u32 {
        if lasted_ms.is_some_and(|lasted| lasted >= STABLE_LINK_MS) {
            self.reset();
        }
        self.counts.get_mut(kind as usize).map_or(1, |count| {
            *count = count.saturating_add(1);
            *count
        })
    }

    /// Returns the next redial wait, which doubles up to the cap.
    pub fn next_redial_wait(&mut self) -> u64 {
        let factor = 1u64.checked_shl(self.redials).unwrap_or(u64::MAX);
        self.redials = self.redials.saturating_add(1);
        FIRST_REDIAL_WAIT_MS
            .saturating_mul(factor)
            .min(MAX_REDIAL_WAIT_MS)
    }

    /// Restarts at the mildest rung. The hourly limits stay: a rung that helps for a minute each time
    /// must not be taken all day.
    pub fn reset(&mut self) {
        self.counts = Default::default();
        self.redials = 0;
        for taken in &mut self.rungs {
            taken.last = None;
        }
    }

    /// Records that the rung chosen last was refused and not executed.
    pub fn record_refusal(&mut self, rung: Rung) {
        if let Some(taken) = self.rungs.get_mut(rung as usize) {
            taken.refused = true;
        }
    }

    fn is_allowed(&self, rule: &Rule, now: u64) -> bool {
        let Some(taken) = self.rungs.get(rule.rung as usize) else {
            return false;
        };
        let every = if taken.refused {
            rule.min_interval_ms.min(REFUSED_RETRY_MS)
        } else {
            rule.min_interval_ms
        };
        let rested = taken
            .last
            .is_none_or(|last| now.saturating_sub(last) >= every);
        let recent = |at: &&u64| now.saturating_sub(**at) < HOUR_MS;
        let within = taken.hour.iter().filter(recent).count() < rule.rung.max_per_hour();
        rested && within
    }

    /// Records that a rung is taken at `now`, by the ladder or by an operator.
    pub fn record_rung(&mut self, rung: Rung, now: u64) {
        let Some(taken) = self.rungs.get_mut(rung as usize) else {
            return;
        };
        taken.last = Some(now);
        taken.refused = false;
        taken.hour.push_back(now);
        while taken.hour.len() > rung.max_per_hour() {
            taken.hour.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// Returns the rungs taken, with their times, when `kind` recurs every `step_ms` for `total_ms`, with their times.
    fn execute_rung(
        ladder: &mut Ladder,
        kind: FailureKind,
        step_ms: u64,
        total_ms: u64,
    ) -> Vec<(u64, Rung)> {
        let mut taken = Vec::new();
        let mut now = 0;
        while now < total_ms {
            let decision = ladder.on_failure(kind, None, now);
            if decision.rung != Rung::Redial {
                taken.push((now, decision.rung));
            }
            now += step_ms + decision.wait_ms;
        }
        taken
    }

    #[test]
    fn redial_wait_doubles_up_to_the_cap() {
        let mut ladder = Ladder::default();
        let waits: Vec<u64> = (0..9).map(|_| ladder.next_redial_wait()).collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60].map(|seconds| seconds * 1000);
        assert_eq!(waits, expected);
        ladder.redials = u32::MAX;
        assert_eq!(
            (ladder.next_redial_wait(), ladder.next_redial_wait()),
            (60_000, 60_000)
        );
    }

    #[test]
    fn only_a_stable_link_resets_the_counts() {
        let mut ladder = Ladder::default();
        for _ in 0..3 {
            ladder.on_failure(FailureKind::Carrier, None, 0);
        }
        let short = ladder.on_failure(FailureKind::Carrier, Some(STABLE_LINK_MS - 1), 0);
        assert_eq!((short.wait_ms, short.count), (8_000, 4));
        let long = ladder.on_failure(FailureKind::Carrier, Some(STABLE_LINK_MS), 0);
        assert_eq!((long.wait_ms, long.count), (1_000, 1));
    }

    #[test]
    fn unresponsive_stick_escalates_quickly() {
        let mut ladder = Ladder::default();
        let rung = |ladder: &mut Ladder, kind, now| ladder.on_failure(kind, None, now).rung;
        assert_eq!(rung(&mut ladder, FailureKind::Unresponsive, 0), Rung::Reset);
        assert_eq!(
            rung(&mut ladder, FailureKind::ResetIgnored, 5_000),
            Rung::PowerCycle
        );
        assert_eq!(
            rung(&mut ladder, FailureKind::Unresponsive, 30_000),
            Rung::Redial
        );
        assert_eq!(
            rung(&mut ladder, FailureKind::Unresponsive, 45_000),
            Rung::Reboot
        );
    }

    #[test]
    fn carrier_failures_are_redialled_for_long() {
        let mut ladder = Ladder::default();
        let taken = execute_rung(&mut ladder, FailureKind::Carrier, 5_000, 60 * MINUTE);
        let first = taken.first().map(|(at, rung)| (*at >= 30_000, *rung));
        assert_eq!(first, Some((true, Rung::Reset)));
        assert!(taken.iter().all(|(_, rung)| *rung != Rung::Reboot));
        // A reboot does not change the answer of a network that denies access.
        let mut ladder = Ladder::default();
        let taken = execute_rung(
            &mut ladder,
            FailureKind::AccessDenied,
            5_000,
            7 * 24 * 60 * MINUTE,
        );
        assert!(taken.iter().all(|(_, rung)| *rung != Rung::Reboot));
        assert!(taken.iter().any(|(_, rung)| *rung == Rung::PowerCycle));
    }

    #[test]
    fn refused_reboot_is_retried_every_30_min() {
        let mut ladder = Ladder::default();
        let (mut now, mut asked, mut milder) = (0, Vec::new(), 0);
        while now < 12 * 60 * MINUTE {
            let decision = ladder.on_failure(FailureKind::StoppedResponding, None, now);
            match decision.rung {
                Rung::Reboot => {
                    asked.push(now);
                    ladder.record_refusal(Rung::Reboot);
                }
                Rung::Reset | Rung::PowerCycle => milder += 1,
                Rung::Redial => {}
            }
            now += 5_000 + decision.wait_ms;
        }
        let gaps: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(asked.len() > 20 && milder > 100, "{asked:?}, {milder}");
        assert!(
            gaps.iter()
                .all(|gap| (30 * MINUTE..32 * MINUTE).contains(gap)),
            "{gaps:?}"
        );
    }

    #[test]
    fn hourly_limits_hold_for_days_without_latching() {
        for kind in FailureKind::ALL {
            let mut ladder = Ladder::default();
            let days = 3 * 24 * 60 * MINUTE;
            let taken = execute_rung(&mut ladder, kind, 1_000, days);
            for rung in Rung::ALL {
                let times: Vec<u64> = taken
                    .iter()
                    .filter(|(_, taken)| *taken == rung)
                    .map(|(at, _)| *at)
                    .collect();
                for (index, at) in times.iter().enumerate() {
                    let within = times
                        .iter()
                        .skip(index)
                        .filter(|t| *t - at < HOUR_MS)
                        .count();
                    assert!(within <= rung.max_per_hour(), "{kind:?} {rung:?} at {at}");
                }
            }
            let late = taken.iter().any(|(at, _)| *at > days / 2);
            assert_eq!(late, !kind.rules().is_empty(), "{kind:?}");
            assert!(ladder.on_failure(kind, None, days).wait_ms <= MAX_REDIAL_WAIT_MS);
        }
    }

    #[test]
    fn rules_are_ordered_strongest_first() {
        for kind in FailureKind::ALL {
            for pair in kind.rules().windows(2) {
                let [strong, mild] = pair else { unreachable!() };
                assert!(
                    strong.rung > mild.rung && strong.min_failures > mild.min_failures,
                    "{kind:?}"
                );
                assert!(strong.min_interval_ms >= mild.min_interval_ms, "{kind:?}");
            }
        }
        for (index, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
        for (index, rung) in Rung::ALL.into_iter().enumerate() {
            assert_eq!(rung as usize, index);
        }
    }
}
