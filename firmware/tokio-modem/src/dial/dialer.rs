//! State machine of the dialogue: timers, and what is sent next.

use heapless::Deque;

use super::{
    DialError, Progress, Settings, Step, commands,
    liveness::Probe,
    radio::Radio,
    registration::RegistrationWait,
    sim::Sim,
    state::{Issue, State},
    sync::{ANSWER_MS, ESCAPE_SEQUENCE, FIRST_ESCAPE_STEP, SyncStep},
    urc::UrcSuppressor,
};
use crate::{
    at::{Answer, Command, Counters, Engine, Event, Final, Text},
    modem::Profile,
};

/// Text after `CONNECT`: the rate, or empty.
pub type Rate = Text;

/// Longest time from the first command to the dial, in milliseconds; a command that runs then is
/// finished. A slow SIM and a slow network take half of it.
pub const BEFORE_DIAL_MS: u64 = 240_000;

/// Time from the line that answers a query to the `OK` after it, in milliseconds. Some sticks omit
/// the `OK`.
const RESULT_MS: u64 = 2_000;

/// Largest number of reports that one event can cause.
const REPORTS_MAX: usize = 4;

/// Next action of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Write these bytes.
    Write(&'a [u8]),
    /// Raise or drop the DTR line.
    Dtr(bool),
    /// Progress to log.
    Progress(Progress),
    /// Read, and call again with the input, or at this time (milliseconds) if there was none.
    Wait(u64),
    /// The port carries PPP; the rest of the input is its first part.
    Connected(Rate),
    /// There is no call.
    Failed(DialError),
}

/// One AT dialogue, from an open port to `CONNECT`.
pub struct Dialer {
    pub(super) profile: &'static Profile,
    pub(super) settings: Settings,
    pub(super) engine: Engine,
    pub(super) step: Step,
    pub(super) state: State,
    pub(super) started: u64,
    /// Index of the next init command of the profile.
    pub(super) init: usize,
    /// An init command was refused, as some are before the PIN.
    pub(super) init_refused: bool,
    /// When a query that has its answer stops waiting for its result.
    result_deadline: Option<u64>,
    /// Index of the next step of the escape sequence.
    pub(super) sync_index: usize,
    /// A step of the escape sequence got no answer, which may still come.
    pub(super) sync_unanswered: bool,
    /// Result other than `OK` of the last step of the escape sequence.
    pub(super) sync_refusal: Option<Final>,
    /// Consecutive timeouts.
    pub(super) timeouts: u8,
    /// Liveness probe that runs before the command of the step is repeated.
    pub(super) probe: Option<Probe>,
    pub(super) urc: UrcSuppressor,
    pub(super) radio: Radio,
    pub(super) sim: Sim,
    pub(super) registration: RegistrationWait,
    /// Step that was reported last.
    reported_step: Option<Step>,
    reports: Deque<Progress, REPORTS_MAX>,
}

