//! What the SIM's state means for the dialogue, and the care for its PIN.

use super::{
    Blocked, DialError,
    error::told,
    settings::{Pin, Settings},
};
use crate::{
    at::{Fault, Final, Text, text},
    modem::{CmeError, PinTries, SimState},
};

/// A SIM is up a few seconds after power, on slow sticks half a minute. What the stick says of it
/// until then passes, whatever the words; after that the recovery of whoever dials goes on.
pub(super) const WAIT_MS: u64 = 30_000;

/// "No SIM" comes for a moment after power too, but a person should not wait long for the word.
const NO_SIM_MS: u64 = 8_000;

/// Between two questions.
pub(super) const POLL_MS: u64 = 1_000;

/// A SIM that has just taken its PIN starts its chatter after this long.
pub(super) const AFTER_PIN_MS: u64 = 1_000;

/// Fewest tries left with which the PIN is sent: one stays for a person.
const TRIES_MIN: u8 = 2;

/// Times that all questions for tries left are asked: the SIM may be busy the first time.
const ROUNDS_MAX: u8 = 2;

/// Between them.
pub(super) const ROUND_MS: u64 = 2_000;

/// What was learnt about the SIM.
#[derive(Default)]
pub(super) struct Sim {
    /// The first question, since it was powered or took its PIN.
    since: Option<u64>,
    state: Option<SimState>,
    /// Fewest tries that the stick has spoken of.
    tries: Option<u8>,
    /// Which question for tries is next.
    question: usize,
    rounds: u8,
    pin_taken: bool,
    ready: bool,
}

/// How to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The SIM is ready.
    Ready,
    /// It asks for the PIN, which may be sent.
    Pin,
    /// Ask again in a while.
    Again,
}

/// What the tries left mean for the PIN.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It may be sent.
    Allowed,
    /// There is another question for the tries left.
    Ask,
    /// All questions are asked again in a while.
    AskLater,
}

impl Sim {
    /// Begins to wait: the SIM has got its power.
    pub(super) fn powered(&mut self) {
        self.since = None;
    }

    /// Returns whether it was ready once.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Returns which question for tries left is next.
    pub(super) fn question(&self) -> usize {
        self.question
    }

    /// Records an answer to `AT+CPIN?`. Returns whether it was understood.
    pub(super) fn hear_state(&mut self, line: &str) -> bool {
        let heard = SimState::parse(line).ok();
        let understood = heard.is_some();
        self.state = heard.or(self.state.take());
        understood
    }

    /// Records an answer to the question for tries left. Returns whether it was understood.
    pub(super) fn hear_tries(&mut self, line: &str) -> bool {
        let Ok(PinTries { pin, .. }) = PinTries::parse(line) else {
            return false;
        };
        self.tries = Some(self.tries.map_or(pin, |least| least.min(pin)));
        true
    }

    /// `AT+CPIN?` is finished.
    pub(super) fn judge(
        &mut self,
        result: &Final,
        settings: &Settings,
        now: u64,
    ) -> Result<Verdict, DialError> {
        let waited_ms = now.saturating_sub(*self.since.get_or_insert(now));
        let state = match (self.state.take(), result) {
            (_, Final::Cme(fault)) => from_fault(fault),
            (state, Final::Ok) => state,
            _ => None,
        };
        match state {
            Some(SimState::Ready) => {
                self.ready = true;
                Ok(Verdict::Ready)
            }
            Some(SimState::Puk) => Err(Blocked::Puk.into()),
            Some(SimState::Locked(by)) => Err(Blocked::Locked(by).into()),
            Some(SimState::Pin) if self.pin_taken => {
                again_within(WAIT_MS, waited_ms, || Blocked::PinSpent.into())
            }
            Some(SimState::Pin) => match settings.pin {
                Pin::Given(_) => Ok(Verdict::Pin),
                Pin::Absent => Err(Blocked::PinMissing.into()),
                Pin::Spent => Err(Blocked::PinSpent.into()),
            },
            Some(SimState::NotInserted) => again_within(NO_SIM_MS, waited_ms, || {
                let got = match result {
                    Final::Ok => text("+CPIN: NOT INSERTED"),
                    other => told(other),
                };
                Blocked::NoSim { got }.into()
            }),
            Some(SimState::Other(got)) => again_within(WAIT_MS, waited_ms, || {
                DialError::SimNotReady { got, waited_ms }
            }),
            None => again_within(WAIT_MS, waited_ms, || {
                let got = told(result);
                DialError::SimNotReady { got, waited_ms }
            }),
        }
    }

    /// Whether the PIN may be sent, as far as is known of the tries left. `questions` is how many
    /// questions there are for them.
    pub(super) fn may_enter(
        &mut self,
        questions: usize,
        settings: &Settings,
    ) -> Result<Entry, DialError> {
        match self.tries {
            Some(left) if left < TRIES_MIN => return Err(Blocked::PinLastTry { left }.into()),
            Some(_) => return Ok(Entry::Allowed),
            None => {}
        }
        self.question = self.question.saturating_add(1);
        if self.question < questions {
            return Ok(Entry::Ask);
        }
        self.question = 0;
        self.rounds = self.rounds.saturating_add(1);
        match self.rounds < ROUNDS_MAX {
            true => Ok(Entry::AskLater),
            false if settings.uncounted => Ok(Entry::Allowed),
            false => Err(Blocked::PinTriesUnknown.into()),
        }
    }

    /// `AT+CPIN=` is finished; `None` means that no result came.
    pub(super) fn judge_entry(&mut self, result: Option<&Final>) -> Result<(), DialError> {
        let Some(result) = result else {
            let got = text("no answer");
            return Err(DialError::PinUncertain { got });
        };
        match result {
            Final::Ok => {
                self.pin_taken = true;
                self.since = None;
                Ok(())
            }
            Final::Cme(fault) if is_refusal(fault) => {
                Err(Blocked::PinWrong { got: told(result) }.into())
            }
            Final::Error => Err(Blocked::PinWrong { got: told(result) }.into()),
            other => Err(DialError::PinUncertain { got: told(other) }),
        }
    }
}

/// Asks again until `limit_ms` have passed.
fn again_within(
    limit_ms: u64,
    waited_ms: u64,
    error: impl FnOnce() -> DialError,
) -> Result<Verdict, DialError> {
    if waited_ms < limit_ms {
        Ok(Verdict::Again)
    } else {
        Err(error())
    }
}

/// The state that `AT+CPIN?` is refused with; none for what passes.
fn from_fault(fault: &Fault) -> Option<SimState> {
    Some(match CmeError::from(fault) {
        CmeError::PinRequired => SimState::Pin,
        CmeError::PukRequired => SimState::Puk,
        CmeError::SecondPin => SimState::Ready,
        CmeError::Personalised(Fault::Text(words)) => SimState::Locked(words),
        CmeError::Personalised(Fault::Code(code)) => {
            let mut words = Text::new();
            // Five digits at most.
            let _ = core::fmt::write(&mut words, format_args!("+CME ERROR: {code}"));
            SimState::Locked(words)
        }
        CmeError::SimNotInserted | CmeError::SimWrong => SimState::NotInserted,
        _ => return None,
    })
}

/// The SIM has looked at the PIN and does not take it.
fn is_refusal(fault: &Fault) -> bool {
    matches!(
        CmeError::from(fault),
        CmeError::IncorrectPassword | CmeError::PukRequired
    )
}
