//! The recovery ladder: what to do about a failure, and how long to wait before.
//!
//! The kind of failure names the rungs that can help, each from so many failures of that kind in a
//! row on, and not again before a time. Of those that may be taken now the strongest is; between
//! them it is dialled again, with waits that double. It never latches off: a carrier that comes
//! back after a week finds us dialling.

mod rows;

use std::collections::VecDeque;

pub use rows::{Row, Rung, Trouble};

/// A longer wait would be felt after an outage and a shorter one gains nothing: the record's time
/// to live is a minute as well. 60 calls an hour are no burden on the carrier either.
const CAP_MS: u64 = 60_000;

/// Some sticks take a second after DTR dropped until they accept a call.
pub(crate) const FIRST_MS: u64 = 1_000;

/// A link that held longer than the longest wait was good; its end is new trouble.
const LASTING_MS: u64 = CAP_MS;

/// A rung that somebody refused is tried again after this, however long it would rest otherwise:
/// what stood against it, a person at work or a budget, may be over.
const REFUSED_MS: u64 = 30 * 60_000;

const HOUR_MS: u64 = 3_600_000;

/// What is done about one failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub rung: Rung,
    /// After how many milliseconds.
    pub wait_ms: u64,
    /// The how manieth failure of its kind in a row it is.
    pub count: u32,
}

/// Counts failures in a row and tells what to do about the last.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    counts: [u32; Trouble::ALL.len()],
    /// Redials in a row.
    redials: u32,
    rungs: [Taken; Rung::ALL.len()],
}

/// When a rung was taken.
#[derive(Clone, Debug, Default)]
struct Taken {
    /// Since the last good link.
    last: Option<u64>,
    /// It was not carried out.
    refused: bool,
    /// Within the last hour, whatever came of it.
    hour: VecDeque<u64>,
}

impl Ladder {
    /// Counts a failure after a link that was up for `lasted_ms` (none where it never was), at
    /// `now_ms`; tells what to do about it, and after how many milliseconds.
    pub fn fail(&mut self, trouble: Trouble, lasted_ms: Option<u64>, now_ms: u64) -> Step {
        let count = self.count(trouble, lasted_ms);
        let strongest = trouble
            .rows()
            .iter()
            .find(|row| row.after <= count && self.may_take(row, now_ms))
            .map_or(Rung::Redial, |row| row.rung);
        let wait_ms = match strongest {
            Rung::Redial => self.redial(),
            rung => {
                self.redials = 0;
                self.take(rung, now_ms);
                0
            }
        };
        Step {
            rung: strongest,
            wait_ms,
            count,
        }
    }

    /// Counts a failure that nothing is to be done about now.
    pub fn note(&mut self, trouble: Trouble, lasted_ms: Option<u64>) {
        self.count(trouble, lasted_ms);
        self.redials = self.redials.saturating_add(1);
    }

    fn count(&mut self, trouble: Trouble, lasted_ms: Option<u64>) -> u32 {
        if lasted_ms.is_some_and(|lasted| lasted >= LASTING_MS) {
            self.reset();
        }
        self.counts.get_mut(trouble as usize).map_or(1, |count| {
            *count = count.saturating_add(1);
            *count
        })
    }

    /// The wait before dialling again, where a rung could not be taken after all.
    pub fn redial(&mut self) -> u64 {
        let factor = 1u64.checked_shl(self.redials).unwrap_or(u64::MAX);
        self.redials = self.redials.saturating_add(1);
        FIRST_MS.saturating_mul(factor).min(CAP_MS)
    }

    /// Begins at the mildest again. What is allowed in an hour stays so: a rung that helps for a
    /// minute each time must not be taken all day.
    pub fn reset(&mut self) {
        self.counts = Default::default();
        self.redials = 0;
        for taken in &mut self.rungs {
            taken.last = None;
        }
    }

    /// The rung told last was not carried out, since somebody has something against it.
    pub fn refused(&mut self, rung: Rung) {
        if let Some(taken) = self.rungs.get_mut(rung as usize) {
            taken.refused = true;
        }
    }

    fn may_take(&self, row: &Row, now: u64) -> bool {
        let Some(taken) = self.rungs.get(row.rung as usize) else {
            return false;
        };
        let every = if taken.refused {
            row.every_ms.min(REFUSED_MS)
        } else {
            row.every_ms
        };
        let rested = taken
            .last
            .is_none_or(|last| now.saturating_sub(last) >= every);
        let recent = |at: &&u64| now.saturating_sub(**at) < HOUR_MS;
        let within = taken.hour.iter().filter(recent).count() < row.rung.per_hour();
        rested && within
    }

