//! Response handling: state transitions of the dialogue on a line, a result or a timeout.

use super::{
    Blocked, DialError, Dialer, Progress, Step, commands,
    error::result_text,
    liveness::Probe,
    radio, registration,
    sim::{self, PinEntry, Verdict},
    state::State,
    sync::DISCARD_MS,
    urc,
};
use crate::{
    at::{Event, Final},
    modem::{Operator, Signal, identity},
};

/// Consecutive timeouts after which the stick counts as dead.
const TIMEOUTS_MAX: u8 = 2;

/// Time from a timeout to the repetition of the command, in milliseconds.
const REPEAT_MS: u64 = 500;

impl Dialer {
    /// Handles an event of the AT engine.
    pub(super) fn on_event(&mut self, event: Event, now: u64) {
        match event {
            Event::Unsolicited(line) => {
                if let Some(urc_suppression) = &self.profile.urc_suppression
                    && line.starts_with(urc_suppression.prefix)
                {
                    self.urc.on_urc();
                }
            }
            Event::Information(line) => {
                if self.on_line(&line) {
                    self.expect_result_soon(now);
                }
            }
            Event::TimedOut => {
                let answered = self.take_answered();
                match self.probe {
                    Some(probe) => self.probe_failed(probe),
                    None if answered => self.on_missing_result(now),
                    None => self.on_timeout(now),
                }
            }
            Event::Result(result) => {
                self.take_answered();
                let result = self.settings.redacted(result);
                if self.probe.is_some() {
                    self.probe_answered(&result, now);
                } else {
                    self.timeouts = 0;
                    self.on_result(&result, now);
                }
            }
        }
    }

    /// Handles a line of the answer. Returns whether it was understood.
    fn on_line(&mut self, line: &str) -> bool {
        match self.step {
            // Text of these is reported verbatim.
            Step::SimState | Step::Model | Step::Operator if self.settings.contains_pin(line) => {
                false
            }
            Step::Radio => self.radio.on_line(line),
            Step::SimState => self.sim.on_state(line),
            Step::PinTries => self.sim.on_pin_tries(line),
            Step::Registration | Step::PacketRegistration | Step::LteRegistration => {
                self.registration.on_line(line)
            }
            Step::Model => identity(line).is_ok_and(|model| {
                self.report(Progress::Model(model));
                true
            }),
            Step::Signal => Signal::parse(line).is_ok_and(|signal| {
                self.report(Progress::Signal(signal));
                true
            }),
            Step::Operator => Operator::parse(line).is_ok_and(|operator| {
                if let Some(operator) = operator {
                    self.report(Progress::Operator(operator));
                }
                true
            }),
            _ => false,
        }
    }

    /// The query has its answer, and no result follows.
    fn on_missing_result(&mut self, now: u64) {
        self.timeouts = 0;
        self.on_result(&Final::Ok, now);
        if matches!(self.state, State::Issue) {
            // It may still follow.
            self.discard_late_answer(now);
        }
    }

    /// Handles the final result of the step's command.
    fn on_result(&mut self, result: &Final, now: u64) {
        match self.step {
            Step::Synchronise => self.on_sync_result(result, now),
            Step::Initialise => {
                // Not fatal: some sticks refuse these before the PIN, others always refuse one of them.
                self.init_refused |= *result != Final::Ok;
                self.init += 1;
                self.state = State::Issue;
            }
            Step::SuppressUrcs => self.on_urcs_suppressed(now),
            Step::Radio => self.on_radio_state(),
            Step::RadioOn => self.on_radio_on(Some(result), now),
            Step::SimState => self.on_sim_state(result, now),
            Step::PinTries => self.on_pin_tries(now),
            Step::EnterPin => self.on_pin_entered(Some(result), now),
            Step::Registration | Step::PacketRegistration | Step::LteRegistration => {
                self.on_registration(Some(result), now);
            }
            Step::Model | Step::Signal | Step::Operator => self.enter(self.step.next()),
            Step::Context => {
                if self.require(result, &Final::Ok, "OK") {
                    self.enter(Step::Dial);
                }
            }
            Step::Dial => match result {
                Final::Connect(rate) => self.state = State::Connected(rate.clone()),
                other => self.fail(DialError::unexpected(self.step, "CONNECT", other)),
            },
        }
    }

