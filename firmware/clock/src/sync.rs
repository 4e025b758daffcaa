//! SNTP synchronisation: which server to poll when, and which answers to trust. Pure.
//!
//! One server's answer sets an unset clock: a time that may be right serves better than one that is
//! certainly wrong. The clock counts as *settled* only when a second server agrees, or when a
//! signature made with it was accepted over TLS; until then polling goes on and the time may be
//! corrected. Only an accepted signature raises the floor: a wrong server that could raise it would
//! shut out the right time for ever.

use std::{net::IpAddr, time::Duration};

use failberry_state::BootMillis;

use crate::{
    quorum::{PollRound, Sample},
    rejected::{Expected, Next, RejectedAnswer},
};

/// Pause after the first round in which all servers failed, in milliseconds; doubled each round up
/// to the cap.
const RETRY_FIRST_MS: u64 = 2_000;

/// Longest pause before the clock is set, in milliseconds: a minute of delay hurts no certificate.
const RETRY_CAP_MS: u64 = 64_000;

/// Longest pause while the clock is set but not settled, in milliseconds. A wrong time lasts that
/// long after its server has gone. Polling costs 15 kB a day.
const UNSETTLED_CAP_MS: u64 = 15 * 60_000;

/// Polling interval once settled, in milliseconds. The Pi's crystal drifts some 2 s a day; signing
/// tolerates 5 minutes.
const POLL_MS: u64 = 6 * 3_600_000;

/// Shortest time between two saves to the card, in milliseconds. The card must last for years.
const SAVE_EVERY_MS: u64 = 24 * 3_600_000;

/// Smallest offset that steps the clock. Smaller ones are not worth a step that other programs see.
const STEP_THRESHOLD: Duration = Duration::from_millis(500);

/// Largest plausible offset of a settled clock. A single server that claims more is wrong.
const MAX_SETTLED_OFFSET: Duration = Duration::from_hours(1);

/// Latest accepted time, counted from the floor: longer than any box is in storage.
const MAX_AHEAD_OF_FLOOR: Duration = Duration::from_hours(20 * 365 * 24);

/// Largest error of a time with which a signature was accepted: AWS tolerates 5 minutes.
const SIGNATURE_MARGIN: Duration = Duration::from_mins(5);

/// Input of [`ClockSync::step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A deadline may have passed.
    Tick,
    /// Links were added, removed or changed; `any_up` is true if one is up.
    LinkChanged { any_up: bool },
    /// A server answered.
    Answer { server: String, time: Reading },
    /// A query failed, or its answer was invalid.
    Failed(String),
    /// A signature made at `at` was accepted over TLS; the system clock shows `local_time` now.
    SignatureAccepted {
        at: BootMillis,
        local_time: Duration,
    },
    /// Another process has stepped the clock.
    SteppedExternally,
}

/// A server's time and the system clock's at the same moment, both since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Time of the server.
    pub(crate) server_time: Duration,
    /// Time of the system clock.
    pub(crate) local_time: Duration,
    /// Address of the server: two names may resolve to one.
    pub(crate) address: IpAddr,
}

/// Output of [`ClockSync::step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Query this server.
    Ask(String),
    /// Accept `time`; step the clock if `step`.
    Set {
        time: Duration,
        server: String,
        step: bool,
    },
    /// Save the present time to the card.
    Save,
    /// Log that an answer is rejected, and continue.
    Reject(RejectedAnswer),
    /// Sleep until then, or until a link changes.
    Wait { until: BootMillis },
}

/// Evidence for the clock's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// No server has answered.
    Unset,
    /// One server has answered.
    SingleServer,
    /// Two servers agree, or a signature was accepted.
    Settled,
}

/// State machine of the clock's synchronisation; driven by `Driver`.
pub(crate) struct ClockSync {
    servers: Vec<String>,
    next: usize,
    round: PollRound,
    floor: Duration,
    linked: bool,
    due: BootMillis,
    retry_ms: u64,
    save: bool,
    saved: Option<BootMillis>,
    trust: Trust,
    stepped: BootMillis,
    /// Boot time by the system clock, since 1970.
    boot_time: Duration,
}

impl ClockSync {
    /// Polls `servers` in turn and rejects times before `floor`. `stepped` is when an earlier
    /// process of this service stepped the clock.
    pub(crate) fn new(servers: Vec<String>, floor: Duration, stepped: BootMillis) -> Self {
        Self {
            servers,
            next: 0,
            round: PollRound::default(),
            floor,
            linked: false,
            due: BootMillis(0),
            retry_ms: RETRY_FIRST_MS,
            save: false,
            saved: None,
            trust: Trust::Unset,
            stepped,
            boot_time: Duration::ZERO,
        }
    }

    /// Returns the earliest time that is accepted.
    pub(crate) const fn floor(&self) -> Duration {
        self.floor
    }

    /// Returns when the clock was stepped last.
    pub(crate) const fn stepped(&self) -> BootMillis {
        self.stepped
    }

