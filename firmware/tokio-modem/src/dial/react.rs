//! What an answer, or none, does to the dialogue.

use super::{
    Blocked, DialError, Dialer, Progress, Step,
    dialer::State,
    proof::Proof,
    quiet, radio, registration, script,
    sim::{self, Entry, Verdict},
    sync::SETTLE_MS,
};
use crate::{
    at::{Event, Final},
    modem::{Operator, Signal, identity},
};

/// Commands without answer in a row that make a stick a dead one.
const TIMEOUTS_MAX: u8 = 2;

/// A command without answer is said again after this long.
const REPEAT_MS: u64 = 500;

impl Dialer {
    pub(super) fn react(&mut self, event: Event, now: u64) {
        match event {
            Event::Unsolicited(line) => {
                if let Some(quieting) = &self.profile.quieting
                    && line.starts_with(quieting.flood)
                {
                    self.quiet.hear();
                }
            }
            Event::Information(line) => {
                if self.hear(&line) {
                    self.answered(now);
                }
            }
            Event::TimedOut => {
                let answered = self.take_answered();
                match self.proof {
                    Some(proof) => self.no_life(proof),
                    None if answered => self.finish_without_result(now),
                    None => self.miss(now),
                }
            }
            Event::Result(result) => {
                self.take_answered();
                let result = self.settings.veiled(result);
                if self.proof.is_some() {
                    self.alive(&result, now);
                } else {
                    self.timeouts = 0;
                    self.finish(&result, now);
                }
            }
        }
    }

    /// A line of the answer. Returns whether it is one.
    fn hear(&mut self, line: &str) -> bool {
        match self.step {
            // Words of these are told as they came.
            Step::SimState | Step::Model | Step::Operator if self.settings.pin_is_in(line) => false,
            Step::Radio => self.radio.hear(line),
            Step::SimState => self.sim.hear_state(line),
            Step::PinTries => self.sim.hear_tries(line),
            Step::Registration | Step::PacketRegistration | Step::LteRegistration => {
                self.registration.hear(line)
            }
            Step::Model => identity(line).is_ok_and(|model| {
                self.note(Progress::Model(model));
                true
            }),
            Step::Signal => Signal::parse(line).is_ok_and(|signal| {
                self.note(Progress::Signal(signal));
                true
            }),
            Step::Operator => Operator::parse(line).is_ok_and(|operator| {
                if let Some(operator) = operator {
                    self.note(Progress::Operator(operator));
                }
                true
            }),
            _ => false,
        }
    }

    /// The question has its answer, and no result follows.
    fn finish_without_result(&mut self, now: u64) {
        self.timeouts = 0;
        self.finish(&Final::Ok, now);
        if matches!(self.state, State::Issue) {
            // It may follow still.
            self.settle(now);
        }
    }

    /// The command is finished.
    fn finish(&mut self, result: &Final, now: u64) {
        match self.step {
            Step::Synchronise => self.synchronised(result, now),
            Step::Initialise => {
                // No verdict: some sticks refuse these before the PIN, others one of them always.
                self.init_refused |= *result != Final::Ok;
                self.init += 1;
                self.state = State::Issue;
            }
            Step::Quieten => self.quietened(now),
            Step::Radio => self.radio_known(),
            Step::RadioOn => self.radio_switched(Some(result), now),
            Step::SimState => self.sim_known(result, now),
            Step::PinTries => self.tries_known(now),
            Step::EnterPin => self.pin_entered(Some(result), now),
            Step::Registration | Step::PacketRegistration | Step::LteRegistration => {
                self.registered(Some(result), now);
            }
            Step::Model | Step::Signal | Step::Operator => self.go(self.step.next()),
            Step::Context => {
                if self.expect(result, &Final::Ok, "OK") {
                    self.go(Step::Dial);
                }
            }
            Step::Dial => match result {
                Final::Connect(rate) => self.state = State::Connected(rate.clone()),
                other => self.fail(DialError::unexpected(self.step, "CONNECT", other)),
            },
        }
    }

    /// The command stayed without result.
    fn miss(&mut self, now: u64) {
        self.timeouts = self.timeouts.saturating_add(1);
        match self.step {
            Step::Synchronise => {
                self.unanswered = true;
                self.refused = None;
                self.state = State::Issue;
            }
            // Whatever happened to it, it must not go out twice.
            Step::EnterPin => self.pin_entered(None, now),
            step if self.timeouts >= TIMEOUTS_MAX && step != Step::Dial => {
                let waited_ms = script::timeout_ms(step, &self.settings);
                self.fail(DialError::NoAnswer { step, waited_ms });
            }
            step if Proof::of(step).is_some() => {
                self.proof = Proof::of(step);
                self.state = State::Issue;
            }
            Step::Quieten => self.quietened(now),
            Step::Radio => self.radio_known(),
            Step::PacketRegistration | Step::LteRegistration => self.registered(None, now),
            step if step.is_optional() => self.go(step.next()),
            _ => self.pause(REPEAT_MS, now),
        }
    }

