//! How attempts end, and what kind of trouble that is.

use tokio_modem::{
    dial::{Blocked, DialError, Step},
    ppp::Reason,
};

use crate::ladder::Trouble;

/// How an attempt ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// In words.
    pub reason: String,
    /// What kind of failure it was.
    pub trouble: Trouble,
    /// Trying again is of no use until a person does something.
    pub blocked: bool,
    /// The PIN was sent and not taken.
    pub pin_spent: bool,
    /// Lines and frames that made no sense.
    pub bad_input: u64,
}

impl Ending {
    /// An ending for `reason`.
    pub fn new(trouble: Trouble, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            trouble,
            ..Self::default()
        }
    }
}

impl From<&DialError> for Ending {
    fn from(error: &DialError) -> Self {
        let trouble = match error {
            DialError::NoAnswer {
                step: Step::Synchronise,
                ..
            } => Trouble::Silent,
            DialError::NoAnswer { .. } => Trouble::Faulty,
            // A mere `ERROR` is of the stick, which may take no call until it starts anew.
            DialError::Unexpected {
                step: Step::Dial,
                got,
                ..
            } if got.as_str() == "ERROR" => Trouble::Refused,
            // `NO CARRIER`, `BUSY`, `+CME ERROR`, a wait: the network has its say in those.
            DialError::NotConnected { .. }
            | DialError::Unexpected {
                step: Step::Dial, ..
            } => Trouble::Carrier,
            DialError::Denied | DialError::NotRegistered { .. } => Trouble::Denied,
            DialError::Blocked(Blocked::NoSim { .. }) => Trouble::NoSim,
            DialError::Unexpected { .. }
            | DialError::PinUncertain { .. }
            | DialError::Blocked(_)
            | DialError::NotSent { .. } => Trouble::Refused,
        };
        Self {
            reason: error.to_string(),
            trouble,
            blocked: error.is_blocked(),
            pin_spent: error.pin_spent(),
            bad_input: 0,
        }
    }
}

impl From<&Reason> for Ending {
    fn from(reason: &Reason) -> Self {
        let trouble = match reason {
            Reason::AuthFailed(_) => Trouble::Denied,
            // It says `CONNECT` and stays in command mode.
            Reason::LoopDetected => Trouble::Faulty,
            Reason::EchoTimeout { .. } => Trouble::Silent,
            _ => Trouble::Carrier,
        };
        Self::new(trouble, reason.to_string())
    }
}