    /// Counts a rung that is taken at `now`, by the ladder or by a person.
    pub fn take(&mut self, rung: Rung, now: u64) {
        let Some(taken) = self.rungs.get_mut(rung as usize) else {
            return;
        };
        taken.last = Some(now);
        taken.refused = false;
        taken.hour.push_back(now);
        while taken.hour.len() > rung.per_hour() {
            taken.hour.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// The rungs taken when `trouble` comes back every `step_ms` for `total_ms`, with their times.
    fn climb(
        ladder: &mut Ladder,
        trouble: Trouble,
        step_ms: u64,
        total_ms: u64,
    ) -> Vec<(u64, Rung)> {
        let mut taken = Vec::new();
        let mut now = 0;
        while now < total_ms {
            let step = ladder.fail(trouble, None, now);
            if step.rung != Rung::Redial {
                taken.push((now, step.rung));
            }
            now += step_ms + step.wait_ms;
        }
        taken
    }

    #[test]
    fn waits_double_up_to_the_cap_and_stay_there() {
        let mut ladder = Ladder::default();
        let waits: Vec<u64> = (0..9).map(|_| ladder.redial()).collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60].map(|seconds| seconds * 1000);
        assert_eq!(waits, expected);
        ladder.redials = u32::MAX;
        assert_eq!((ladder.redial(), ladder.redial()), (60_000, 60_000));
    }

    #[test]
    fn only_a_lasting_link_begins_anew() {
        let mut ladder = Ladder::default();
        for _ in 0..3 {
            ladder.fail(Trouble::Carrier, None, 0);
        }
        let short = ladder.fail(Trouble::Carrier, Some(LASTING_MS - 1), 0);
        assert_eq!((short.wait_ms, short.count), (8_000, 4));
        let long = ladder.fail(Trouble::Carrier, Some(LASTING_MS), 0);
        assert_eq!((long.wait_ms, long.count), (1_000, 1));
    }

    #[test]
    fn a_silent_stick_climbs_quickly() {
        let mut ladder = Ladder::default();
        let rung = |ladder: &mut Ladder, trouble, now| ladder.fail(trouble, None, now).rung;
        assert_eq!(rung(&mut ladder, Trouble::Silent, 0), Rung::Reset);
        assert_eq!(rung(&mut ladder, Trouble::Deaf, 5_000), Rung::PowerCut);
        assert_eq!(rung(&mut ladder, Trouble::Silent, 30_000), Rung::Redial);
        assert_eq!(rung(&mut ladder, Trouble::Silent, 45_000), Rung::Reboot);
    }

    #[test]
    fn what_the_carrier_does_is_long_answered_with_redialling() {
        let mut ladder = Ladder::default();
        let taken = climb(&mut ladder, Trouble::Carrier, 5_000, 60 * MINUTE);
        let first = taken.first().map(|(at, rung)| (*at >= 30_000, *rung));
        assert_eq!(first, Some((true, Rung::Reset)));
        assert!(taken.iter().all(|(_, rung)| *rung != Rung::Reboot));
        // A network that does not want us will not want us more after a reboot.
        let mut ladder = Ladder::default();
        let taken = climb(&mut ladder, Trouble::Denied, 5_000, 7 * 24 * 60 * MINUTE);
        assert!(taken.iter().all(|(_, rung)| *rung != Rung::Reboot));
        assert!(taken.iter().any(|(_, rung)| *rung == Rung::PowerCut));
    }

    #[test]
    fn what_is_refused_is_asked_for_again_and_between_it_everything_else_goes_on() {
        let mut ladder = Ladder::default();
        let (mut now, mut asked, mut milder) = (0, Vec::new(), 0);
        while now < 12 * 60 * MINUTE {
            let step = ladder.fail(Trouble::Faulty, None, now);
            match step.rung {
                Rung::Reboot => {
                    asked.push(now);
                    ladder.refused(Rung::Reboot);
                }
                Rung::Reset | Rung::PowerCut => milder += 1,
                Rung::Redial => {}
            }
            now += 5_000 + step.wait_ms;
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
    fn limits_hold_over_days_and_nothing_latches() {
        for trouble in Trouble::ALL {
            let mut ladder = Ladder::default();
            let days = 3 * 24 * 60 * MINUTE;
            let taken = climb(&mut ladder, trouble, 1_000, days);
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
                    assert!(within <= rung.per_hour(), "{trouble:?} {rung:?} at {at}");
                }
            }
            let late = taken.iter().any(|(at, _)| *at > days / 2);
            assert_eq!(late, !trouble.rows().is_empty(), "{trouble:?}");
            assert!(ladder.fail(trouble, None, days).wait_ms <= CAP_MS);
        }
    }

    #[test]
    fn rows_begin_with_the_strongest_and_come_later() {
        for trouble in Trouble::ALL {
            for pair in trouble.rows().windows(2) {
                let [strong, mild] = pair else { unreachable!() };
                assert!(
                    strong.rung > mild.rung && strong.after > mild.after,
                    "{trouble:?}"
                );
                assert!(strong.every_ms >= mild.every_ms, "{trouble:?}");
            }
        }
        for (index, trouble) in Trouble::ALL.into_iter().enumerate() {
            assert_eq!(trouble as usize, index);
        }
        for (index, rung) in Rung::ALL.into_iter().enumerate() {
            assert_eq!(rung as usize, index);
        }
    }
}
