//! SIM state, and the decision whether its PIN may be sent.

use super::{
    Blocked, DialError,
    error::result_text,
    settings::{Pin, Settings},
};
use crate::{
    at::{Fault, Final, Text, text},
    modem::{CmeError, PinTries, SimState},
};

/// Time from the first query to the end of the attempt, in milliseconds. A SIM is up a few seconds
/// after power, on slow sticks after half a minute; until then every answer but a lock is
/// transient. After it the caller's recovery goes on.
pub(super) const WAIT_MS: u64 = 30_000;

/// Time from the first query until "no SIM" is final, in milliseconds. It is reported for a moment
/// after power, too, but the operator should learn of it soon.
const NO_SIM_MS: u64 = 8_000;

/// Time between two queries, in milliseconds.
pub(super) const POLL_MS: u64 = 1_000;

/// Time from an accepted PIN to the next command, in milliseconds: URCs start then.
pub(super) const AFTER_PIN_MS: u64 = 1_000;

/// Fewest tries left with which the PIN is sent: the last one is kept for the operator.
const MIN_TRIES_LEFT: u8 = 2;

/// Rounds of all queries for the tries left: the SIM may be busy in the first.
const MAX_ROUNDS: u8 = 2;

/// Time between two rounds, in milliseconds.
pub(super) const ROUND_INTERVAL_MS: u64 = 2_000;

/// SIM state and PIN tries as far as they are known.
#[derive(Default)]
pub(super) struct Sim {
    /// Time of the first query since power or an accepted PIN, in milliseconds.
    since: Option<u64>,
    state: Option<SimState>,
    /// Fewest tries left that the stick has reported.
    tries_left: Option<u8>,
    /// Index of the next query for the tries left.
    query: usize,
    rounds: u8,
    pin_accepted: bool,
    ready: bool,
}

/// What the dialogue does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The SIM is ready.
    Ready,
    /// It requires the PIN, which is configured.
    Pin,
    /// Query again after [`POLL_MS`].
    Retry,
}

/// Decision whether the PIN may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PinEntry {
    /// It may be sent.
    Allowed,
    /// There is another query for the tries left.
    NextQuery,
    /// All queries are repeated after [`ROUND_INTERVAL_MS`].
    RetryLater,
}

impl Sim {
    /// Restarts the wait for the SIM, which was just powered.
    pub(super) fn restart_wait(&mut self) {
        self.since = None;
    }

    /// Returns whether the SIM was ready once.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Returns the index of the next query for the tries left.
    pub(super) fn next_query(&self) -> usize {
        self.query
    }

    /// Records an answer to `AT+CPIN?`. Returns whether it was understood.
    pub(super) fn on_state(&mut self, line: &str) -> bool {
        let parsed = SimState::parse(line).ok();
        let understood = parsed.is_some();
        self.state = parsed.or(self.state.take());
        understood
    }

    /// Records an answer to a query for the tries left. Returns whether it was understood.
    pub(super) fn on_pin_tries(&mut self, line: &str) -> bool {
        let Ok(PinTries { pin, .. }) = PinTries::parse(line) else {
            return false;
        };
        self.tries_left = Some(self.tries_left.map_or(pin, |least| least.min(pin)));
        true
    }

    /// Handles the result of `AT+CPIN?`.
    pub(super) fn evaluate(
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
            Some(SimState::Pin) if self.pin_accepted => {
                retry_within(WAIT_MS, waited_ms, || Blocked::PinSpent.into())
            }
            Some(SimState::Pin) => match settings.pin {
                Pin::Usable(_) => Ok(Verdict::Pin),
                Pin::Absent => Err(Blocked::PinMissing.into()),
                Pin::Withheld => Err(Blocked::PinSpent.into()),
            },
            Some(SimState::NotInserted) => retry_within(NO_SIM_MS, waited_ms, || {
                let got = match result {
                    Final::Ok => text("+CPIN: NOT INSERTED"),
                    other => result_text(other),
                };
                Blocked::NoSim { got }.into()
            }),
            Some(SimState::Other(got)) => retry_within(WAIT_MS, waited_ms, || {
                DialError::SimNotReady { got, waited_ms }
            }),
            None => retry_within(WAIT_MS, waited_ms, || {
                let got = result_text(result);
                DialError::SimNotReady { got, waited_ms }
            }),
        }
    }

    /// Decides whether the PIN may be sent, by the tries left. `queries` is the number of queries for
    /// them.
    pub(super) fn decide_pin_entry(
        &mut self,
        queries: usize,
        settings: &Settings,
    ) -> Result<PinEntry, DialError> {
        match self.tries_left {
            Some(left) if left < MIN_TRIES_LEFT => return Err(Blocked::PinLastTry { left }.into()),
            Some(_) => return Ok(PinEntry::Allowed),
            None => {}
        }
        self.query = self.query.saturating_add(1);
        if self.query < queries {
            return Ok(PinEntry::NextQuery);
        }
        self.query = 0;
        self.rounds = self.rounds.saturating_add(1);
        match self.rounds < MAX_ROUNDS {
            true => Ok(PinEntry::RetryLater),
            false if settings.uncounted => Ok(PinEntry::Allowed),
            false => Err(Blocked::PinTriesUnknown.into()),
        }
    }

    /// Handles the result of `AT+CPIN=`; `None` means that none came in time.
    pub(super) fn on_pin_result(&mut self, result: Option<&Final>) -> Result<(), DialError> {
        let Some(result) = result else {
            let got = text("no answer");
            return Err(DialError::PinUncertain { got });
        };
        match result {
            Final::Ok => {
                self.pin_accepted = true;
                self.since = None;
                Ok(())
            }
            Final::Cme(fault) if is_refusal(fault) => Err(Blocked::PinWrong {
                got: result_text(result),
            }
            .into()),
            Final::Error => Err(Blocked::PinWrong {
                got: result_text(result),
            }
            .into()),
            other => Err(DialError::PinUncertain {
                got: result_text(other),
            }),
        }
    }
}

/// Returns [`Verdict::Retry`] until `limit_ms` have passed, then the error.
fn retry_within(
    limit_ms: u64,
    waited_ms: u64,
    error: impl FnOnce() -> DialError,
) -> Result<Verdict, DialError> {
    if waited_ms < limit_ms {
        Ok(Verdict::Retry)
    } else {
        Err(error())
    }
}

/// Returns the state that an error to `AT+CPIN?` means; `None` for a transient one.
fn from_fault(fault: &Fault) -> Option<SimState> {
    Some(match CmeError::from(fault) {
        CmeError::PinRequired => SimState::Pin,
        CmeError::PukRequired => SimState::Puk,
        CmeError::SecondPin => SimState::Ready,
        CmeError::Personalised(Fault::Text(text)) => SimState::Locked(text),
        CmeError::Personalised(Fault::Code(code)) => {
            let mut text = Text::new();
            // Five digits at most.
            let _ = core::fmt::write(&mut text, format_args!("+CME ERROR: {code}"));
            SimState::Locked(text)
        }
        CmeError::SimNotInserted | CmeError::SimWrong => SimState::NotInserted,
        _ => return None,
    })
}

/// Returns whether the SIM has checked the PIN and rejected it.
fn is_refusal(fault: &Fault) -> bool {
    matches!(
        CmeError::from(fault),
        CmeError::IncorrectPassword | CmeError::PukRequired
    )
}
