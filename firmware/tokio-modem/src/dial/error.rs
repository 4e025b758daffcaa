//! Why there is no call.

use thiserror::Error;

use super::Step;
use crate::{
    at::{Final, StartError, Text, text},
    modem::Registration,
};

/// The end of a dialogue without `CONNECT`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DialError {
    /// The stick said nothing that ends the command.
    #[error("{step}: expected an answer within {waited_ms} ms, got none")]
    NoAnswer {
        /// Where.
        step: Step,
        /// How long was waited the last time.
        waited_ms: u64,
    },
    /// The stick said something else.
    #[error("{step}: expected {expected}, got {got}")]
    Unexpected {
        /// Where.
        step: Step,
        /// What would have gone on.
        expected: &'static str,
        /// What came.
        got: Text,
    },
    /// The dial took too long and was ended. The stick lives.
    #[error(
        "dial (ATD): expected CONNECT within {waited_ms} ms, got none; the stick lives and says {got}"
    )]
    NotConnected {
        /// How long was waited.
        waited_ms: u64,
        /// What it said when the dial was ended.
        got: Text,
    },
    /// The network refuses this SIM or stick.
    #[error("registration: expected home or roaming, got denied by the network")]
    Denied,
    /// The network was not found in time.
    #[error("registration: expected home or roaming within {waited_ms} ms, got {last}")]
    NotRegistered {
        /// What the stick told last.
        last: Registration,
        /// How long it was asked.
        waited_ms: u64,
    },
    /// The radio is off and the stick does not switch it on; there is no SIM, or no network, without.
    #[error("switch the radio on (AT+CFUN=1): expected OK, got {got}")]
    RadioOff {
        /// What came.
        got: Text,
    },
    /// The SIM did not get ready.
    #[error("ask the SIM (AT+CPIN?): expected READY within {waited_ms} ms, got {got}")]
    SimNotReady {
        /// What the stick said last.
        got: Text,
        /// How long it was asked.
        waited_ms: u64,
    },
    /// Each answer came in its time, and all of them together took too long.
    #[error("{step}: expected to dial within {waited_ms} ms, got here")]
    TooSlow {
        /// Where.
        step: Step,
        /// From the first command to here.
        waited_ms: u64,
    },
    /// The PIN was sent and it is not known what the SIM made of it.
    #[error("SIM PIN: expected OK, got {got}; it will not be sent again")]
    PinUncertain {
        /// What came.
        got: Text,
    },
    /// Only a person can help.
    #[error("{0}")]
    Blocked(#[from] Blocked),
    /// A command could not be sent.
    #[error("{step}: {source}")]
    NotSent {
        /// Where.
        step: Step,
        /// Why.
        source: StartError,
    },
}

/// What a person has to do something about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Blocked {
    /// The SIM asks for a PIN and none is configured.
    #[error("the SIM asks for a PIN and none is configured")]
    PinMissing,
    /// One more wrong PIN would lock the SIM.
    #[error("the SIM asks for its PIN and takes only {left} more, which is kept for a person")]
    PinLastTry {
        /// Tries left.
        left: u8,
    },
    /// The stick does not say how many tries are left, and [`Settings`](super::Settings) do not allow
    /// to send the PIN without.
    #[error(
        "the SIM asks for its PIN and the stick does not say how many tries are left; the PIN is not sent, since a wrong one might lock the SIM"
    )]
    PinTriesUnknown,
    /// The SIM refused the PIN.
    #[error("the SIM refused the configured PIN ({got}); it will not be sent again")]
    PinWrong {
        /// In these words.
        got: Text,
    },
    /// The PIN was refused or lost before.
    #[error("the SIM still asks for its PIN after the configured one was sent once")]
    PinSpent,
    /// The SIM is locked.
    #[error("the SIM is locked and asks for its unblocking code (PUK)")]
    Puk,
    /// There is no SIM.
    #[error("there is no SIM in the stick, or none that it can read ({got})")]
    NoSim {
        /// What the stick said.
        got: Text,
    },
    /// Locked in another way.
    #[error("the stick or the SIM is locked: it asks for {0}")]
    Locked(Text),
}

impl DialError {
    /// Where the dialogue ended.
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

    /// Dialling again changes nothing until a person does something.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked(_))
    }

    /// The PIN was sent and not taken:
    /// [`Settings::spend_pin`](super::Settings::spend_pin) before the next dialogue.
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
            got: told(result),
        }
    }
}

/// A result as text.
pub(super) fn told(result: &Final) -> Text {
    let mut line = crate::at::Line::new();
    // A result is shorter than a line.
    let _ = core::fmt::write(&mut line, format_args!("{result}"));
    text(&line)
}
