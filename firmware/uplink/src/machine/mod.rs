//! Every decision of the dialler: events and the time go in, actions come out.

mod bus;
mod ending;
mod event;
mod memory;
mod orders;
mod phase;
mod pin;
mod port;
mod recovery;
#[cfg(test)]
mod tests;

use failberry_state::{BootMillis, Link, UplinkState};
use failberry_usb::{Device, Look, Stick};
use log::Level;
use tokio_modem::dial::{Progress, Step};

pub use ending::Ending;
pub use event::{Action, Event, Outcome};
pub use memory::Earlier;
pub use pin::PinUse;

use self::{memory::Memory, phase::Phase, port::PortTurn};
use crate::ladder::{Ladder, Trouble};

/// From opening the port to an address. The steps have bounds of their own, the longest 90 s for
/// the network to be found; this one is for what they forget.
const ATTEMPT_MS: u64 = 300_000;

/// From `ATD` to `CONNECT`. A call takes seconds where there is a network, and a stick that hangs in
/// it must carry packets again within 45 s. While it dials nobody can tell a slow stick from a hung
/// one, and any character ends the dial: the first that takes longer is given up to ask, which costs
/// a slow one a call and no restart, and the next ones get [`SLOW_DIAL_MS`].
const DIAL_MS: u64 = 20_000;

/// A network that lets a stick in after longer does not want it.
const SLOW_DIAL_MS: u64 = 75_000;

/// The dialler ends a dial by itself and asks whether the stick lives; this is for what it forgets.
const DIALLING_SPARE_MS: u64 = 10_000;

/// From "a person is needed" to the next dial: contacts are bad at times, the person may have come,
/// and no word of a stick is worth an outage for ever.
const BLOCKED_MS: u64 = 600_000;

/// How long the peer may take to agree to the end: the supervisor gives a service 5 s.
const TERMINATE_MS: u64 = 2_000;

/// The dialler.
#[derive(Debug)]
pub struct Machine {
    state: UplinkState,
    phase: Phase,
    deadline: Option<BootMillis>,
    ladder: Ladder,
    /// The stick in use, and the one before, for telling a replug from another stick.
    stick: Option<Stick>,
    last: Option<Device>,
    others: Vec<Device>,
    /// Where a stick showed its CD-ROM last.
    cdrom: Option<String>,
    look: Look,
    told_waiting: bool,
    pin: PinUse,
    /// A dial took longer than [`DIAL_MS`]; the next ones may, until one is quick.
    slow: bool,
    /// Which of the stick's ports is tried.
    port: PortTurn,
    memory: Memory,
    /// A person's question is being put to the stick.
    asking: bool,
    /// What is wrong with the configuration.
    unusable: Option<String>,
}

impl Machine {
    /// The dialler before it has looked at the bus. `unusable` tells what is wrong with the
    /// configuration, `pin` what became of the PIN before this process.
    pub fn new(unusable: Option<String>, pin: PinUse, now: BootMillis) -> Self {
        Self {
            state: UplinkState {
                since: now,
                last_error: unusable.clone(),
                ..UplinkState::default()
            },
            phase: Phase::NoStick,
            deadline: None,
            ladder: Ladder::default(),
            stick: None,
            last: None,
            others: Vec::new(),
            cdrom: None,
            look: Look::Complete,
            told_waiting: false,
            pin,
            slow: false,
            port: PortTurn::default(),
            memory: Memory::default(),
            asking: false,
            unusable,
        }
    }

    /// The present, for the other services.
    pub const fn state(&self) -> &UplinkState {
        &self.state
    }

    /// When [`Event::Deadline`] is due.
    pub const fn deadline(&self) -> Option<BootMillis> {
        self.deadline
    }

    /// How to look at the bus, and the stick that is to be kept while it is there.
    pub const fn look(&self) -> (Look, Option<&Stick>) {
        (self.look, self.stick.as_ref())
    }

    /// Which of the stick's ports the next attempt is to use: 0 for the one that its descriptors
    /// and the tables say, more where that does not answer.
    pub const fn port_turn(&self) -> u8 {
        self.port.turn()
    }

