//! What an answer, or none, does to the dialogue.

use super::{
    DialError, Dialer, Progress, Step,
    dialer::State,
    proof::Proof,
    quiet, registration, script,
    sim::{self, Verdict},
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
            Event::Information(line) => self.hear(&line),
            Event::TimedOut => match self.proof {
                Some(proof) => self.no_life(proof),
                None => self.miss(now),
            },
            Event::Result(result) => {
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

    /// A line of the answer.
    fn hear(&mut self, line: &str) {
        match self.step {
            // Words of these are told as they came.
            Step::SimState | Step::Model | Step::Operator if self.settings.pin_is_in(line) => {}
            Step::SimState => self.sim.hear_state(line),
            Step::PinTries => self.sim.hear_tries(line),
            Step::Registration | Step::PacketRegistration => self.registration.hear(line),
            Step::Model => {
                if let Ok(model) = identity(line) {
                    self.note(Progress::Model(model));
                }
            }
            Step::Signal => {
                if let Ok(signal) = Signal::parse(line) {
                    self.note(Progress::Signal(signal));
                }
            }
            Step::Operator => {
                if let Ok(Some(operator)) = Operator::parse(line) {
                    self.note(Progress::Operator(operator));
                }
            }
            _ => {}
        }
    }

    /// The command is finished.
    fn finish(&mut self, result: &Final, now: u64) {
        match self.step {
            Step::Synchronise => self.synchronised(result, now),
            Step::Initialise => {
                if self.expect(result, &Final::Ok, "OK") {
                    self.init += 1;
                    self.state = State::Issue;
                }
            }
            Step::Quieten => self.quietened(now),
            Step::SimState => match self.sim.judge(result, &self.settings) {
                Ok(Verdict::Ready) => self.go(Step::SimState.next()),
                Ok(Verdict::Pin) => self.go(Step::PinTries),
                Ok(Verdict::Again) => self.pause(sim::POLL_MS, now),
                Err(error) => self.fail(error),
            },
            Step::PinTries => self.tries_known(),
            Step::EnterPin => self.pin_entered(Some(result), now),
            Step::Registration | Step::PacketRegistration => self.registered(now),
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
            Step::PinTries => self.tries_known(),
            Step::PacketRegistration => self.registered(now),
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

    fn tries_known(&mut self) {
        match self.sim.may_enter() {
            Ok(()) => self.go(Step::EnterPin),
            Err(error) => self.fail(error),
        }
    }

    fn pin_entered(&mut self, result: Option<&Final>, now: u64) {
        match self.sim.judge_entry(result) {
            Ok(()) => {
                self.note(Progress::PinAccepted);
                self.go(Step::EnterPin.next());
                self.pause(sim::AFTER_PIN_MS, now);
            }
            Err(error) => self.fail(error),
        }
    }

    fn registered(&mut self, now: u64) {
        let verdict = self.registration.judge(self.step, now);
        if !matches!(verdict, Ok(registration::Verdict::AskPackets))
            && let Some(state) = self.registration.news()
        {
            self.note(Progress::Registration(state));
        }
        match verdict {
            Ok(registration::Verdict::Registered) => self.go(self.step.next()),
            Ok(registration::Verdict::AskPackets) => self.go(Step::PacketRegistration),
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
