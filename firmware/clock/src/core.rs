//! When to ask whom, and what to believe.
//!
//! One server's word sets a clock that nobody has set yet, since a time that may be right serves
//! better than one that is certainly wrong. It counts as *settled* only when a second server says
//! the same, or when a signature made with it was accepted over TLS; until then others are asked,
//! and the word may be taken back. Only a signature accepted raises the floor: a liar who could do
//! that would shut out the right time for ever.

use std::{net::IpAddr, time::Duration};

use failberry_state::BootMillis;

use crate::{
    doubt::{Doubt, Expected, Next},
    round::{Opinion, Round},
};

/// First pause after all servers failed; doubled each round up to the cap.
const RETRY_FIRST_MS: u64 = 2_000;

/// Longest pause before the clock is set: a minute of delay hurts no certificate.
const RETRY_CAP_MS: u64 = 64_000;

/// Longest pause while the clock is set but not settled: so long may a lie stand after the liar has
/// gone. It costs 15 kB a day.
const UNSETTLED_CAP_MS: u64 = 15 * 60_000;

/// Pause once settled. The Pi's crystal drifts some 2 s a day; signing tolerates 5 minutes.
const POLL_MS: u64 = 6 * 3_600_000;

/// Once a day at most to the card: it must live for years.
const SAVE_EVERY_MS: u64 = 24 * 3_600_000;

/// Smaller errors are not worth a step that other programs see.
const STEP_ABOVE: Duration = Duration::from_millis(500);

/// A settled clock is never that far off: one server that says so is wrong.
const DRIFT: Duration = Duration::from_hours(1);

/// No answer further ahead of the floor is believed: longer than any box lies on a shelf.
const BELIEVED: Duration = Duration::from_hours(20 * 365 * 24);

/// AWS accepts a signature that is 5 minutes old or early; that much a proven time may be off.
const PROOF_MARGIN: Duration = Duration::from_mins(5);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Time passed.
    Tick,
    /// Links came, went or changed; `any` tells whether one is there.
    LinkChanged { any: bool },
    /// A server told the time since 1970.
    Answer { server: String, time: Reading },
    /// A server could not be asked or answered nonsense.
    Failed(String),
    /// A signature made at `at` was accepted over TLS; our clock shows `ours` now.
    Proven { at: BootMillis, ours: Duration },
    /// Somebody else has stepped the clock.
    Jumped,
}

/// A server's time beside ours at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The server's.
    pub(crate) theirs: Duration,
    /// The system clock's.
    pub(crate) ours: Duration,
    /// Where the server is: two names may lead to one.
    pub(crate) address: IpAddr,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask this server.
    Ask(String),
    /// Believe `time`; step the clock.
    Set {
        time: Duration,
        server: String,
        step: bool,
    },
    /// Save the present time to the card.
    Save,
    /// Tell that an answer is not believed, and go on.
    Doubt(Doubt),
    /// Sleep until then, or until a link changes.
    Wait { until: BootMillis },
}

/// What stands behind the clock's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// Nobody has told it.
    Unset,
    /// One server has.
    Word,
    /// Two have, or a signature was accepted.
    Settled,
}

/// The state machine.
pub(crate) struct Core {
    servers: Vec<String>,
    next: usize,
    round: Round,
    floor: Duration,
    linked: bool,
    due: BootMillis,
    retry_ms: u64,
    save: bool,
    saved: Option<BootMillis>,
    trust: Trust,
    stepped: BootMillis,
    /// When the kernel started, by our clock.
    ours: Duration,
}

impl Core {
    /// Asks `servers` in turn; times before `floor` are never believed. `stepped` is when an earlier
    /// life of this service stepped the clock.
    pub(crate) fn new(servers: Vec<String>, floor: Duration, stepped: BootMillis) -> Self {
        Self {
            servers,
            next: 0,
            round: Round::default(),
            floor,
            linked: false,
            due: BootMillis(0),
            retry_ms: RETRY_FIRST_MS,
            save: false,
            saved: None,
            trust: Trust::Unset,
            stepped,
            ours: Duration::ZERO,
        }
    }

    /// No time before it is believed.
    pub(crate) const fn floor(&self) -> Duration {
        self.floor
    }

    /// When the clock was stepped last.
    pub(crate) const fn stepped(&self) -> BootMillis {
        self.stepped
    }

    /// Whether more than one server's word stands behind the time.
    pub(crate) fn settled(&self) -> bool {
        self.trust == Trust::Settled
    }

    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Action {
        let decided = match event {
            Event::Tick => None,
            Event::LinkChanged { any } => {
                self.linked = any;
                if !self.settled() {
                    self.due = now;
                    self.retry_ms = RETRY_FIRST_MS;
                }
                None
            }
            Event::Answer { server, time } => self.weigh(server, time, now),
            Event::Failed(_) => self.pass(now).and_then(|round| self.choose(&round, now)),
            Event::Proven { at, ours } => {
                if at > self.stepped {
                    self.prove(ours, now);
                }
                None
            }
            Event::Jumped => {
                self.forget(now);
                None
            }
        };
        decided.unwrap_or_else(|| self.go_on(now))
    }

