//! What the SIM's state means for the dialogue, and the care for its PIN.

use super::{
    Blocked, DialError, Step,
    error::told,
    settings::{Pin, Settings},
};
use crate::{
    at::{Fault, Final, text},
    modem::{CmeError, PinTries, SimState},
};

/// A SIM is up a few seconds after power; then a state that does not change is final.
const POLLS_MAX: u8 = 10;

/// "No SIM" comes for a moment after power too, but a person should not wait long for the word.
const NO_SIM_POLLS: u8 = 3;

/// Between two questions.
pub(super) const POLL_MS: u64 = 1_000;

/// A SIM that has just taken its PIN starts its chatter after this long.
pub(super) const AFTER_PIN_MS: u64 = 1_000;

/// What was learnt about the SIM.
#[derive(Default)]
pub(super) struct Sim {
    state: Option<SimState>,
    tries: Option<PinTries>,
    polls: u8,
    pin_taken: bool,
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

impl Sim {
    /// An answer to `AT+CPIN?`.
    pub(super) fn hear_state(&mut self, line: &str) {
        self.state = SimState::parse(line).ok();
    }

    /// An answer to the question for tries left.
    pub(super) fn hear_tries(&mut self, line: &str) {
        self.tries = PinTries::parse(line).ok();
    }

    /// `AT+CPIN?` is finished.
    pub(super) fn judge(
        &mut self,
        result: &Final,
        settings: &Settings,
    ) -> Result<Verdict, DialError> {
        self.polls = self.polls.saturating_add(1);
        let fault = match result {
            Final::Cme(fault) => Some(CmeError::from(fault)),
            _ => None,
        };
        let state = match (self.state.take(), &fault) {
            (_, Some(CmeError::PinRequired)) => Some(SimState::Pin),
            (_, Some(CmeError::PukRequired)) => Some(SimState::Puk),
            (state, None) if *result == Final::Ok => state,
            _ => None,
        };
        match state {
            Some(SimState::Ready) => return Ok(Verdict::Ready),
            Some(SimState::Puk) => return Err(Blocked::Puk.into()),
            Some(SimState::Locked(by)) => return Err(Blocked::Locked(by).into()),
            Some(SimState::Pin) if self.pin_taken => {
                return self.again_or(Blocked::PinSpent.into());
            }
            Some(SimState::Pin) => {
                return match settings.pin {
                    Pin::Given(_) => Ok(Verdict::Pin),
                    Pin::Absent => Err(Blocked::PinMissing.into()),
                    Pin::Spent => Err(Blocked::PinSpent.into()),
                };
            }
            None => {}
        }
        let no_sim = || Blocked::NoSim { got: told(result) };
        match fault {
            Some(CmeError::SimNotInserted) if self.polls >= NO_SIM_POLLS => Err(no_sim().into()),
            Some(CmeError::SimWrong) => Err(no_sim().into()),
            _ => self.again_or(DialError::unexpected(
                Step::SimState,
                "+CPIN: <state>",
                result,
            )),
        }
    }

    fn again_or(&self, error: DialError) -> Result<Verdict, DialError> {
        if self.polls < POLLS_MAX {
            Ok(Verdict::Again)
        } else {
            Err(error)
        }
    }

    /// Whether the PIN may be sent, as far as is known of the tries left.
    pub(super) fn may_enter(&self) -> Result<(), DialError> {
        match self.tries {
            Some(PinTries {
                pin: left @ 0..=1, ..
            }) => Err(Blocked::PinLastTry { left }.into()),
            _ => Ok(()),
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
                self.polls = 0;
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

/// The SIM has looked at the PIN and does not take it.
fn is_refusal(fault: &Fault) -> bool {
    matches!(
        CmeError::from(fault),
        CmeError::IncorrectPassword | CmeError::PukRequired
    )
}
