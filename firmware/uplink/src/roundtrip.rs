//! Detection of outbound-only loss: sent packets are lost while unrelated packets still come in.
//!
//! Scanners and health checkers go on sending to a box whose own packets are lost, so received
//! packets prove one direction only. A link in use is probed with a DNS query once a minute, whose
//! answer proves both. Silence of a resolver that never answered in this call is no evidence, so one
//! that is down costs one call and no more. Pure, as is [`blackhole`](crate::blackhole).

use crate::verdict::Verdict;

/// Time between two probes of a link in use: less than 1 MB a day.
const PROBE_INTERVAL_MS: u64 = 60_000;

/// Time from link up to the first probe. Soon, since a verdict needs an answer in the same call.
const FIRST_PROBE_MS: u64 = 5_000;

/// Time from a probe to its answer after which the link is suspect.
const ANSWER_MS: u64 = 3_000;

/// Time from an unanswered probe to the verdict. Longer than in total silence: if the LAN fills the
/// uplink, probes wait behind its packets for many seconds, and some are dropped.
const DEAD_AFTER_MS: u64 = 30_000;

/// Probes a second to a suspect link, and as many to public resolvers. At 20 % loss each way all
/// probes of a verdict are lost in one case of 10²⁰, even if only the carrier's resolvers are
/// reachable.
const PROBES_PER_SAMPLE: u32 = 2;

/// Round-trip state of one call.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrip {
    /// A probe was answered in this call.
    ever_answered: bool,
    /// Packets other than probes were sent since the last answer.
    used: bool,
    next_probe_ms: u64,
    /// When the first probe without an answer was sent.
    unanswered_since_ms: Option<u64>,
}

impl RoundTrip {
    /// Starts with a link that came up at `now_ms`.
    pub(crate) const fn new(now_ms: u64) -> Self {
        Self {
            ever_answered: false,
            used: false,
            next_probe_ms: now_ms.saturating_add(FIRST_PROBE_MS),
            unanswered_since_ms: None,
        }
    }

    /// Clears the suspicion, because probes cannot be sent.
    pub(crate) const fn clear(&mut self, now_ms: u64) {
        self.unanswered_since_ms = None;
        self.next_probe_ms = now_ms.saturating_add(PROBE_INTERVAL_MS);
    }

    /// Takes one sample a second: `used` if packets other than probes were sent, `answered` if a probe
    /// was.
    pub(crate) fn sample(&mut self, used: bool, answered: bool, now_ms: u64) -> Verdict {
        self.used |= used;
        if answered {
            self.ever_answered = true;
            self.used = false;
            self.clear(now_ms);
            return Verdict::Ok;
        }
        let Some(since) = self.unanswered_since_ms else {
            if !self.used || now_ms < self.next_probe_ms {
                return Verdict::Ok;
            }
            self.unanswered_since_ms = Some(now_ms);
            return Verdict::Probe(1);
        };
        let waited = now_ms.saturating_sub(since);
        if waited >= DEAD_AFTER_MS {
            self.clear(now_ms);
            return if self.ever_answered {
                Verdict::Dead(waited)
            } else {
                Verdict::Ok
            };
        }
        let in_time = waited + ANSWER_MS <= DEAD_AFTER_MS;
        if self.ever_answered && waited >= ANSWER_MS && in_time {
            Verdict::ProbeWidely(PROBES_PER_SAMPLE)
        } else {
            Verdict::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples each second from `from` for `seconds`; returns the probes sent and the verdict's time.
    fn run(
        trip: &mut RoundTrip,
        from: u64,
        seconds: u64,
        used: bool,
        mut answers: impl FnMut(u64) -> bool,
    ) -> (u64, Option<u64>) {
        let mut probes = 0;
        for now in (1..=seconds).map(|second| from + second * 1_000) {
            match trip.sample(used, answers(now), now) {
                Verdict::Ok => {}
                Verdict::Probe(count) => probes += u64::from(count),
                Verdict::ProbeWidely(count) => probes += 2 * u64::from(count),
                Verdict::Dead(_) => return (probes, Some(now)),
            }
        }
        (probes, None)
    }

    #[test]
    fn link_in_use_is_probed_every_minute_idle_one_never() {
        let mut trip = RoundTrip::new(0);
        assert_eq!(run(&mut trip, 0, 3_600, false, |_| false), (0, None));
        let (mut asked, mut answered) = (0, false);
        for now in (3_601_000..7_200_000).step_by(1_000) {
            answered = trip.sample(true, answered, now) == Verdict::Probe(1);
            asked += u32::from(answered);
        }
        assert!((58..=60).contains(&asked), "{asked}");
    }

    #[test]
    fn outbound_only_loss_is_detected() {
        let mut trip = RoundTrip::new(0);
        let mut alive = |now| now < 600_000 && now % 5_000 == 0;
        let (probes, dead) = run(&mut trip, 0, 1_200, true, &mut alive);
        let dead = dead.unwrap_or_default();
        assert!((630_000..=691_000).contains(&dead), "at {dead} ms");
        assert!(probes > 40, "{probes}");
    }

    #[test]
    fn resolver_that_never_answered_is_no_evidence() {
        let mut trip = RoundTrip::new(0);
        let (probes, dead) = run(&mut trip, 0, 86_400, true, |_| false);
        assert_eq!(dead, None);
        assert!(probes < 1_000, "{probes}");
        // Not later either.
        trip.clear(86_400_000);
        assert_eq!(run(&mut trip, 86_400_000, 600, true, |_| false).1, None);
    }

    #[test]
    fn answers_delayed_by_a_full_queue_are_no_loss() {
        let mut trip = RoundTrip::new(0);
        let mut asked_at = Vec::new();
        for now in (1_000..3_600_000).step_by(1_000) {
            // Twenty seconds behind the LAN's packets.
            let answered = asked_at.first().is_some_and(|at| now >= at + 20_000);
            if answered {
                asked_at.clear();
            }
            match trip.sample(true, answered, now) {
                Verdict::Ok => {}
                Verdict::Probe(_) | Verdict::ProbeWidely(_) => asked_at.push(now),
                Verdict::Dead(waited) => unreachable!("dead at {now} ms after {waited} ms"),
            }
        }
    }
}
