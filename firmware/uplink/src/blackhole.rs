//! Whether anything comes back over a link that is up.
//!
//! The kernel's packet counters are watched first: what comes in proves the link, and a link that
//! nobody uses is asked nothing. Only where packets go out and none comes in are questions sent
//! along, whose answers count like any other packet. A link that swallows all of them in the time
//! of a verdict is dead. What comes in proves one way only; the other is for [`roundtrip`]. Pure: counters and the time go in, probes and the verdict come out.

use crate::roundtrip::RoundTrip;

/// Between two looks at the counters.
pub const SAMPLE_MS: u64 = 1_000;

/// Packets that go out and bring nothing are none of the link's fault for so long: cells change,
/// servers are slow.
const PATIENCE_MS: u64 = 2_500;

/// Silence that is the verdict, counted from before the first packet without answer: with the
/// sample's second that packet is at most 12 s old then.
const VERDICT_MS: u64 = 11_500;

/// An answer on a busy radio link takes this long; no question goes out later.
const ANSWER_MS: u64 = 1_400;

/// Questions each time. At 20 % loss each way a question stays without answer in 36 of 100 cases;
/// all the sixteen or more of a verdict do in one case of ten million.
const PROBES: u32 = 2;

/// Packets that the interface has sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// What a look at the counters leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong, as far as can be known.
    Fine,
    /// So many questions are to be sent along.
    Probe(u32),
    /// So many, and as many to others than the carrier's resolvers.
    ProbeWidely(u32),
    /// Nothing came back for so many milliseconds.
    Dead(u64),
}

/// Watches one call.
#[derive(Clone, Debug)]
pub struct Watch {
    last: Packets,
    sampled_ms: u64,
    /// From when on packets go out and none comes in.
    silent_since: Option<u64>,
    trip: RoundTrip,
    /// Questions asked for at the last look: what goes out besides is the house's.
    own: u64,
}

impl Watch {
    /// For a link that came up at `now_ms` with these counters.
    pub const fn new(packets: Packets, now_ms: u64) -> Self {
        Self {
            last: packets,
            sampled_ms: now_ms,
            silent_since: None,
            trip: RoundTrip::new(now_ms),
            own: 0,
        }
    }

    /// Something else speaks against the link: it is asked whether it lives, used or not.
    pub fn doubt(&mut self, now_ms: u64) {
        self.silent_since.get_or_insert(now_ms);
    }

    /// The questions cannot be sent: silence says nothing then.
    pub const fn acquit(&mut self) {
        self.silent_since = None;
        self.trip.acquit(self.sampled_ms);
    }

    /// When the next look is due.
    pub const fn deadline(&self) -> u64 {
        self.sampled_ms.saturating_add(SAMPLE_MS)
    }

    /// Takes a look. The counters include the probes; `answered` tells whether one of these was.
    pub fn sample(&mut self, packets: Packets, answered: bool, now_ms: u64) -> Verdict {
        let own = std::mem::take(&mut self.own);
        let used = packets.sent.saturating_sub(self.last.sent) > own;
        let trip = self.trip.sample(used, answered, now_ms);
        let verdict = match (self.silence(packets, now_ms), trip) {
            (dead @ Verdict::Dead(_), _) | (_, dead @ Verdict::Dead(_)) => dead,
            (Verdict::Fine, other) | (other, _) => other,
        };
        self.own = match verdict {
            Verdict::Fine | Verdict::Dead(_) => 0,
            Verdict::Probe(count) => count.into(),
            Verdict::ProbeWidely(count) => u64::from(count) * 2,
        };
        verdict
    }