    /// Handles a command that got no result in time.
    fn on_timeout(&mut self, now: u64) {
        self.timeouts = self.timeouts.saturating_add(1);
        match self.step {
            Step::Synchronise => {
                self.sync_unanswered = true;
                self.sync_refusal = None;
                self.state = State::Issue;
            }
            // It must not be sent twice, whatever happened to the first.
            Step::EnterPin => self.on_pin_entered(None, now),
            step if self.timeouts >= TIMEOUTS_MAX && step != Step::Dial => {
                let waited_ms = commands::timeout_ms(step, &self.settings);
                self.fail(DialError::NoAnswer { step, waited_ms });
            }
            step if Probe::after_timeout(step).is_some() => {
                self.probe = Probe::after_timeout(step);
                self.state = State::Issue;
            }
            Step::SuppressUrcs => self.on_urcs_suppressed(now),
            Step::Radio => self.on_radio_state(),
            Step::PacketRegistration | Step::LteRegistration => self.on_registration(None, now),
            step if step.is_optional() => self.enter(step.next()),
            _ => self.pause(REPEAT_MS, now),
        }
    }

    /// A probe timed out, too.
    fn probe_failed(&mut self, probe: Probe) {
        if probe.is_last() {
            let step = self.step;
            let waited_ms = commands::timeout_ms(step, &self.settings);
            self.fail(DialError::NoAnswer { step, waited_ms });
        } else {
            self.state = State::Issue;
        }
    }

    /// A probe was answered: the stick is responsive.
    fn probe_answered(&mut self, result: &Final, now: u64) {
        self.probe = None;
        match (self.step, result) {
            (Step::Dial, Final::Connect(rate)) => self.state = State::Connected(rate.clone()),
            (Step::Dial, other) => {
                let waited_ms = commands::timeout_ms(self.step, &self.settings);
                let got = result_text(other);
                self.fail(DialError::NotConnected { waited_ms, got });
            }
            (Step::RadioOn, _) => {
                self.timeouts = 0;
                self.on_radio_on(None, now);
            }
            // It does not know this query; there are others.
            (Step::PinTries, _) => {
                self.timeouts = 0;
                self.on_pin_tries(now);
            }
            (step, _) if step.is_optional() => self.enter(step.next()),
            _ => self.state = State::Issue,
        }
        if matches!(self.state, State::Issue) {
            self.discard_late_answer(now);
        }
    }

    fn on_sync_result(&mut self, result: &Final, now: u64) {
        if *result != Final::Ok {
            // It reads commands, but got more than `AT` alone: half a command from before.
            self.sync_refusal = Some(result.clone());
            self.state = State::Issue;
            return;
        }
        self.enter(Step::Initialise);
        if self.sync_unanswered {
            self.discard_late_answer(now);
        }
        self.timeouts = 0;
    }

    fn on_urcs_suppressed(&mut self, now: u64) {
        if self.urc.must_listen() {
            self.pause(urc::LISTEN_MS, now);
        } else {
            self.enter(self.step.next());
        }
    }