    fn synchronised(&mut self, result: &Final, now: u64) {
        if *result != Final::Ok {
            // It listens, but to something else than `AT` alone: half a command of before.
            self.refused = Some(result.clone());
            self.state = State::Issue;
            return;
        }
        self.go(Step::Initialise);
        if self.unanswered {
            self.settle(now);
        }
        self.timeouts = 0;
    }

    fn quietened(&mut self, now: u64) {
        if self.quiet.must_listen() {
            self.pause(quiet::LISTEN_MS, now);
        } else {
            self.go(self.step.next());
        }
    }

    fn sim_known(&mut self, result: &Final, now: u64) {
        match self.sim.judge(result, &self.settings, now) {
            // Some sticks refuse it until the SIM is ready.
            Ok(Verdict::Ready) if self.radio.is_to_switch() => self.go(Step::RadioOn),
            Ok(Verdict::Ready) => self.go(Step::SimState.next()),
            Ok(Verdict::Pin) => self.go(Step::PinTries),
            // Others have no SIM until they take it.
            Ok(Verdict::Again) if self.radio.is_to_switch() => {
                self.go(Step::RadioOn);
                self.pause(radio::AGAIN_MS, now);
            }
            Ok(Verdict::Again) => self.pause(sim::POLL_MS, now),
            Err(DialError::SimNotReady { .. } | DialError::Blocked(Blocked::NoSim { .. }))
                if self.radio.refusal().is_some() =>
            {
                let got = self.radio.refusal().cloned().unwrap_or_default();
                self.fail(DialError::RadioOff { got });
            }
            Err(error) => self.fail(error),
        }
    }

    fn radio_known(&mut self) {
        let switch = self.radio.is_to_switch();
        self.go(if switch {
            Step::RadioOn
        } else {
            Step::SimState
        });
    }

    /// `AT+CFUN=1` is finished, or stayed without result.
    pub(super) fn radio_switched(&mut self, result: Option<&Final>, now: u64) {
        if self.radio.judge(result) {
            self.note(Progress::RadioOn);
            self.sim.powered();
            // What was switched off with the radio may chatter again.
            self.go(Step::Quieten);
            self.pause(radio::AFTER_MS, now);
        } else if !self.sim.is_ready() {
            self.go(Step::SimState);
        } else if self.radio.is_to_switch() {
            self.pause(radio::AGAIN_MS, now);
        } else {
            self.go(Step::SimState.next());
        }
    }

    /// The question for tries left is finished.
    pub(super) fn tries_known(&mut self, now: u64) {
        let questions = script::pin_tries_count(self.profile);
        match self.sim.may_enter(questions, &self.settings) {
            Ok(Entry::Allowed) => self.go(Step::EnterPin),
            Ok(Entry::Ask) => self.go(Step::PinTries),
            Ok(Entry::AskLater) => {
                self.go(Step::PinTries);
                self.pause(sim::ROUND_MS, now);
            }
            Err(error) => self.fail(error),
        }
    }

    fn pin_entered(&mut self, result: Option<&Final>, now: u64) {
        match self.sim.judge_entry(result) {
            Ok(()) => {
                self.note(Progress::PinAccepted);
                let refused = core::mem::take(&mut self.init_refused);
                if refused {
                    self.init = 0;
                }
                self.go(if refused {
                    Step::Initialise
                } else {
                    Step::EnterPin.next()
                });
                self.pause(sim::AFTER_PIN_MS, now);
            }
            Err(error) => self.fail(error),
        }
    }

    fn registered(&mut self, result: Option<&Final>, now: u64) {
        let refusal = self.radio.refusal();
        let verdict = self.registration.judge(self.step, result, refusal, now);
        if !matches!(verdict, Ok(registration::Verdict::Ask(_)))
            && let Some(state) = self.registration.news()
        {
            self.note(Progress::Registration(state));
        }
        match verdict {
            Ok(registration::Verdict::Registered) => self.go(self.step.next()),
            Ok(registration::Verdict::Ask(step)) => self.go(step),
            Ok(registration::Verdict::Again) => {
                // The signal is asked again too: it tells a person where to put the stick.
                self.go(Step::Signal);
                self.pause(registration::POLL_MS, now);
            }
            Err(error) => self.fail(error),
        }
    }

    fn expect(&mut self, result: &Final, wanted: &Final, expected: &'static str) -> bool {
        if result == wanted {
            return true;
        }
        self.fail(DialError::unexpected(self.step, expected, result));
        false
    }

    /// Lets a late answer pass before the next command.
    pub(super) fn settle(&mut self, now: u64) {
        self.pause(SETTLE_MS, now);
    }

    fn pause(&mut self, ms: u64, now: u64) {
        self.state = State::Pause(now.saturating_add(ms));
    }
}
