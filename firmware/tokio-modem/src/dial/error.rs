//! Errors of the dialogue.

use thiserror::Error;

use super::Step;
use crate::{
    at::{Final, StartError, Text, text},
    modem::Registration,
};

/// Reason why a dialogue ended without `CONNECT`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DialError {
    /// No final result came in time.
    #[error("{step}: expected an answer within {waited_ms} ms, got none")]
    NoAnswer {
        /// Step of the dialogue.
        step: Step,
        /// Timeout of the last try, in milliseconds.
        waited_ms: u64,
    },
    /// Another result than the one required.
    #[error("{step}: expected {expected}, got {got}")]
    Unexpected {
        /// Step of the dialogue.
        step: Step,
        /// Result that was required.
        expected: &'static str,
        /// Result that came.
        got: Text,
    },
    /// The dial took too long and was aborted; the stick is responsive.
    #[error(
        "dial (ATD): expected CONNECT within {waited_ms} ms, got none; the stick lives and says {got}"
    )]
    NotConnected {
        /// Time waited, in milliseconds.
        waited_ms: u64,
        /// Result of the aborted dial.
        got: Text,
    },
    /// The network refuses this SIM or stick.
    #[error("registration: expected home or roaming, got denied by the network")]
    Denied,
    /// No network registration in time.
    #[error("registration: expected home or roaming within {waited_ms} ms, got {last}")]
    NotRegistered {
        /// Last state reported by the stick.
        last: Registration,
        /// Time waited, in milliseconds.
        waited_ms: u64,
    },
    /// The radio is off and the stick does not switch it on; without it there is no SIM or no network.
    #[error("switch the radio on (AT+CFUN=1): expected OK, got {got}")]
    RadioOff {
        /// Result that came.
        got: Text,
    },
    /// The SIM did not become ready in time.
    #[error("ask the SIM (AT+CPIN?): expected READY within {waited_ms} ms, got {got}")]
    SimNotReady {
        /// Last answer of the stick.
        got: Text,
        /// Time waited, in milliseconds.
        waited_ms: u64,
    },
    /// Every answer came in time, but all together took too long.
    #[error("{step}: expected to dial within {waited_ms} ms, got here")]
    TooSlow {
        /// Step of the dialogue.
        step: Step,
        /// Time since the first command, in milliseconds.
        waited_ms: u64,
    },
    /// The PIN was sent, and whether the SIM accepted it is unknown.
    #[error("SIM PIN: expected OK, got {got}; it will not be sent again")]
    PinUncertain {
        /// Result that came.
        got: Text,
    },
    /// An operator has to act.
    #[error("{0}")]
    Blocked(#[from] Blocked),
    /// A command could not be sent.
    #[error("{step}: {source}")]
    NotSent {
        /// Step of the dialogue.
        step: Step,
        /// Reason.
        source: StartError,
    },
}

/// Condition that lasts until an operator acts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Blocked {
    /// The SIM requires a PIN and none is configured.
    #[error("the SIM asks for a PIN and none is configured")]
    PinMissing,
    /// One more wrong PIN would lock the SIM.
    #[error("the SIM asks for its PIN and takes only {left} more, which is kept for a person")]
    PinLastTry {
        /// Tries left.
        left: u8,
    },
    /// The stick does not report the tries left, and [`Settings`](super::Settings) do not allow sending
    /// the PIN without.
    #[error(
        "the SIM asks for its PIN and the stick does not say how many tries are left; the PIN is not sent, since a wrong one might lock the SIM"
    )]
    PinTriesUnknown,
    /// The SIM rejected the PIN.
    #[error("the SIM refused the configured PIN ({got}); it will not be sent again")]
    PinWrong {
        /// Answer of the stick.
        got: Text,
    },
    /// The PIN was rejected before, or its result was lost.
    #[error("the SIM still asks for its PIN after the configured one was sent once")]
    PinSpent,
    /// The SIM is locked.
    #[error("the SIM is locked and asks for its unblocking code (PUK)")]
    Puk,
    /// There is no SIM.
    #[error("there is no SIM in the stick, or none that it can read ({got})")]
    NoSim {
        /// Answer of the stick.
        got: Text,
    },
    /// Another lock.
    #[error("the stick or the SIM is locked: it asks for {0}")]
    Locked(Text),
}

impl DialError {
    /// Returns the step at which the dialogue ended.
    pub fn step(&self) -> Step {
        match self {
            Self::NoAnswer { step, .. }
            | Self::Unexpected { step, .. }
            | Self::TooSlow { step, .. }
            | Self::NotSent { step, .. } => *step,
            Self::NotConnected { .. } => Step::Dial,
            Self::Denied | Self::NotRegistered { .. } => Step::Registration,
            Self::RadioOff { .. } => Step::RadioOn,
            Self::PinUncertain { .. } | Self::Blocked(Blocked::PinWrong { .. }) => Step::EnterPin,
            Self::Blocked(Blocked::PinLastTry { .. } | Blocked::PinTriesUnknown) => Step::PinTries,
            Self::SimNotReady { .. } | Self::Blocked(_) => Step::SimState,
        }
    }

    /// Returns whether redialling is useless until an operator acts.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked(_))
    }

    /// Returns whether the PIN was sent and not accepted: call
    /// [`Settings::withhold_pin`](super::Settings::withhold_pin) before the next dialogue.
    pub fn pin_spent(&self) -> bool {
        matches!(
            self,
            Self::PinUncertain { .. } | Self::Blocked(Blocked::PinWrong { .. } | Blocked::PinSpent)
        )
    }

    pub(super) fn unexpected(step: Step, expected: &'static str, result: &Final) -> Self {
        Self::Unexpected {
            step,
            expected,
            got: result_text(result),
        }
    }
}

/// Formats a result.
pub(super) fn result_text(result: &Final) -> Text {
    let mut line = crate::at::Line::new();
    // A result is shorter than a line.
    let _ = core::fmt::write(&mut line, format_args!("{result}"));
    text(&line)
}
