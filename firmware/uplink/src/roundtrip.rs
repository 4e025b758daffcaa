//! Whether what we send arrives anywhere, on a link over which packets come in all the same.
//!
//! Scanners and health checkers go on knocking at a house whose own packets are lost, so what comes
//! in proves one way only. A link in use is asked a question once a minute, whose answer proves
//! both. A resolver that never answered in this call says nothing by its silence, so one that is
//! out of order costs one call and no more. Pure, as is [`blackhole`](crate::blackhole).

use crate::blackhole::Verdict;

/// Between questions: in a link that is always in use less than 1 MB a day.
const EVERY_MS: u64 = 60_000;

/// The first comes soon: a link is judged only when one was answered.
const FIRST_MS: u64 = 5_000;

/// An answer that takes longer makes the link doubtful.
const ANSWER_MS: u64 = 3_000;

/// Doubt that is the verdict. Longer than in silence: where the house fills the uplink, questions
/// wait behind its packets for many seconds, and some are dropped.
const VERDICT_MS: u64 = 30_000;

/// Questions a second in doubt, and as many to others. At 20 % loss each way all of a verdict's are
/// lost in one case of 10²⁰, even if only the carrier's resolvers can be reached.
const PROBES: u32 = 2;

/// Watches one call.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrip {
    /// A question was answered in this call.
    answers: bool,
    /// Packets other than questions went out since the last answer.
    used: bool,
    next_ms: u64,
    /// When the first question went out that is without answer.
    waiting_ms: Option<u64>,
}

impl RoundTrip {
    /// For a link that came up at `now_ms`.
    pub(crate) const fn new(now_ms: u64) -> Self {
        Self {
            answers: false,
            used: false,
            next_ms: now_ms.saturating_add(FIRST_MS),
            waiting_ms: None,
        }
    }

    /// The questions cannot be sent.
    pub(crate) const fn acquit(&mut self, now_ms: u64) {
        self.waiting_ms = None;
        self.next_ms = now_ms.saturating_add(EVERY_MS);
    }

    /// Takes a look, every second: whether packets of others went out, whether answers came.
    pub(crate) fn sample(&mut self, used: bool, answered: bool, now_ms: u64) -> Verdict {
        self.used |= used;
        if answered {
            self.answers = true;
            self.used = false;
            self.acquit(now_ms);
            return Verdict::Fine;
        }
        let Some(since) = self.waiting_ms else {
            if !self.used || now_ms < self.next_ms {
                return Verdict::Fine;
            }
            self.waiting_ms = Some(now_ms);
            return Verdict::Probe(1);
        };
        let waited = now_ms.saturating_sub(since);
        if waited >= VERDICT_MS {
            self.acquit(now_ms);
            return if self.answers {
                Verdict::Dead(waited)
            } else {
                Verdict::Fine
            };
        }
        let in_time = waited + ANSWER_MS <= VERDICT_MS;
        if self.answers && waited >= ANSWER_MS && in_time {
            Verdict::ProbeWidely(PROBES)
        } else {
            Verdict::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each second from `from` on for `seconds`; counts the questions.
    fn look(
        trip: &mut RoundTrip,
        from: u64,
        seconds: u64,
        used: bool,
        mut answers: impl FnMut(u64) -> bool,
    ) -> (u64, Option<u64>) {
        let mut probes = 0;
        for now in (1..=seconds).map(|second| from + second * 1_000) {
            match trip.sample(used, answers(now), now) {
                Verdict::Fine => {}
                Verdict::Probe(count) => probes += u64::from(count),
                Verdict::ProbeWidely(count) => probes += 2 * u64::from(count),
                Verdict::Dead(_) => return (probes, Some(now)),
            }
        }
        (probes, None)
    }

    #[test]
    fn a_link_in_use_is_asked_once_a_minute_and_an_idle_one_nothing() {
        let mut trip = RoundTrip::new(0);
        assert_eq!(look(&mut trip, 0, 3_600, false, |_| false), (0, None));
        let (mut asked, mut answered) = (0, false);
        for now in (3_601_000..7_200_000).step_by(1_000) {
            answered = trip.sample(true, answered, now) == Verdict::Probe(1);
            asked += u32::from(answered);
        }
        assert!((58..=60).contains(&asked), "{asked}");
    }

    #[test]
    fn a_link_that_swallows_only_what_we_send_is_told() {
        let mut trip = RoundTrip::new(0);
        let mut alive = |now| now < 600_000 && now % 5_000 == 0;
        let (probes, dead) = look(&mut trip, 0, 1_200, true, &mut alive);
        let dead = dead.unwrap_or_default();
        assert!((630_000..=691_000).contains(&dead), "at {dead} ms");
        assert!(probes > 40, "{probes}");
    }

    #[test]
    fn silence_of_a_resolver_that_never_answered_says_nothing() {
        let mut trip = RoundTrip::new(0);
        let (probes, dead) = look(&mut trip, 0, 86_400, true, |_| false);
        assert_eq!(dead, None);
        assert!(probes < 1_000, "{probes}");
        // Not even once in a while.
        trip.acquit(86_400_000);
        assert_eq!(look(&mut trip, 86_400_000, 600, true, |_| false).1, None);
    }

    #[test]
    fn answers_held_back_in_a_full_queue_are_waited_for() {
        let mut trip = RoundTrip::new(0);
        let mut asked_at = Vec::new();
        for now in (1_000..3_600_000).step_by(1_000) {
            // Twenty seconds behind the house's packets.
            let answered = asked_at.first().is_some_and(|at| now >= at + 20_000);
            if answered {
                asked_at.clear();
            }
            match trip.sample(true, answered, now) {
                Verdict::Fine => {}
                Verdict::Probe(_) | Verdict::ProbeWidely(_) => asked_at.push(now),
                Verdict::Dead(waited) => unreachable!("dead at {now} ms after {waited} ms"),
            }
        }
    }
}