    /// Returns whether two servers or an accepted signature confirm the time.
    pub(crate) fn settled(&self) -> bool {
        self.trust == Trust::Settled
    }

    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Action {
        let decided = match event {
            Event::Tick => None,
            Event::LinkChanged { any_up } => {
                self.linked = any_up;
                if !self.settled() {
                    self.due = now;
                    self.retry_ms = RETRY_FIRST_MS;
                }
                None
            }
            Event::Answer { server, time } => self.on_answer(server, time, now),
            Event::Failed(_) => self
                .advance_server(now)
                .and_then(|round| self.set_earliest(&round, now)),
            Event::SignatureAccepted { at, local_time } => {
                if at > self.stepped {
                    self.on_signature_accepted(local_time, now);
                }
                None
            }
            Event::SteppedExternally => {
                self.on_external_step(now);
                None
            }
        };
        decided.unwrap_or_else(|| self.next_action(now))
    }

    /// Discards all trust after an external step: no server confirms the time shown now.
    fn on_external_step(&mut self, now: BootMillis) {
        self.trust = Trust::Unset;
        self.save = false;
        self.stepped = now;
        self.round = PollRound::default();
        self.due = now;
        self.retry_ms = RETRY_FIRST_MS;
    }

    fn next_action(&mut self, now: BootMillis) -> Action {
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

    fn on_answer(&mut self, server: String, time: Reading, now: BootMillis) -> Option<Action> {
        let Reading {
            server_time,
            local_time,
            address,
        } = time;
        self.boot_time = local_time.saturating_sub(uptime(now));
        let limit = self.floor + MAX_AHEAD_OF_FLOOR;
        if !(self.floor..=limit).contains(&server_time) {
            // The result of the round can wait for the next one.
            let _ = self.advance_server(now);
            return Some(Action::Reject(RejectedAnswer {
                server,
                address,
                time: server_time,
                expected: Expected::Window(self.floor, limit),
                next: self.next(now),
            }));
        }
        if self.settled() && server_time.abs_diff(local_time) <= MAX_SETTLED_OFFSET {
            return Some(self.settle(server, server_time, now));
        }
        let sample = Sample::new(server.clone(), time, now);
        if self.round.add(sample) {
            return Some(self.settle(server, server_time, now));
        }
        let before = self.trust;
        self.trust = before.max(Trust::SingleServer);
        let finished = self.advance_server(now);
        if before == Trust::Settled {
            return Some(Action::Reject(RejectedAnswer {
                server,
                address,
                time: server_time,
                expected: Expected::Settled {
                    local_time,
                    within: MAX_SETTLED_OFFSET,
                },
                next: self.next(now),
            }));
        }
        if before == Trust::Unset {
            return Some(self.set(server, server_time, now));
        }
        finished.and_then(|round| self.set_earliest(&round, now))
    }

    /// Marks the time as settled and sets it.
    fn settle(&mut self, server: String, time: Duration, now: BootMillis) -> Action {
        self.trust = Trust::Settled;
        self.round = PollRound::default();
        self.retry_ms = RETRY_FIRST_MS;
        self.due = now.plus(POLL_MS);
        self.save |= self
            .saved
            .is_none_or(|last| now.since(last) >= SAVE_EVERY_MS);
        self.set(server, time, now)
    }

    fn set(&mut self, server: String, time: Duration, now: BootMillis) -> Action {
        let local_time = self.boot_time + uptime(now);
        let step = time.abs_diff(local_time) > STEP_THRESHOLD;
        if step {
            self.stepped = now;
            self.boot_time = time.saturating_sub(uptime(now));
        }
        Action::Set { time, server, step }
    }

    fn on_signature_accepted(&mut self, local_time: Duration, now: BootMillis) {
        self.floor = self.floor.max(local_time.saturating_sub(SIGNATURE_MARGIN));
        if !self.settled() {
            self.trust = Trust::Settled;
            self.due = now.plus(POLL_MS);
            self.save |= self.saved.is_none();
        }
    }

    /// Advances to the next server, at once within a round and after a pause at its end. Returns
    /// the finished round.
    fn advance_server(&mut self, now: BootMillis) -> Option<PollRound> {
        let count = self.servers.len().max(1);
        self.next = (self.next + 1) % count;
        self.round.asked += 1;
        if self.round.asked < count {
            return None;
        }
        let (shortest, longest) = if self.trust >= Trust::SingleServer {
            (RETRY_CAP_MS, UNSETTLED_CAP_MS)
        } else {
            (RETRY_FIRST_MS, RETRY_CAP_MS)
        };
        let pause = self.retry_ms.max(shortest);
        self.due = now.plus(pause);
        self.retry_ms = (pause * 2).min(longest);
        Some(std::mem::take(&mut self.round))
    }

    /// Returns what follows an answer that decided nothing.
    fn next(&self, now: BootMillis) -> Next {
        match self.servers.get(self.next) {
            Some(server) if now >= self.due => Next::Ask(server.clone()),
            _ => Next::Pause(self.due.since(now)),
        }
    }

    /// Sets the earliest time of a round without agreement. The floor limits how early a wrong time
    /// can be; nothing limits how late.
    fn set_earliest(&mut self, round: &PollRound, now: BootMillis) -> Option<Action> {
        if self.settled() {
            return None;
        }
        let Sample { server, epoch, .. } = round.earliest()?;
        Some(self.set(server, epoch + uptime(now), now))
    }
}

const fn uptime(now: BootMillis) -> Duration {
    Duration::from_millis(now.0)
}

#[cfg(test)]
mod tests;