    fn on_sim_state(&mut self, result: &Final, now: u64) {
        match self.sim.evaluate(result, &self.settings, now) {
            // Some sticks refuse `AT+CFUN=1` until the SIM is ready.
            Ok(Verdict::Ready) if self.radio.must_switch_on() => self.enter(Step::RadioOn),
            Ok(Verdict::Ready) => self.enter(Step::SimState.next()),
            Ok(Verdict::Pin) => self.enter(Step::PinTries),
            // Others see no SIM until they accept `AT+CFUN=1`.
            Ok(Verdict::Retry) if self.radio.must_switch_on() => {
                self.enter(Step::RadioOn);
                self.pause(radio::RETRY_MS, now);
            }
            Ok(Verdict::Retry) => self.pause(sim::POLL_MS, now),
            Err(DialError::SimNotReady { .. } | DialError::Blocked(Blocked::NoSim { .. }))
                if self.radio.refusal().is_some() =>
            {
                let got = self.radio.refusal().cloned().unwrap_or_default();
                self.fail(DialError::RadioOff { got });
            }
            Err(error) => self.fail(error),
        }
    }

    fn on_radio_state(&mut self) {
        let must_switch_on = self.radio.must_switch_on();
        self.enter(if must_switch_on {
            Step::RadioOn
        } else {
            Step::SimState
        });
    }

    /// Handles the result of `AT+CFUN=1`; `None` means that none came in time.
    fn on_radio_on(&mut self, result: Option<&Final>, now: u64) {
        if self.radio.on_result(result) {
            self.report(Progress::RadioOn);
            self.sim.restart_wait();
            // URCs that stopped with the radio may start again.
            self.enter(Step::SuppressUrcs);
            self.pause(radio::SETTLE_MS, now);
        } else if !self.sim.is_ready() {
            self.enter(Step::SimState);
        } else if self.radio.must_switch_on() {
            self.pause(radio::RETRY_MS, now);
        } else {
            self.enter(Step::SimState.next());
        }
    }

    /// Handles the end of a query for the PIN tries left.
    fn on_pin_tries(&mut self, now: u64) {
        let queries = commands::pin_tries_count(self.profile);
        match self.sim.decide_pin_entry(queries, &self.settings) {
            Ok(PinEntry::Allowed) => self.enter(Step::EnterPin),
            Ok(PinEntry::NextQuery) => self.enter(Step::PinTries),
            Ok(PinEntry::RetryLater) => {
                self.enter(Step::PinTries);
                self.pause(sim::ROUND_INTERVAL_MS, now);
            }
            Err(error) => self.fail(error),
        }
    }

    fn on_pin_entered(&mut self, result: Option<&Final>, now: u64) {
        match self.sim.on_pin_result(result) {
            Ok(()) => {
                self.report(Progress::PinAccepted);
                let refused = core::mem::take(&mut self.init_refused);
                if refused {
                    self.init = 0;
                }
                self.enter(if refused {
                    Step::Initialise
                } else {
                    Step::EnterPin.next()
                });
                self.pause(sim::AFTER_PIN_MS, now);
            }
            Err(error) => self.fail(error),
        }
    }

    fn on_registration(&mut self, result: Option<&Final>, now: u64) {
        let refusal = self.radio.refusal();
        let verdict = self.registration.evaluate(self.step, result, refusal, now);
        if !matches!(verdict, Ok(registration::Verdict::Query(_)))
            && let Some(state) = self.registration.take_change()
        {
            self.report(Progress::Registration(state));
        }
        match verdict {
            Ok(registration::Verdict::Registered) => self.enter(self.step.next()),
            Ok(registration::Verdict::Query(step)) => self.enter(step),
            Ok(registration::Verdict::Retry) => {
                // The signal is queried again, too: it shows a person where to place the stick.
                self.enter(Step::Signal);
                self.pause(registration::POLL_MS, now);
            }
            Err(error) => self.fail(error),
        }
    }

    fn require(&mut self, result: &Final, wanted: &Final, expected: &'static str) -> bool {
        if result == wanted {
            return true;
        }
        self.fail(DialError::unexpected(self.step, expected, result));
        false
    }

    /// Pauses before the next command, so that a late answer is discarded.
    fn discard_late_answer(&mut self, now: u64) {
        self.pause(DISCARD_MS, now);
    }

    fn pause(&mut self, ms: u64, now: u64) {
        self.state = State::Pause(now.saturating_add(ms));
    }
}
