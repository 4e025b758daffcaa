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
            DialError::NoAnswer { .. } | DialError::TooSlow { .. } => Trouble::Faulty,
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
            | DialError::RadioOff { .. }
            | DialError::SimNotReady { .. }
            | DialError::PinUncertain { .. }
            | DialError::Blocked(_)
            | DialError::NotSent { .. } => Trouble::Refused,
        };
        Self {
            reason: match error {
                DialError::Blocked(blocked) => format!("{error}; {}", advice(blocked)),
                _ => error.to_string(),
            },
            trouble,
            blocked: error.is_blocked(),
            pin_spent: error.pin_spent(),
            bad_input: 0,
        }
    }
}

/// What a person has to do.
const fn advice(blocked: &Blocked) -> &'static str {
    match blocked {
        Blocked::PinMissing => {
            "set carrier.pin in failberrypi.toml, or switch the PIN of the SIM off in a phone"
        }
        Blocked::PinLastTry { .. } => {
            "check carrier.pin in failberrypi.toml, and enter the right PIN in a phone, after which the SIM takes three again"
        }
        Blocked::PinTriesUnknown => {
            "switch the PIN of the SIM off in a phone; or check carrier.pin, and set carrier.pin_without_counter = true in failberrypi.toml, which sends it once per start all the same"
        }
        Blocked::PinWrong { .. } | Blocked::PinSpent => {
            "correct carrier.pin in failberrypi.toml and start the box again"
        }
        Blocked::Puk => {
            "enter the PUK and a new PIN in a phone, and set that as carrier.pin in failberrypi.toml"
        }
        Blocked::NoSim { .. } => "check that the SIM is in the stick, the right way round",
        Blocked::Locked(_) => "have its vendor or carrier unlock it, or use another stick or SIM",
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
