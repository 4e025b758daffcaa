//! The dialler's state machine. Pure: events and the time go in, [`Action`]s come out.

mod attempt_failure;
mod bus;
mod commands;
mod event;
mod history_policy;
mod phase;
mod pin_state;
mod port_fallback;
mod recovery;
#[cfg(test)]
mod tests;

use failberry_state::{BootMillis, Link, UplinkState};
use failberry_usb::{Device, Look, Stick};
use log::Level;
use tokio_modem::dial::{Progress, Step};

pub use attempt_failure::AttemptFailure;
pub use event::{Action, Event, Outcome};
pub use history_policy::LoadedHistory;
pub use pin_state::PinState;

use self::{history_policy::PersistPolicy, phase::Phase, port_fallback::PortFallback};
use crate::ladder::{FailureKind, Ladder};

/// Time from opening the port to an address, at most. The steps have timeouts of their own, the
/// longest 90 s for the network registration; this one is the backstop.
const ATTEMPT_TIMEOUT_MS: u64 = 300_000;

/// Time from `ATD` to `CONNECT`, at most, for the first dial. A call takes seconds if there is a
/// network, and a stick that hangs must carry packets again within 45 s. During a dial a slow stick
/// looks like a hung one, and any character ends the dial: the first one that takes longer is
/// aborted for a liveness probe, which costs a slow stick a call and no reset. The next ones get
/// [`SLOW_DIAL_TIMEOUT_MS`].
const DIAL_TIMEOUT_MS: u64 = 20_000;

/// Time from `ATD` to `CONNECT`, at most, after one dial was slow. A network that takes longer does
/// not accept the stick.
const SLOW_DIAL_TIMEOUT_MS: u64 = 75_000;

/// Reserve on top of the dial timeout: the AT dialogue ends a dial by itself and probes the stick;
/// this one is the backstop.
const DIAL_TIMEOUT_RESERVE_MS: u64 = 10_000;

/// Time from "a person has to act" to the next dial: contacts are bad at times, the person may have
/// acted, and no answer of a stick justifies an endless outage.
const BLOCKED_REDIAL_MS: u64 = 600_000;

/// Time for the orderly termination with the peer: the supervisor gives a service 5 s to stop.
const TERMINATE_TIMEOUT_MS: u64 = 2_000;

/// State of the dialler; [`UplinkMachine::step`] is driven by the service.
#[derive(Debug)]
pub struct UplinkMachine {
    state: UplinkState,
    phase: Phase,
    deadline: Option<BootMillis>,
    ladder: Ladder,
    /// The stick in use.
    stick: Option<Stick>,
    /// The stick used before it: a replug keeps the counts, another stick resets them.
    last_device: Option<Device>,
    /// Further sticks on the bus.
    unused: Vec<Device>,
    /// Bus path at which a stick last showed its CD-ROM.
    cdrom_path: Option<String>,
    look: Look,
    /// A stick was seen, or the wait for one was logged.
    logged_waiting: bool,
    pin: PinState,
    /// The last dial took longer than [`DIAL_TIMEOUT_MS`], so the next one may as well.
    slow_dial: bool,
    /// The stick's port that is dialled on.
    port: PortFallback,
    persist: PersistPolicy,
    /// An AT passthrough is in progress.
    passthrough_active: bool,
    /// Why the configuration does not allow dialling.
    config_error: Option<String>,
}

impl UplinkMachine {
    /// Creates the machine before the first bus scan. `config_error` is why nothing can be dialled,
    /// `pin` what earlier processes of this boot persisted about the PIN.
    pub fn new(config_error: Option<String>, pin: PinState, now: BootMillis) -> Self {
        Self {
            state: UplinkState {
                since: now,
                last_error: config_error.clone(),
                ..UplinkState::default()
            },
            phase: Phase::NoStick,
            deadline: None,
            ladder: Ladder::default(),
            stick: None,
            last_device: None,
            unused: Vec::new(),
            cdrom_path: None,
            look: Look::Complete,
            logged_waiting: false,
            pin,
            slow_dial: false,
            port: PortFallback::default(),
            persist: PersistPolicy::default(),
            passthrough_active: false,
            config_error,
        }
    }

    /// Returns the state that is published to the other services.
    pub const fn state(&self) -> &UplinkState {
        &self.state
    }

    /// Returns when [`Event::Deadline`] is due.
    pub const fn deadline(&self) -> Option<BootMillis> {
        self.deadline
    }

    /// Returns how to scan the bus, and the stick in use, which is preferred while it is present.
    pub const fn look(&self) -> (Look, Option<&Stick>) {
        (self.look, self.stick.as_ref())
    }

    /// Returns which of the stick's ports the next attempt uses: 0 for the one chosen by descriptors
    /// and tables, higher if that does not answer.
    pub const fn port_turn(&self) -> u8 {
        self.port.turn()
    }

