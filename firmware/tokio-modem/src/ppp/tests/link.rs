//! A line with a delay between an engine and whatever is at its other end.

use std::collections::VecDeque;

use super::*;

/// One way.
pub(super) const DELAY_MS: u64 = 40;

/// The other end of a line.
pub(super) trait Peer {
    /// Takes a frame; gives what it says to it.
    fn take(&mut self, frame: &[u8], now: u64) -> Vec<Vec<u8>>;
    /// What it says when its time has come.
    fn tick(&mut self, _now: u64) -> Vec<Vec<u8>> {
        Vec::new()
    }
    fn deadline(&self) -> Option<u64> {
        None
    }
}

impl<F: FnMut(&[u8]) -> Vec<Vec<u8>>> Peer for F {
    fn take(&mut self, frame: &[u8], _now: u64) -> Vec<Vec<u8>> {
        self(frame)
    }
}

/// An engine and all that it said.
pub(super) struct End {
    pub(super) engine: Engine,
    pub(super) news: Vec<(u64, Output<'static>)>,
}

impl End {
    /// An engine on a line that has just come up.
    pub(super) fn up(config: Config, seed: u64) -> Self {
        let mut end = Self {
            engine: Engine::new(config, seed, 0),
            news: Vec::new(),
        };
        end.engine.handle(Event::Open, 0);
        end.engine.handle(Event::LowerUp, 0);
        end
    }

    /// The frames it has to say; news is kept.
    pub(super) fn drain(&mut self, now: u64) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(output) = self.engine.poll_output() {
            let news = match output {
                Output::Send(frame, via) => {
                    assert_eq!(via == Via::Channel, frame[0] >= 0xc0);
                    frames.push(frame.to_vec());
                    continue;
                }
                Output::LcpOpened(options) => Output::LcpOpened(options),
                Output::LcpDown => Output::LcpDown,
                Output::Authenticated(protocol) => Output::Authenticated(protocol),
                Output::Ipv4Up(ipv4) => Output::Ipv4Up(ipv4),
                Output::Ipv4Down => Output::Ipv4Down,
                Output::Ipv6Up(ipv6) => Output::Ipv6Up(ipv6),
                Output::Ipv6Down => Output::Ipv6Down,
                Output::EchoUnanswered(count) => Output::EchoUnanswered(count),
                Output::Finished(reason) => Output::Finished(reason),
            };
            self.news.push((now, news));
        }
        assert_eq!(self.engine.counters().lost_outputs, 0, "an output was lost");
        frames
    }

    pub(super) fn handle(&mut self, event: Event<'_>, now: u64) -> Vec<Vec<u8>> {
        self.engine.handle(event, now);
        self.drain(now)
    }

    pub(super) fn lcp(&self) -> Option<LcpOptions> {
        self.find(|news| match news {
            Output::LcpOpened(options) => Some(*options),
            _ => None,
        })
    }

    pub(super) fn ipv4(&self) -> Option<Ipv4> {
        self.find(|news| match news {
            Output::Ipv4Up(ipv4) => Some(*ipv4),
            _ => None,
        })
    }

    pub(super) fn ipv6(&self) -> Option<Ipv6> {
        self.find(|news| match news {
            Output::Ipv6Up(ipv6) => Some(*ipv6),
            _ => None,
        })
    }

    /// When and why it ended.
    pub(super) fn end(&self) -> Option<(u64, &Reason)> {
        let mut ends = self.news.iter().filter_map(|(at, news)| match news {
            Output::Finished(reason) => Some((*at, reason)),
            _ => None,
        });
        let end = ends.next();
        assert!(ends.next().is_none(), "the end was told twice");
        end
    }

    pub(super) fn has(&self, wanted: &Output<'_>) -> bool {
        self.news.iter().any(|(_, news)| news == wanted)
    }

