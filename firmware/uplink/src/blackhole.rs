//! Black-hole detection: a link that is up and over which nothing comes back.
//!
//! The kernel's packet counters come first: a received packet proves the link, and an idle link is
//! not probed. Only if packets are sent and none is received are DNS queries sent along, whose
//! answers count like any other packet. A link that swallows all of them until the verdict is dead.
//! Received packets prove one direction only; the module `roundtrip` checks the other. Pure: takes
//! in counters and the time, gives out probes and the verdict.

use crate::roundtrip::RoundTrip;
pub use crate::verdict::Verdict;

/// Time between two samples of the counters.
pub const SAMPLE_MS: u64 = 1_000;

/// Time from the first unanswered packet to the first probe. Until then silence is normal: cells
/// change, servers are slow.
const PROBE_AFTER_MS: u64 = 2_500;

/// Time from the sample before the first unanswered packet to the verdict: with the sample's second
/// that packet is at most 12 s old then.
const DEAD_AFTER_MS: u64 = 11_500;

/// Time for an answer on a busy radio link; no probe is sent closer to the verdict.
const ANSWER_MS: u64 = 1_400;

/// Probes per sample. At 20 % loss each way a probe stays unanswered in 36 of 100 cases; all the
/// sixteen or more of a verdict do in one case of ten million.
const PROBES_PER_SAMPLE: u32 = 2;

/// Packet counters of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// Black-hole detector of one call.
#[derive(Clone, Debug)]
pub struct BlackholeDetector {
    previous: Packets,
    sampled_ms: u64,
    /// Since when packets are sent and none is received.
    silent_since: Option<u64>,
    trip: RoundTrip,
    /// Probes requested by the last sample; all other sent packets are the LAN's.
    own_probes: u64,
}

impl BlackholeDetector {
    /// Starts with a link that came up at `now_ms` with these counters.
    pub const fn new(packets: Packets, now_ms: u64) -> Self {
        Self {
            previous: packets,
            sampled_ms: now_ms,
            silent_since: None,
            trip: RoundTrip::new(now_ms),
            own_probes: 0,
        }
    }

    /// Records other evidence against the link, which is probed then even if idle.
    pub fn suspect(&mut self, now_ms: u64) {
        self.silent_since.get_or_insert(now_ms);
    }

    /// Clears the suspicion, because probes cannot be sent: silence is no evidence then.
    pub const fn clear(&mut self) {
        self.silent_since = None;
        self.trip.clear(self.sampled_ms);
    }

    /// Returns when the next sample is due.
    pub const fn deadline(&self) -> u64 {
        self.sampled_ms.saturating_add(SAMPLE_MS)
    }

    /// Takes one sample. The counters include the probes; `answered` if one of these was.
    pub fn sample(&mut self, packets: Packets, answered: bool, now_ms: u64) -> Verdict {
        let own = std::mem::take(&mut self.own_probes);
        let used = packets.sent.saturating_sub(self.previous.sent) > own;
        let trip = self.trip.sample(used, answered, now_ms);
        let verdict = match (self.silence(packets, now_ms), trip) {
            (dead @ Verdict::Dead(_), _) | (_, dead @ Verdict::Dead(_)) => dead,
            (Verdict::Ok, other) | (other, _) => other,
        };
        self.own_probes = match verdict {
            Verdict::Ok | Verdict::Dead(_) => 0,
            Verdict::Probe(count) => count.into(),
            Verdict::ProbeWidely(count) => u64::from(count) * 2,
        };
        verdict
    }

    /// Judges by whether anything is received at all.
    fn silence(&mut self, packets: Packets, now_ms: u64) -> Verdict {
        let previous = std::mem::replace(&mut self.previous, packets);
        let sampled = std::mem::replace(&mut self.sampled_ms, now_ms);
        // A counter that went back belongs to another interface of the same name.
        if packets.received != previous.received || packets.sent < previous.sent {
            self.silent_since = None;
            return Verdict::Ok;
        }
        if packets.sent > previous.sent {
            // Sent after the last sample, whenever that was.
            self.silent_since.get_or_insert(sampled);
        }
        let Some(since) = self.silent_since else {
            return Verdict::Ok;
        };
        let silent = now_ms.saturating_sub(since);
        if silent >= DEAD_AFTER_MS {
            Verdict::Dead(silent)
        } else if silent >= PROBE_AFTER_MS && silent + ANSWER_MS <= DEAD_AFTER_MS {
            Verdict::Probe(PROBES_PER_SAMPLE)
        } else {
            Verdict::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift64*: the simulation must be the same each time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
        }

        fn percent(&mut self, percent: u64) -> bool {
            self.roll() % 100 < percent
        }
    }