    /// Takes one event in.
    pub fn step(&mut self, event: Event, now: BootMillis) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            _ if self.phase == Phase::Stopping => self.stopping(&event, &mut out),
            Event::Bus(sight) => self.bus(sight, now, &mut out),
            Event::Ejected(outcome) => self.ejected(outcome, now, &mut out),
            Event::Recovered(outcome) => self.recovered(outcome, now, &mut out),
            Event::Earlier(earlier) => self.learn(earlier, &mut out),
            Event::Said(level, text) => out.push(say(level, text)),
            Event::PortOpen if self.phase == Phase::Opening => self.enter(Phase::Registering, now),
            Event::Dial(progress) if self.phase.is_dialogue() => {
                self.dial(&progress, now, &mut out);
            }
            Event::Connected(rate) if self.phase.is_dialogue() => {
                self.slow = self.dialled_for(now) >= DIAL_MS;
                self.port.connected();
                self.deadline = Some(now.plus(ATTEMPT_MS));
                self.enter(Phase::Negotiating, now);
                out.push(say(Level::Info, format!("CONNECT {rate}")));
            }
            Event::LinkOpen(link) if self.phase.is_ppp() => self.open(link, now, &mut out),
            Event::LinkClosed => self.closed(now),
            Event::Order { order, beside } => self.order(order, beside, now, &mut out),
            Event::Answered => self.asking = false,
            Event::Ended(ending) if matches!(self.phase, Phase::HangingUp(_)) => {
                self.state.bad_input = self.state.bad_input.saturating_add(ending.bad_input);
                self.hung_up(now, &mut out);
            }
            Event::Ended(ending) if self.phase.is_attempt() => self.ended(ending, now, &mut out),
            Event::Deadline if self.deadline.is_some_and(|at| at <= now) => {
                self.deadline = None;
                self.due(now, &mut out);
            }
            Event::Stop => self.stop(now, &mut out),
            // Out of date: the attempt it tells of was given up meanwhile.
            Event::PortOpen
            | Event::Dial(_)
            | Event::Connected(_)
            | Event::LinkOpen(_)
            | Event::Ended(_)
            | Event::Deadline => {}
        }
        out
    }

    fn attempt(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Some(stick) = self.stick.clone() else {
            return;
        };
        if let Some(reason) = self.unusable.clone() {
            return self.refuse(reason, now, out);
        }
        self.drop_question(out);
        self.deadline = Some(now.plus(ATTEMPT_MS));
        self.enter(Phase::Opening, now);
        out.push(Action::Attempt {
            // Asked about once: a stick that fell silent must not be waited for each time.
            had_cdrom: self
                .cdrom
                .take_if(|path| *path == stick.device.bus_path)
                .is_some(),
            stick,
            spend_pin: self.pin.is_spent(),
            count_pin: self.pin.needs_count(),
            dial_ms: self.dial_ms(),
        });
    }

    fn dial(&mut self, progress: &Progress, now: BootMillis, out: &mut Vec<Action>) {
        let mut level = Level::Info;
        match progress {
            Progress::Step(Step::Dial) => {
                self.deadline = Some(now.plus(self.dial_ms() + DIALLING_SPARE_MS));
                self.enter(Phase::Dialling, now);
            }
            Progress::Step(_) => level = Level::Debug,
            Progress::Model(model) => {
                if let Some(stick) = &mut self.state.stick {
                    stick.model = Some(model.to_string());
                }
            }
            Progress::Signal(signal) => self.state.signal_dbm = signal.dbm(),
            Progress::Operator(operator) => self.state.operator = Some(operator.name.to_string()),
            _ => {}
        }
        out.push(say(level, progress.to_string()));
    }

    /// How long `CONNECT` may take this time.
    const fn dial_ms(&self) -> u64 {
        if self.slow { SLOW_DIAL_MS } else { DIAL_MS }
    }

    /// For how long it has been dialled, if that is what is done.
    fn dialled_for(&self, now: BootMillis) -> u64 {
        if self.phase == Phase::Dialling {
            now.since(self.state.since)
        } else {
            0
        }
    }

    fn open(&mut self, link: Link, now: BootMillis, out: &mut Vec<Action>) {
        let dns: Vec<String> = link.dns.iter().map(ToString::to_string).collect();
        out.push(say(
            Level::Info,
            format!(
                "carrier link is up on {}, address {}, peer {}, DNS {}",
                link.interface,
                link.local,
                link.peer
                    .map_or_else(|| "unknown".into(), |peer| peer.to_string()),
                if dns.is_empty() {
                    "none".into()
                } else {
                    dns.join(", ")
                },
            ),
        ));
        // The peer may negotiate anew and change the address within one call.
        let since = self.phase.up_since().unwrap_or(now);
        if self.phase.up_since().is_none() {
            self.state.calls = self.state.calls.saturating_add(1);
        }
        self.enter(Phase::Up { since }, now);
        self.state.link = Some(link);
        self.state.last_error = None;
        self.deadline = None;
    }

    fn closed(&mut self, now: BootMillis) {
        if let Phase::Up { since } = self.phase {
            self.state.link = None;
            self.deadline = Some(now.plus(ATTEMPT_MS));
            self.enter(Phase::Renegotiating { since }, now);
        }
    }

    fn ended(&mut self, ending: Ending, now: BootMillis, out: &mut Vec<Action>) {
        let Ending {
            reason,
            trouble,
            blocked,
            pin_spent,
            bad_input,
        } = ending;
        self.state.bad_input = self.state.bad_input.saturating_add(bad_input);
        self.slow |= self.dialled_for(now) >= DIAL_MS;
        if !self.phase.is_ppp() {
            self.port.failed(trouble);
        }
        if pin_spent {
            let before = self.pin;
            if self.pin.spend(blocked) {
                out.push(Action::RememberPinRefused);
            } else if self.pin != before {
                out.push(Action::RememberPinDoubted);
            }
        }
        if !blocked {
            return self.failed(trouble, reason, now, out);
        }
        self.state.failures = self.state.failures.saturating_add(1);
        self.block(trouble, reason, now, out);
    }

    /// The attempt or the link has ended; the ladder knows what to do.
    fn failed(&mut self, trouble: Trouble, why: String, now: BootMillis, out: &mut Vec<Action>) {
        let lasted = self.lasted(now);
        let what = if lasted.is_some() {
            format!("carrier link is down: {why}")
        } else {
            self.state.failures = self.state.failures.saturating_add(1);
            format!("no carrier link: {why}")
        };
        out.push(say(Level::Warn, what));
        self.state.link = None;
        self.state.last_error = Some(why.clone());
        let step = self.ladder.fail(trouble, lasted, now.0);
        self.climb(step.rung, step.wait_ms, why, now, out);
    }

    /// How long ago the link of this call came up, if it did.
    fn lasted(&self, now: BootMillis) -> Option<u64> {
        self.phase.up_since().map(|since| now.since(since))
    }

    fn block(&mut self, trouble: Trouble, why: String, now: BootMillis, out: &mut Vec<Action>) {
        let text = format!("blocked: {why}; dialling again in {} s", BLOCKED_MS / 1000);
        out.push(say(Level::Error, text));
        self.state.link = None;
        self.state.last_error = Some(why);
        self.deadline = Some(now.plus(BLOCKED_MS));
        self.enter(Phase::Blocked(trouble), now);
    }

    /// There is nothing to dial with. The file is read at the start alone.
    fn refuse(&mut self, why: String, now: BootMillis, out: &mut Vec<Action>) {
        let text = format!(
            "blocked: {why}; nothing is dialled until that is corrected in failberrypi.toml and the box started again"
        );
        out.push(say(Level::Error, text));
        self.state.last_error = Some(why);
        self.deadline = None;
        self.enter(Phase::Blocked(Trouble::Refused), now);
    }

    fn due(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Unready(_) => self.unready_due(now, out),
            Phase::BackingOff => self.attempt(now, out),
            Phase::Recovering(rung) => self.overdue(rung, now, out),
            Phase::HangingUp(_) => self.hung_up(now, out),
            Phase::NoStick => self.absent_due(now, out),
            Phase::Blocked(trouble) => self.blocked_due(trouble, now, out),
            Phase::Opening
            | Phase::Registering
            | Phase::Dialling
            | Phase::Negotiating
            | Phase::Renegotiating { .. } => {
                out.push(Action::Abort);
                let why = if self.phase == Phase::Dialling {
                    self.slow = true;
                    let waited = now.since(self.state.since) / 1000;
                    format!("expected CONNECT within {waited} s")
                } else {
                    format!("expected a link within {} s", ATTEMPT_MS / 1000)
                };
                self.failed(Trouble::Faulty, why, now, out);
            }
            Phase::Up { .. } | Phase::Stopping => {}
        }
    }

    fn stop(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        self.keep_at_end(now, out);
        if self.phase.is_ppp() {
            if self.phase.up_since().is_some() {
                let text = "carrier link is down: told to stop";
                out.push(say(Level::Info, text.into()));
            }
            out.push(Action::Terminate);
            self.deadline = Some(now.plus(TERMINATE_MS));
        } else {
            out.push(Action::Abort);
            out.push(Action::Exit);
        }
        self.state.link = None;
        self.enter(Phase::Stopping, now);
    }

    fn stopping(&mut self, event: &Event, out: &mut Vec<Action>) {
        if matches!(event, Event::Ended(_) | Event::Deadline | Event::Stop) {
            self.deadline = None;
            out.extend([Action::Abort, Action::Exit]);
        }
    }

    fn enter(&mut self, phase: Phase, now: BootMillis) {
        let told = phase.told();
        if self.state.phase != told {
            self.state.phase = told;
            self.state.since = now;
        }
        self.phase = phase;
    }
}

fn say(level: Level, text: String) -> Action {
    Action::Say(level, text)
}