    fn find<T>(&self, wanted: impl Fn(&Output<'static>) -> Option<T>) -> Option<T> {
        self.news.iter().rev().find_map(|(_, news)| wanted(news))
    }
}

impl Peer for End {
    fn take(&mut self, frame: &[u8], now: u64) -> Vec<Vec<u8>> {
        self.handle(Event::Frame(frame), now)
    }

    fn tick(&mut self, now: u64) -> Vec<Vec<u8>> {
        self.handle(Event::Tick, now)
    }

    fn deadline(&self) -> Option<u64> {
        self.engine.next_deadline()
    }
}

/// A line, its two ends, and the time.
pub(super) struct Link<P> {
    pub(super) near: End,
    pub(super) far: P,
    pub(super) now: u64,
    /// One way, in milliseconds.
    delay: u64,
    /// Frames on their way: when they arrive, and whether at the near end.
    flight: VecDeque<(u64, bool, Vec<u8>)>,
    /// Every frame that the near end sent.
    pub(super) sent: Vec<(u64, Heard)>,
}

impl<P: Peer> Link<P> {
    pub(super) fn new(config: Config, far: P) -> Self {
        let near = End::up(config, 1);
        Self {
            near,
            far,
            now: 0,
            delay: DELAY_MS,
            flight: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    /// As [`Self::new`], on a line that takes `delay` milliseconds each way.
    pub(super) fn with_delay(config: Config, far: P, delay: u64) -> Self {
        Self {
            delay,
            ..Self::new(config, far)
        }
    }

    /// The next call of the same engine, to another peer.
    pub(super) fn dial_again<Q: Peer>(self, far: Q) -> Link<Q> {
        let mut near = self.near;
        near.handle(Event::LowerDown, self.now);
        near.news.clear();
        near.engine.handle(Event::Open, self.now);
        near.engine.handle(Event::LowerUp, self.now);
        Link {
            near,
            far,
            now: self.now,
            delay: DELAY_MS,
            flight: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    /// Lets time pass until then.
    pub(super) fn run(&mut self, until: u64) {
        let (near, far) = (self.near.drain(self.now), self.far.tick(self.now));
        self.fly(false, near);
        self.fly(true, far);
        for _ in 0..1_000_000 {
            let arrival = self.flight.front().map(|(at, ..)| *at);
            let deadlines = [arrival, self.near.deadline(), self.far.deadline()];
            let Some(next) = deadlines
                .into_iter()
                .flatten()
                .min()
                .filter(|next| *next <= until)
            else {
                self.now = self.now.max(until);
                return;
            };
            self.now = self.now.max(next);
            if arrival.is_some_and(|at| at <= self.now) {
                let (_, to_near, frame) = self.flight.pop_front().unwrap();
                if to_near {
                    let frames = self.near.take(&frame, self.now);
                    self.fly(false, frames);
                } else {
                    let frames = self.far.take(&frame, self.now);
                    self.fly(true, frames);
                }
            } else {
                let (near, far) = (self.near.tick(self.now), self.far.tick(self.now));
                self.fly(false, near);
                self.fly(true, far);
            }
        }
        panic!("no rest at {} ms", self.now);
    }

    /// How often the near end reported this.
    pub(super) fn times_reported(&self, wanted: &Output<'_>) -> usize {
        let all = self.near.news.iter();
        all.filter(|(_, news)| news == wanted).count()
    }

    pub(super) fn close(&mut self) {
        let frames = self.near.handle(Event::Close, self.now);
        self.fly(false, frames);
    }

    /// The far end says something of its own.
    pub(super) fn inject(&mut self, frame: Vec<u8>) {
        self.fly(true, [frame].into());
    }

    pub(super) fn count(&self, protocol: u16, code: u8) -> usize {
        self.sent
            .iter()
            .filter(|(_, one)| one.is(protocol, code))
            .count()
    }

    fn fly(&mut self, to_near: bool, frames: Vec<Vec<u8>>) {
        for frame in frames {
            if !to_near {
                self.sent.push((self.now, Heard::read(&frame)));
            }
            self.flight
                .push_back((self.now + self.delay, to_near, frame));
        }
    }
}