    /// A simulated link with loss each way, and its traffic.
    struct Sim {
        dice: Dice,
        loss: u64,
        dead: bool,
        packets: Packets,
        /// Times at which answers come in, and whether to a probe.
        coming: Vec<(u64, bool)>,
        /// The resolvers give no answer.
        mute: bool,
        probes: u64,
    }

    impl Sim {
        fn new(seed: u64, loss: u64) -> Self {
            Self {
                dice: Dice(seed),
                loss,
                dead: false,
                packets: Packets::default(),
                coming: Vec::new(),
                mute: false,
                probes: 0,
            }
        }

        fn send(&mut self, now: u64, answered: bool) {
            self.ask(now, answered, false);
        }

        fn ask(&mut self, now: u64, answered: bool, own: bool) {
            self.packets.sent += 1;
            let lost = self.dice.percent(self.loss) || self.dice.percent(self.loss);
            let delay = 80 + self.dice.roll() % 900;
            if answered && !lost && !self.dead {
                self.coming.push((now + delay, own));
            }
        }

        fn sample(&mut self, detector: &mut BlackholeDetector, now: u64) -> Verdict {
            let arrived = |(at, _): &mut (u64, bool)| *at <= now;
            let arrived: Vec<_> = self.coming.extract_if(.., arrived).collect();
            self.packets.received += arrived.len() as u64;
            let answered = arrived.iter().any(|(_, own)| *own);
            let verdict = detector.sample(self.packets, answered, now);
            if let Verdict::Probe(count) | Verdict::ProbeWidely(count) = verdict {
                for _ in 0..count {
                    self.probes += 1;
                    self.ask(now, !self.mute, true);
                }
            }
            verdict
        }
    }

    #[test]
    fn no_false_alarm_in_a_day_at_20_percent_loss() {
        for seed in 1..=10 {
            let mut sim = Sim::new(seed * 0x9e37_79b9, 20);
            let mut detector = BlackholeDetector::new(sim.packets, 0);
            for now in (SAMPLE_MS..24 * 3_600_000).step_by(1_000) {
                // An hour each: idle, sparse requests, a camera that only sends, and all of it.
                let (asks, sends) = match (now / 3_600_000) % 4 {
                    0 => (0, 0),
                    1 => (5, 0),
                    2 => (0, 100),
                    _ => (30, 60),
                };
                if sim.dice.percent(asks) {
                    sim.send(now - 500, true);
                }
                if sim.dice.percent(sends) {
                    sim.send(now - 300, false);
                }
                let verdict = sim.sample(&mut detector, now);
                assert!(
                    !matches!(verdict, Verdict::Dead(_)),
                    "seed {seed}, at {now} ms"
                );
            }
            assert!(
                sim.probes > 1_000,
                "the day had no use for probes: {}",
                sim.probes
            );
        }
    }

    #[test]
    fn dead_link_in_use_is_detected_within_12_s() {
        for seed in 1..=50 {
            let mut sim = Sim::new(seed * 0x51_7cc1, 20);
            let mut detector = BlackholeDetector::new(sim.packets, 0);
            // Alive and used for a while, then dead from a moment within a second on.
            let died = 60_000 + sim.dice.roll() % 1_000;
            let first = died + sim.dice.roll() % 5_000;
            let mut detected = None;
            for now in (SAMPLE_MS..120_000).step_by(1_000) {
                sim.dead = now > died;
                if now < died - 3_000 && sim.dice.percent(50) {
                    sim.send(now - 200, true);
                }
                if (now - 1_000..now).contains(&first) || now > first && sim.dice.percent(30) {
                    sim.send(now - 1, true);
                }
                if let Verdict::Dead(silent) = sim.sample(&mut detector, now) {
                    assert!(silent >= DEAD_AFTER_MS);
                    detected = Some(now);
                    break;
                }
            }
            let Some(detected) = detected else {
                unreachable!("seed {seed} was never told")
            };
            assert!(
                detected - first <= 12_000,
                "seed {seed}: {} ms",
                detected - first
            );
        }
    }