    /// What the clock shows now nobody has told.
    fn forget(&mut self, now: BootMillis) {
        self.trust = Trust::Unset;
        self.save = false;
        self.stepped = now;
        self.round = Round::default();
        self.due = now;
        self.retry_ms = RETRY_FIRST_MS;
    }

    fn go_on(&mut self, now: BootMillis) -> Action {
        if self.save {
            self.save = false;
            self.saved = Some(now);
            return Action::Save;
        }
        if self.linked
            && now >= self.due
            && let Some(server) = self.servers.get(self.next)
        {
            return Action::Ask(server.clone());
        }
        let until = if self.linked && now < self.due {
            self.due
        } else {
            now.plus(POLL_MS)
        };
        Action::Wait { until }
    }

    fn weigh(&mut self, server: String, time: Reading, now: BootMillis) -> Option<Action> {
        let Reading {
            theirs,
            ours,
            address,
        } = time;
        self.ours = ours.saturating_sub(uptime(now));
        let limit = self.floor + BELIEVED;
        if !(self.floor..=limit).contains(&theirs) {
            // What the round decides can wait for the next one.
            let _ = self.pass(now);
            return Some(Action::Doubt(Doubt {
                server,
                address,
                time: theirs,
                expected: Expected::Window(self.floor, limit),
                next: self.next(now),
            }));
        }
        if self.settled() && theirs.abs_diff(ours) <= DRIFT {
            return Some(self.settle(server, theirs, now));
        }
        let opinion = Opinion::new(server.clone(), time, now);
        if self.round.hear(opinion) {
            return Some(self.settle(server, theirs, now));
        }
        let before = self.trust;
        self.trust = before.max(Trust::Word);
        let finished = self.pass(now);
        if before == Trust::Settled {
            return Some(Action::Doubt(Doubt {
                server,
                address,
                time: theirs,
                expected: Expected::Settled {
                    ours,
                    within: DRIFT,
                },
                next: self.next(now),
            }));
        }
        if before == Trust::Unset {
            return Some(self.set(server, theirs, now));
        }
        finished.and_then(|round| self.choose(&round, now))
    }

    /// The time is believed, and not by one server's word alone.
    fn settle(&mut self, server: String, time: Duration, now: BootMillis) -> Action {
        self.trust = Trust::Settled;
        self.round = Round::default();
        self.retry_ms = RETRY_FIRST_MS;
        self.due = now.plus(POLL_MS);
        self.save |= self
            .saved
            .is_none_or(|last| now.since(last) >= SAVE_EVERY_MS);
        self.set(server, time, now)
    }

    fn set(&mut self, server: String, time: Duration, now: BootMillis) -> Action {
        let ours = self.ours + uptime(now);
        let step = time.abs_diff(ours) > STEP_ABOVE;
        if step {
            self.stepped = now;
            self.ours = time.saturating_sub(uptime(now));
        }
        Action::Set { time, server, step }
    }

    fn prove(&mut self, ours: Duration, now: BootMillis) {
        self.floor = self.floor.max(ours.saturating_sub(PROOF_MARGIN));
        if !self.settled() {
            self.trust = Trust::Settled;
            self.due = now.plus(POLL_MS);
            self.save |= self.saved.is_none();
        }
    }

    /// On to the next server at once; a pause after each full round, which is given out.
    fn pass(&mut self, now: BootMillis) -> Option<Round> {
        let count = self.servers.len().max(1);
        self.next = (self.next + 1) % count;
        self.round.asked += 1;
        if self.round.asked < count {
            return None;
        }
        let (shortest, longest) = if self.trust >= Trust::Word {
            (RETRY_CAP_MS, UNSETTLED_CAP_MS)
        } else {
            (RETRY_FIRST_MS, RETRY_CAP_MS)
        };
        let pause = self.retry_ms.max(shortest);
        self.due = now.plus(pause);
        self.retry_ms = (pause * 2).min(longest);
        Some(std::mem::take(&mut self.round))
    }

    /// What follows an answer that decided nothing.
    fn next(&self, now: BootMillis) -> Next {
        match self.servers.get(self.next) {
            Some(server) if now >= self.due => Next::Ask(server.clone()),
            _ => Next::Pause(self.due.since(now)),
        }
    }

    /// Nobody agrees with anybody. The floor tells that nobody is too early by much, and nothing
    /// tells who is too late.
    fn choose(&mut self, round: &Round, now: BootMillis) -> Option<Action> {
        if self.settled() {
            return None;
        }
        let Opinion { server, epoch, .. } = round.earliest()?;
        Some(self.set(server, epoch + uptime(now), now))
    }
}

const fn uptime(now: BootMillis) -> Duration {
    Duration::from_millis(now.0)
}

#[cfg(test)]
mod tests;
