//! The recovery ladder: what to try after a failure, and how long to wait before.
//!
//! A row is taken for so many failures in a row, then the next one; the last one is taken for
//! ever. It never latches off: a carrier that comes back after a week finds us dialling.

/// A longer wait would be felt after an outage and a shorter one gains nothing: the record's time
/// to live is a minute as well. 60 calls an hour are no burden on the carrier either.
const CAP_MS: u64 = 60_000;

/// Some sticks take a second after DTR dropped until they accept a call.
const FIRST_MS: u64 = 1_000;

/// A link that held longer than the longest wait was good; its end is new trouble.
const LASTING_MS: u64 = CAP_MS;

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Open the port and dial again.
    Redial,
}

/// A rung with its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What to do.
    pub rung: Rung,
    /// For how many failures in a row, before the next row's turn.
    pub tries: u32,
    /// Wait before the first try; it doubles with each.
    pub first_ms: u64,
    /// Longest wait.
    pub cap_ms: u64,
}

/// From the mildest to the strongest.
const ROWS: &[Row] = &[Row {
    rung: Rung::Redial,
    tries: u32::MAX,
    first_ms: FIRST_MS,
    cap_ms: CAP_MS,
}];

/// Counts failures in a row and tells what to do about the last.
#[derive(Clone, Debug)]
pub struct Ladder {
    rows: &'static [Row],
    failures: u32,
}

impl Default for Ladder {
    fn default() -> Self {
        Self::new(ROWS)
    }
}

impl Ladder {
    /// A ladder of these rows.
    pub const fn new(rows: &'static [Row]) -> Self {
        Self { rows, failures: 0 }
    }

    /// Counts a failure after a link that was up for `lasted_ms` (none where it never was); tells
    /// what to do about it, and after how many milliseconds.
    pub fn fail(&mut self, lasted_ms: Option<u64>) -> (Rung, u64) {
        if lasted_ms.is_some_and(|lasted| lasted >= LASTING_MS) {
            self.reset();
        }
        let mut before = self.failures;
        self.failures = self.failures.saturating_add(1);
        let last = self.rows.len().saturating_sub(1);
        for (index, row) in self.rows.iter().enumerate() {
            if before < row.tries || index == last {
                let doubled = row
                    .first_ms
                    .saturating_mul(1u64.checked_shl(before).unwrap_or(u64::MAX));
                return (row.rung, doubled.min(row.cap_ms));
            }
            before -= row.tries;
        }
        (Rung::Redial, CAP_MS)
    }

    /// Begins at the mildest again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(ladder: &mut Ladder, count: usize) -> Vec<u64> {
        (0..count).map(|_| ladder.fail(None).1).collect()
    }

    #[test]
    fn waits_double_up_to_the_cap_and_stay_there() {
        let mut ladder = Ladder::default();
        let expected = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
        assert_eq!(waits(&mut ladder, 8), expected);
        ladder.failures = u32::MAX;
        assert_eq!(ladder.fail(None), (Rung::Redial, 60_000));
        assert_eq!(ladder.fail(None), (Rung::Redial, 60_000));
    }

    #[test]
    fn only_a_lasting_link_begins_anew() {
        let mut ladder = Ladder::default();
        waits(&mut ladder, 3);
        assert_eq!(ladder.fail(Some(LASTING_MS - 1)).1, 8_000);
        assert_eq!(ladder.fail(Some(LASTING_MS)).1, 1_000);
        assert_eq!(ladder.fail(None).1, 2_000);
    }

    #[test]
    fn a_row_that_is_used_up_gives_way_to_the_next() {
        const TWO: &[Row] = &[
            Row {
                rung: Rung::Redial,
                tries: 2,
                first_ms: 10,
                cap_ms: 15,
            },
            Row {
                rung: Rung::Redial,
                tries: 1,
                first_ms: 100,
                cap_ms: 300,
            },
        ];
        let mut ladder = Ladder::new(TWO);
        assert_eq!(waits(&mut ladder, 6), [10, 15, 100, 200, 300, 300]);
        ladder.reset();
        assert_eq!(waits(&mut ladder, 1), [10]);
    }
}