    #[test]
    fn outbound_only_loss_detected_despite_inbound_traffic() {
        for seed in 1..=50 {
            let mut sim = Sim::new(seed * 0x51_7cc1, 20);
            let mut detector = BlackholeDetector::new(sim.packets, 0);
            let died = 600_000;
            let mut detected = None;
            for now in (SAMPLE_MS..900_000).step_by(1_000) {
                sim.dead = now > died;
                sim.send(now - 200, true);
                // An unrelated sender, whose packet proves nothing.
                sim.packets.received += 1;
                if let Verdict::Dead(_) = sim.sample(&mut detector, now) {
                    detected = Some(now);
                    break;
                }
            }
            let detected = detected.unwrap_or_default();
            let late = died + 95_000;
            assert!(
                (died..late).contains(&detected),
                "seed {seed}: {detected} ms"
            );
        }
    }

    #[test]
    fn mute_resolver_alone_is_no_black_hole() {
        let mut sim = Sim::new(7, 20);
        sim.mute = true;
        let mut detector = BlackholeDetector::new(sim.packets, 0);
        for now in (SAMPLE_MS..24 * 3_600_000).step_by(1_000) {
            sim.send(now - 200, true);
            sim.packets.received += 1;
            let verdict = sim.sample(&mut detector, now);
            assert!(!matches!(verdict, Verdict::Dead(_)), "at {now} ms");
        }
    }

    #[test]
    fn idle_link_is_never_probed() {
        let mut detector = BlackholeDetector::new(Packets::default(), 0);
        for now in 1..10_000 {
            let verdict = detector.sample(Packets::default(), false, now * SAMPLE_MS);
            assert_eq!(verdict, Verdict::Ok);
        }
    }

    #[test]
    fn suspect_idle_link_is_probed_and_cleared_by_an_answer() {
        let packets = |received, sent| Packets { received, sent };
        let mut detector = BlackholeDetector::new(packets(0, 0), 0);
        detector.suspect(0);
        for now in 1..=2 {
            assert_eq!(
                detector.sample(packets(0, 0), false, now * SAMPLE_MS),
                Verdict::Ok
            );
        }
        assert_eq!(
            detector.sample(packets(0, 0), false, 3_000),
            Verdict::Probe(2)
        );
        assert_eq!(detector.sample(packets(1, 2), false, 4_000), Verdict::Ok);
        assert_eq!(detector.sample(packets(1, 2), false, 60_000), Verdict::Ok);
        detector.suspect(60_000);
        detector.clear();
        assert_eq!(detector.sample(packets(1, 2), false, 80_000), Verdict::Ok);
        detector.suspect(80_000);
        assert_eq!(
            detector.sample(packets(1, 9), false, 92_000),
            Verdict::Dead(12_000)
        );
    }

    #[test]
    fn received_packets_prove_the_link() {
        let packets = |received, sent| Packets { received, sent };
        let mut detector = BlackholeDetector::new(packets(5, 5), 0);
        assert_eq!(detector.sample(packets(5, 6), false, 1_000), Verdict::Ok);
        assert_eq!(detector.sample(packets(5, 6), false, 2_000), Verdict::Ok);
        assert_eq!(
            detector.sample(packets(5, 6), false, 3_000),
            Verdict::Probe(2)
        );
        assert_eq!(detector.sample(packets(6, 8), false, 4_000), Verdict::Ok);
        assert_eq!(
            detector.sample(packets(6, 8), false, 60_000),
            Verdict::Probe(1)
        );
        // Another interface: everything from the beginning.
        assert_eq!(detector.sample(packets(0, 0), false, 61_000), Verdict::Ok);
        assert_eq!(detector.deadline(), 62_000);
    }
}