    /// Judges by what comes in at all.
    fn silence(&mut self, packets: Packets, now_ms: u64) -> Verdict {
        let before = std::mem::replace(&mut self.last, packets);
        let sampled = std::mem::replace(&mut self.sampled_ms, now_ms);
        // A counter that went back belongs to another interface of the same name.
        if packets.received != before.received || packets.sent < before.sent {
            self.silent_since = None;
            return Verdict::Fine;
        }
        if packets.sent > before.sent {
            // After the last look, whenever that was.
            self.silent_since.get_or_insert(sampled);
        }
        let Some(since) = self.silent_since else {
            return Verdict::Fine;
        };
        let silent = now_ms.saturating_sub(since);
        if silent >= VERDICT_MS {
            Verdict::Dead(silent)
        } else if silent >= PATIENCE_MS && silent + ANSWER_MS <= VERDICT_MS {
            Verdict::Probe(PROBES)
        } else {
            Verdict::Fine
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

    /// A link with loss each way, and what goes over it.
    struct Sim {
        dice: Dice,
        loss: u64,
        dead: bool,
        packets: Packets,
        /// Times at which answers come in, and whether to a question of ours.
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

        fn look(&mut self, watch: &mut Watch, now: u64) -> Verdict {
            let arrived = |(at, _): &mut (u64, bool)| *at <= now;
            let arrived: Vec<_> = self.coming.extract_if(.., arrived).collect();
            self.packets.received += arrived.len() as u64;
            let answered = arrived.iter().any(|(_, own)| *own);
            let verdict = watch.sample(self.packets, answered, now);
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
    fn no_false_alarm_in_a_day_at_a_fifth_lost() {
        for seed in 1..=10 {
            let mut sim = Sim::new(seed * 0x9e37_79b9, 20);
            let mut watch = Watch::new(sim.packets, 0);
            for now in (SAMPLE_MS..24 * 3_600_000).step_by(1_000) {
                // An hour each of quiet, of sparse questions, of a camera that only sends, and of all.
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
                let verdict = sim.look(&mut watch, now);
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
    fn a_link_that_swallows_everything_is_told_within_twelve_seconds() {
        for seed in 1..=50 {
            let mut sim = Sim::new(seed * 0x51_7cc1, 20);
            let mut watch = Watch::new(sim.packets, 0);
            // Alive and used for a while, then dead from a moment within a second on.
            let died = 60_000 + sim.dice.roll() % 1_000;
            let first = died + sim.dice.roll() % 5_000;
            let mut told = None;
            for now in (SAMPLE_MS..120_000).step_by(1_000) {
                sim.dead = now > died;
                if now < died - 3_000 && sim.dice.percent(50) {
                    sim.send(now - 200, true);
                }
                if (now - 1_000..now).contains(&first) || now > first && sim.dice.percent(30) {
                    sim.send(now - 1, true);
                }
                if let Verdict::Dead(silent) = sim.look(&mut watch, now) {
                    assert!(silent >= VERDICT_MS);
                    told = Some(now);
                    break;
                }
            }
            let Some(told) = told else {
                unreachable!("seed {seed} was never told")
            };
            assert!(told - first <= 12_000, "seed {seed}: {} ms", told - first);
        }
    }

    #[test]
    fn a_house_that_is_heard_by_nobody_is_told_though_strangers_knock() {
        for seed in 1..=50 {
            let mut sim = Sim::new(seed * 0x51_7cc1, 20);
            let mut watch = Watch::new(sim.packets, 0);
            let died = 600_000;
            let mut told = None;
            for now in (SAMPLE_MS..900_000).step_by(1_000) {
                sim.dead = now > died;
                sim.send(now - 200, true);
                // A stranger, whose packet proves nothing.
                sim.packets.received += 1;
                if let Verdict::Dead(_) = sim.look(&mut watch, now) {
                    told = Some(now);
                    break;
                }
            }
            let told = told.unwrap_or_default();
            let late = died + 95_000;
            assert!((died..late).contains(&told), "seed {seed}: {told} ms");
        }
    }

    #[test]
    fn a_link_whose_resolver_never_answers_is_judged_by_what_comes_in() {
        let mut sim = Sim::new(7, 20);
        sim.mute = true;
        let mut watch = Watch::new(sim.packets, 0);
        for now in (SAMPLE_MS..24 * 3_600_000).step_by(1_000) {
            sim.send(now - 200, true);
            sim.packets.received += 1;
            let verdict = sim.look(&mut watch, now);
            assert!(!matches!(verdict, Verdict::Dead(_)), "at {now} ms");
        }
    }

    #[test]
    fn an_idle_link_is_asked_nothing() {
        let mut watch = Watch::new(Packets::default(), 0);
        for now in 1..10_000 {
            let verdict = watch.sample(Packets::default(), false, now * SAMPLE_MS);
            assert_eq!(verdict, Verdict::Fine);
        }
    }

    #[test]
    fn a_link_in_doubt_is_asked_and_its_answer_counts() {
        let packets = |received, sent| Packets { received, sent };
        let mut watch = Watch::new(packets(0, 0), 0);
        watch.doubt(0);
        for now in 1..=2 {
            assert_eq!(
                watch.sample(packets(0, 0), false, now * SAMPLE_MS),
                Verdict::Fine
            );
        }
        assert_eq!(watch.sample(packets(0, 0), false, 3_000), Verdict::Probe(2));
        assert_eq!(watch.sample(packets(1, 2), false, 4_000), Verdict::Fine);
        assert_eq!(watch.sample(packets(1, 2), false, 60_000), Verdict::Fine);
        watch.doubt(60_000);
        watch.acquit();
        assert_eq!(watch.sample(packets(1, 2), false, 80_000), Verdict::Fine);
        watch.doubt(80_000);
        assert_eq!(
            watch.sample(packets(1, 9), false, 92_000),
            Verdict::Dead(12_000)
        );
    }

    #[test]
    fn what_comes_in_proves_the_link() {
        let packets = |received, sent| Packets { received, sent };
        let mut watch = Watch::new(packets(5, 5), 0);
        assert_eq!(watch.sample(packets(5, 6), false, 1_000), Verdict::Fine);
        assert_eq!(watch.sample(packets(5, 6), false, 2_000), Verdict::Fine);
        assert_eq!(watch.sample(packets(5, 6), false, 3_000), Verdict::Probe(2));
        assert_eq!(watch.sample(packets(6, 8), false, 4_000), Verdict::Fine);
        assert_eq!(
            watch.sample(packets(6, 8), false, 60_000),
            Verdict::Probe(1)
        );
        // Another interface: everything from the beginning.
        assert_eq!(watch.sample(packets(0, 0), false, 61_000), Verdict::Fine);
        assert_eq!(watch.deadline(), 62_000);
    }
}