impl Dialer {
    /// Starts a dialogue at `now`, with a port in any state.
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
            result_deadline: None,
            sync_index: 0,
            sync_unanswered: false,
            sync_refusal: None,
            timeouts: 0,
            probe: None,
            urc: UrcSuppressor::default(),
            radio: Radio::default(),
            sim: Sim::default(),
            registration: RegistrationWait::default(),
            reported_step: None,
            reports: Deque::new(),
        }
    }

    /// Advances to the next action of the caller. Takes bytes off the front of `input`; must be called
    /// again until it returns [`Output::Wait`]. After the end every call returns the end again.
    pub fn step<'a>(&'a mut self, input: &mut &[u8], now: u64) -> Output<'a> {
        loop {
            if let Some(progress) = self.reports.pop_front() {
                return Output::Progress(progress);
            }
            match &self.state {
                State::Connected(rate) => return Output::Connected(rate.clone()),
                State::Failed(error) => return Output::Failed(error.clone()),
                State::Issue => {
                    if self.reported_step != Some(self.step) && !self.is_polling() {
                        self.reported_step = Some(self.step);
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
                self.on_event(event, now);
                continue;
            }
            match self.state {
                State::Pause(until) if now < until => return Output::Wait(until),
                State::Pause(_) => self.state = State::Issue,
                _ => match self.expire(now) {
                    Some(event) => self.on_event(event, now),
                    None => return Output::Wait(self.next_deadline(now)),
                },
            }
        }
    }

    /// Times the running command out if its deadline has passed.
    fn expire(&mut self, now: u64) -> Option<Event> {
        match self.result_deadline {
            // As if its whole timeout had passed.
            Some(until) if until <= now => self.engine.tick(u64::MAX),
            _ => self.engine.tick(now),
        }
    }

    fn next_deadline(&self, now: u64) -> u64 {
        let deadlines = [self.engine.deadline(), self.result_deadline];
        deadlines.into_iter().flatten().min().unwrap_or(now)
    }

    /// Starts the short wait for the result of a query that has its answer.
    pub(super) fn expect_result_soon(&mut self, now: u64) {
        self.result_deadline
            .get_or_insert(now.saturating_add(RESULT_MS));
    }

    /// Returns whether the command that has just ended had its answer, and resets that.
    pub(super) fn take_answered(&mut self) -> bool {
        self.result_deadline.take().is_some()
    }

    /// Returns counters of input that could not be parsed.
    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    /// Queues a progress report.
    pub(super) fn report(&mut self, progress: Progress) {
        // Drained before every event, so there is room for the reports of one event.
        let _ = self.reports.push_back(progress);
    }

    /// Enters a step; its command is sent next.
    pub(super) fn enter(&mut self, step: Step) {
        if step == Step::SuppressUrcs {
            self.urc.begin();
        }
        self.step = step;
        self.state = State::Issue;
    }

    /// Ends the dialogue.
    pub(super) fn fail(&mut self, error: impl Into<DialError>) {
        self.state = State::Failed(error.into());
    }

    /// Returns whether the step repeats a registration round, which is reported once, not every two
    /// seconds.
    fn is_polling(&self) -> bool {
        match self.step {
            Step::Signal | Step::Registration => self.registration.has_started(),
            Step::PacketRegistration | Step::LteRegistration => true,
            _ => false,
        }
    }

    fn issue(&mut self, now: u64) -> Issue {
        if let Some(probe) = self.probe {
            let (next, issue) = probe.advance(self.step);
            self.probe = Some(next);
            return issue;
        }
        let waited_ms = now.saturating_sub(self.started);
        if waited_ms >= BEFORE_DIAL_MS && self.step != Step::Dial {
            let step = self.step;
            self.fail(DialError::TooSlow { step, waited_ms });
            return Issue::Nothing;
        }
        match self.step {
            Step::Synchronise => return self.next_sync_step(now),
            Step::SuppressUrcs if self.profile.urc_suppression.is_some() => {
                match self.urc.next_attempt() {
                    None => {
                        self.enter(self.step.next());
                        return Issue::Nothing;
                    }
                    Some(attempt) if attempt > 1 => self.report(Progress::SuppressUrcs { attempt }),
                    Some(_) => {}
                }
            }
            Step::Registration | Step::PacketRegistration | Step::LteRegistration => {
                self.registration.begin_query(now);
            }
            _ => {}
        }
        let index = match self.step {
            Step::Initialise => self.init,
            Step::PinTries => self.sim.next_query(),
            _ => 0,
        };
        match commands::command(self.step, index, self.profile, &self.settings) {
            Ok(Some(text)) => Issue::Command(
                text,
                commands::expected_answer(self.step, index, self.profile),
                commands::timeout_ms(self.step, &self.settings),
            ),
            Ok(None) => {
                self.enter(self.step.next());
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

    fn next_sync_step(&mut self, now: u64) -> Issue {
        let Some(sync_step) = ESCAPE_SEQUENCE.get(self.sync_index) else {
            let step = self.step;
            self.fail(match &self.sync_refusal {
                Some(result) => DialError::unexpected(step, "OK", result),
                None => DialError::NoAnswer {
                    step,
                    waited_ms: now.saturating_sub(self.started),
                },
            });
            return Issue::Nothing;
        };
        if self.sync_index == FIRST_ESCAPE_STEP {
            self.report(Progress::Escaping);
        }
        self.sync_index += 1;
        match *sync_step {
            SyncStep::Command(text) => match commands::CommandText::try_from(text) {
                Ok(text) => Issue::Command(text, Answer::Nothing, ANSWER_MS),
                Err(_) => Issue::Nothing,
            },
            SyncStep::Silence(ms) => {
                self.state = State::Pause(now.saturating_add(ms));
                Issue::Nothing
            }
            SyncStep::Raw(bytes) => Issue::Raw(bytes),
            SyncStep::Dtr(on) => Issue::Dtr(on),
        }
    }

    fn start(&mut self, text: &str, answer: Answer, timeout_ms: u64, now: u64) -> Output<'_> {
        self.result_deadline = None;
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