    /// Handles one event and returns the actions that follow.
    pub fn step(&mut self, event: Event, now: BootMillis) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            _ if self.phase == Phase::Stopping => self.step_stopping(&event, &mut out),
            Event::Bus(sight) => self.on_bus(sight, now, &mut out),
            Event::Ejected(outcome) => self.on_ejected(outcome, now, &mut out),
            Event::Recovered(outcome) => self.on_recovered(outcome, now, &mut out),
            Event::HistoryLoaded(earlier) => self.on_history_loaded(earlier, &mut out),
            Event::Log(level, text) => out.push(log_line(level, text)),
            Event::PortOpen if self.phase == Phase::Opening => self.enter(Phase::Registering, now),
            Event::Dial(progress) if self.phase.is_dialogue() => {
                self.on_dial_progress(&progress, now, &mut out);
            }
            Event::Connected(rate) if self.phase.is_dialogue() => {
                self.slow_dial = self.dial_duration(now) >= DIAL_TIMEOUT_MS;
                self.port.connected();
                self.deadline = Some(now.plus(ATTEMPT_TIMEOUT_MS));
                self.enter(Phase::Negotiating, now);
                out.push(log_line(Level::Info, format!("CONNECT {rate}")));
            }
            Event::LinkOpen(link) if self.phase.is_ppp() => self.on_link_open(link, now, &mut out),
            Event::LinkClosed => self.on_link_closed(now),
            Event::Command {
                command,
                command_port,
            } => self.on_command(command, command_port, now, &mut out),
            Event::PassthroughDone => self.passthrough_active = false,
            Event::Ended(ending) if matches!(self.phase, Phase::HangingUp(_)) => {
                self.state.bad_input = self.state.bad_input.saturating_add(ending.bad_input);
                self.hung_up(now, &mut out);
            }
            Event::Ended(ending) if self.phase.is_attempt() => self.on_ended(ending, now, &mut out),
            Event::Deadline if self.deadline.is_some_and(|at| at <= now) => {
                self.deadline = None;
                self.on_deadline(now, &mut out);
            }
            Event::Stop => self.stop(now, &mut out),
            // Stale: the attempt that sent it has been dropped.
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
        if let Some(reason) = self.config_error.clone() {
            return self.block_on_config(reason, now, out);
        }
        self.cancel_passthrough(out);
        self.deadline = Some(now.plus(ATTEMPT_TIMEOUT_MS));
        self.enter(Phase::Opening, now);
        out.push(Action::Attempt {
            // Set for one attempt only: a silent stick must not cost this wait each time.
            had_cdrom: self
                .cdrom_path
                .take_if(|path| *path == stick.device.bus_path)
                .is_some(),
            stick,
            withhold_pin: self.pin.must_withhold(),
            require_pin_counter: self.pin.needs_counter(),
            dial_ms: self.dial_ms(),
        });
    }

    fn on_dial_progress(&mut self, progress: &Progress, now: BootMillis, out: &mut Vec<Action>) {
        let mut level = Level::Info;
        match progress {
            Progress::Step(Step::Dial) => {
                self.deadline = Some(now.plus(self.dial_ms() + DIAL_TIMEOUT_RESERVE_MS));
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
        out.push(log_line(level, progress.to_string()));
    }

    /// Returns the time from `ATD` to `CONNECT` for the next dial.
    const fn dial_ms(&self) -> u64 {
        if self.slow_dial {
            SLOW_DIAL_TIMEOUT_MS
        } else {
            DIAL_TIMEOUT_MS
        }
    }

    /// Returns the duration of the dial in progress, 0 in any other phase.
    fn dial_duration(&self, now: BootMillis) -> u64 {
        if self.phase == Phase::Dialling {
            now.since(self.state.since)
        } else {
            0
        }
    }

    fn on_link_open(&mut self, link: Link, now: BootMillis, out: &mut Vec<Action>) {
        let dns: Vec<String> = link.dns.iter().map(ToString::to_string).collect();
        out.push(log_line(
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
        // The peer may renegotiate and change the address within one call.
        let since = self.phase.up_since().unwrap_or(now);
        if self.phase.up_since().is_none() {
            self.state.calls = self.state.calls.saturating_add(1);
        }
        self.enter(Phase::Up { since }, now);
        self.state.link = Some(link);
        self.state.last_error = None;
        self.deadline = None;
    }

    fn on_link_closed(&mut self, now: BootMillis) {
        if let Phase::Up { since } = self.phase {
            self.state.link = None;
            self.deadline = Some(now.plus(ATTEMPT_TIMEOUT_MS));
            self.enter(Phase::Renegotiating { since }, now);
        }
    }

    fn on_ended(&mut self, ending: AttemptFailure, now: BootMillis, out: &mut Vec<Action>) {
        let AttemptFailure {
            reason,
            kind,
            blocked,
            pin_not_accepted,
            bad_input,
        } = ending;
        self.state.bad_input = self.state.bad_input.saturating_add(bad_input);
        self.slow_dial |= self.dial_duration(now) >= DIAL_TIMEOUT_MS;
        if !self.phase.is_ppp() {
            self.port.failed(kind);
        }
        if pin_not_accepted {
            let before = self.pin;
            if self.pin.not_accepted(blocked) {
                out.push(Action::PersistPinRejected);
            } else if self.pin != before {
                out.push(Action::PersistPinUncertain);
            }
        }
        if !blocked {
            return self.fail(kind, reason, now, out);
        }
        self.state.failures = self.state.failures.saturating_add(1);
        self.block(kind, reason, now, out);
    }

    /// Handles the end of an attempt or a link: the ladder chooses the rung.
    fn fail(&mut self, kind: FailureKind, why: String, now: BootMillis, out: &mut Vec<Action>) {
        let lasted = self.link_duration(now);
        let what = if lasted.is_some() {
            format!("carrier link is down: {why}")
        } else {
            self.state.failures = self.state.failures.saturating_add(1);
            format!("no carrier link: {why}")
        };
        out.push(log_line(Level::Warn, what));
        self.state.link = None;
        self.state.last_error = Some(why.clone());
        let decision = self.ladder.on_failure(kind, lasted, now.0);
        self.execute_rung(decision.rung, decision.wait_ms, why, now, out);
    }

    /// Returns for how long the link of this call has been up, if it was.
    fn link_duration(&self, now: BootMillis) -> Option<u64> {
        self.phase.up_since().map(|since| now.since(since))
    }

    fn block(&mut self, kind: FailureKind, why: String, now: BootMillis, out: &mut Vec<Action>) {
        let text = format!(
            "blocked: {why}; dialling again in {} s",
            BLOCKED_REDIAL_MS / 1000
        );
        out.push(log_line(Level::Error, text));
        self.state.link = None;
        self.state.last_error = Some(why);
        self.deadline = Some(now.plus(BLOCKED_REDIAL_MS));
        self.enter(Phase::Blocked(kind), now);
    }

    /// Blocks for a configuration that does not allow dialling. It is read at the start only.
    fn block_on_config(&mut self, why: String, now: BootMillis, out: &mut Vec<Action>) {
        let text = format!(
            "blocked: {why}; nothing is dialled until that is corrected in failberrypi.toml and the box started again"
        );
        out.push(log_line(Level::Error, text));
        self.state.last_error = Some(why);
        self.deadline = None;
        self.enter(Phase::Blocked(FailureKind::BadResponse), now);
    }

    fn on_deadline(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        match self.phase {
            Phase::WaitingForPort(_) => self.port_wait_due(now, out),
            Phase::BackingOff => self.attempt(now, out),
            Phase::Recovering(rung) => self.recovery_timed_out(rung, now, out),
            Phase::HangingUp(_) => self.hung_up(now, out),
            Phase::NoStick => self.missing_stick_due(now, out),
            Phase::Blocked(kind) => self.blocked_due(kind, now, out),
            Phase::Opening
            | Phase::Registering
            | Phase::Dialling
            | Phase::Negotiating
            | Phase::Renegotiating { .. } => {
                out.push(Action::Abort);
                let why = if self.phase == Phase::Dialling {
                    self.slow_dial = true;
                    let waited = now.since(self.state.since) / 1000;
                    format!("expected CONNECT within {waited} s")
                } else {
                    format!("expected a link within {} s", ATTEMPT_TIMEOUT_MS / 1000)
                };
                self.fail(FailureKind::StoppedResponding, why, now, out);
            }
            Phase::Up { .. } | Phase::Stopping => {}
        }
    }

    fn stop(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        self.persist_at_exit(now, out);
        if self.phase.is_ppp() {
            if self.phase.up_since().is_some() {
                let text = "carrier link is down: told to stop";
                out.push(log_line(Level::Info, text.into()));
            }
            out.push(Action::Terminate);
            self.deadline = Some(now.plus(TERMINATE_TIMEOUT_MS));
        } else {
            out.push(Action::Abort);
            out.push(Action::Exit);
        }
        self.state.link = None;
        self.enter(Phase::Stopping, now);
    }

    fn step_stopping(&mut self, event: &Event, out: &mut Vec<Action>) {
        if matches!(event, Event::Ended(_) | Event::Deadline | Event::Stop) {
            self.deadline = None;
            out.extend([Action::Abort, Action::Exit]);
        }
    }

    fn enter(&mut self, phase: Phase, now: BootMillis) {
        let public = phase.to_public();
        if self.state.phase != public {
            self.state.phase = public;
            self.state.since = now;
        }
        self.phase = phase;
    }
}

fn log_line(level: Level, text: String) -> Action {
    Action::Log(level, text)
}
