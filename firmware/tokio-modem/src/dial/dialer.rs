//! The state machine.

use heapless::Deque;

use super::{
    DialError, Progress, Settings, Step,
    proof::Proof,
    quiet::Quiet,
    radio::Radio,
    registration::Waiting,
    script,
    sim::Sim,
    sync::{ANSWER_MS, FIRST_ESCAPE, LADDER, Rung},
};
use crate::{
    at::{Answer, Command, Counters, Engine, Event, Final, Text},
    modem::Profile,
};

/// What a stick says after `CONNECT`: a rate or nothing.
pub type Rate = Text;

/// From the first command to the dial at most, in milliseconds, but for the command that runs then.
/// A SIM and a network that take their time are half of it.
pub const BEFORE_DIAL_MS: u64 = 240_000;

/// From the line that answers a question to the `OK` behind it. Some sticks leave that out.
const OK_MS: u64 = 2_000;

/// News that one event can bring, at most.
const NOTES_MAX: usize = 4;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Write these bytes.
    Write(&'a [u8]),
    /// Raise or drop the DTR line.
    Dtr(bool),
    /// Something was learnt.
    Progress(Progress),
    /// Read, and call again with what came, or at this time if nothing did.
    Wait(u64),
    /// The port carries PPP; what is left of the input is its first part.
    Connected(Rate),
    /// There is no call.
    Failed(DialError),
}

/// One dialogue.
pub struct Dialer {
    pub(super) profile: &'static Profile,
    pub(super) settings: Settings,
    pub(super) engine: Engine,
    pub(super) step: Step,
    pub(super) state: State,
    pub(super) started: u64,
    /// Which of the profile's first commands is next.
    pub(super) init: usize,
    /// One of them was refused, as some are before the PIN.
    pub(super) init_refused: bool,
    /// Until then the question that has its answer waits for its result.
    answered_until: Option<u64>,
    /// Which rung of the synchronising ladder is next.
    pub(super) rung: usize,
    /// A rung stayed without answer, which may still come.
    pub(super) unanswered: bool,
    /// What the last rung was answered with instead of `OK`.
    pub(super) refused: Option<Final>,
    /// Commands without answer in a row.
    pub(super) timeouts: u8,
    /// The stick is asked whether it lives, before the command of the step is said again.
    pub(super) proof: Option<Proof>,
    pub(super) quiet: Quiet,
    pub(super) radio: Radio,
    pub(super) sim: Sim,
    pub(super) registration: Waiting,
    announced: Option<Step>,
    notes: Deque<Progress, NOTES_MAX>,
}

/// What the dialogue waits for.
pub(super) enum State {
    /// Nothing: the command of the step goes out now.
    Issue,
    /// The result of a command.
    Running,
    /// A time.
    Pause(u64),
    /// Nothing any more.
    Connected(Rate),
    /// Nothing any more.
    Failed(DialError),
}

impl Dialer {
    /// A dialogue that begins now, with a port in any state.
    pub fn new(profile: &'static Profile, settings: Settings, now: u64) -> Self {
        Self {
            profile,
            settings,
            engine: Engine::new(),
            step: Step::Synchronise,
            state: State::Issue,
            started: now,
            init: 0,
            init_refused: false,
            answered_until: None,
            rung: 0,
            unanswered: false,
            refused: None,
            timeouts: 0,
            proof: None,
            quiet: Quiet::default(),
            radio: Radio::default(),
            sim: Sim::default(),
            registration: Waiting::default(),
            announced: None,
            notes: Deque::new(),
        }
    }

    /// Goes on as far as the next thing to do. Takes bytes off the front of `input`; must be called
    /// again until it says [`Output::Wait`]. The end is said again on every further call.
    pub fn step<'a>(&'a mut self, input: &mut &[u8], now: u64) -> Output<'a> {
        loop {
            if let Some(note) = self.notes.pop_front() {
                return Output::Progress(note);
            }
            match &self.state {
                State::Connected(rate) => return Output::Connected(rate.clone()),
                State::Failed(error) => return Output::Failed(error.clone()),
                State::Issue => {
                    if self.announced != Some(self.step) && !self.is_polling() {
                        self.announced = Some(self.step);
                        return Output::Progress(Progress::Step(self.step));
                    }
                    match self.issue(now) {
                        Issue::Nothing => continue,
                        Issue::Raw(bytes) => return Output::Write(bytes),
                        Issue::Dtr(on) => return Output::Dtr(on),
                        Issue::Command(text, answer, timeout_ms) => {
                            return self.start(&text, answer, timeout_ms, now);
                        }
                    }
                }
                State::Running | State::Pause(_) => {}
            }
            if let Some(event) = self.engine.receive(input) {
                self.react(event, now);
                continue;
            }
            match self.state {
                State::Pause(until) if now < until => return Output::Wait(until),
                State::Pause(_) => self.state = State::Issue,
                _ => match self.expire(now) {
                    Some(event) => self.react(event, now),
                    None => return Output::Wait(self.due(now)),
                },
            }
        }
    }

    /// Gives up the running command if its time is over.
    fn expire(&mut self, now: u64) -> Option<Event> {
        match self.answered_until {
            // As if the whole of its time had passed.
            Some(until) if until <= now => self.engine.tick(u64::MAX),
            _ => self.engine.tick(now),
        }
    }

    fn due(&self, now: u64) -> u64 {
        let deadlines = [self.engine.deadline(), self.answered_until];
        deadlines.into_iter().flatten().min().unwrap_or(now)
    }

    /// The question has its answer: the `OK` may be left out from now on.
    pub(super) fn answered(&mut self, now: u64) {
        self.answered_until.get_or_insert(now.saturating_add(OK_MS));
    }

    /// Returns whether the command that has just ended had its answer, and begins with the next.
    pub(super) fn take_answered(&mut self) -> bool {
        self.answered_until.take().is_some()
    }

    /// Input that made no sense so far.
    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    pub(super) fn note(&mut self, progress: Progress) {
        // Drained before every event, so there is room for what one event brings.
        let _ = self.notes.push_back(progress);
    }

    pub(super) fn go(&mut self, step: Step) {
        if step == Step::Quieten {
            self.quiet.begin();
        }
        self.step = step;
        self.state = State::Issue;
    }

    pub(super) fn fail(&mut self, error: impl Into<DialError>) {
        self.state = State::Failed(error.into());
    }

    /// The rounds of waiting for the network are told once, not every two seconds.
    fn is_polling(&self) -> bool {
        match self.step {
            Step::Signal | Step::Registration => self.registration.is_begun(),
            Step::PacketRegistration | Step::LteRegistration => true,
            _ => false,
        }
    }

    fn issue(&mut self, now: u64) -> Issue {
        if let Some(proof) = self.proof {
            return self.ask_for_life(proof);
        }
        let waited_ms = now.saturating_sub(self.started);
        if waited_ms >= BEFORE_DIAL_MS && self.step != Step::Dial {
            let step = self.step;
            self.fail(DialError::TooSlow { step, waited_ms });
            return Issue::Nothing;
        }
        match self.step {
            Step::Synchronise => return self.climb(now),
            Step::Quieten if self.profile.quieting.is_some() => match self.quiet.ask() {
                None => {
                    self.go(self.step.next());
                    return Issue::Nothing;
                }
                Some(attempt) if attempt > 1 => self.note(Progress::Quieten { attempt }),
                Some(_) => {}
            },
            Step::Registration | Step::PacketRegistration | Step::LteRegistration => {
                self.registration.ask(now);
            }
            _ => {}
        }
        let index = match self.step {
            Step::Initialise => self.init,
            Step::PinTries => self.sim.question(),
            _ => 0,
        };
        match script::command(self.step, index, self.profile, &self.settings) {
            Ok(Some(text)) => Issue::Command(
                text,
                script::answer(self.step, index, self.profile),
                script::timeout_ms(self.step, &self.settings),
            ),
            Ok(None) => {
                self.go(self.step.next());
                Issue::Nothing
            }
            Err(_) => {
                let source = crate::at::StartError::TooLong;
                let step = self.step;
                self.fail(DialError::NotSent { step, source });
                Issue::Nothing
            }
        }
    }

    fn climb(&mut self, now: u64) -> Issue {
        let Some(rung) = LADDER.get(self.rung) else {
            let step = self.step;
            self.fail(match &self.refused {
                Some(result) => DialError::unexpected(step, "OK", result),
                None => DialError::NoAnswer {
                    step,
                    waited_ms: now.saturating_sub(self.started),
                },
            });
            return Issue::Nothing;
        };
        if self.rung == FIRST_ESCAPE {
            self.note(Progress::Escaping);
        }
        self.rung += 1;
        match *rung {
            Rung::Command(text) => match script::Text::try_from(text) {
                Ok(text) => Issue::Command(text, Answer::Nothing, ANSWER_MS),
                Err(_) => Issue::Nothing,
            },
            Rung::Silence(ms) => {
                self.state = State::Pause(now.saturating_add(ms));
                Issue::Nothing
            }
            Rung::Raw(bytes) => Issue::Raw(bytes),
            Rung::Dtr(on) => Issue::Dtr(on),
        }
    }

    fn start(&mut self, text: &str, answer: Answer, timeout_ms: u64, now: u64) -> Output<'_> {
        self.answered_until = None;
        let command = Command {
            text,
            answer,
            timeout_ms,
        };
        match self.engine.start(&command, now) {
            Ok(bytes) => {
                self.state = State::Running;
                Output::Write(bytes)
            }
            Err(source) => {
                let step = self.step;
                let error = DialError::NotSent { step, source };
                self.state = State::Failed(error.clone());
                Output::Failed(error)
            }
        }
    }
}

/// What goes out.
pub(super) enum Issue {
    Command(script::Text, Answer, u64),
    Raw(&'static [u8]),
    Dtr(bool),
    Nothing,
}
