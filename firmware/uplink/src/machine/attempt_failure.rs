//! Classification of how an attempt or a link ended.

use tokio_modem::{
    dial::{Blocked, DialError, Step},
    ppp::Reason,
};

use crate::ladder::FailureKind;

/// Why an attempt, or the link it led to, ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptFailure {
    /// The reason as a text for the log.
    pub reason: String,
    /// The failure class, for the ladder.
    pub kind: FailureKind,
    /// A retry is of no use until a person acts.
    pub blocked: bool,
    /// The PIN was sent and not accepted.
    pub pin_not_accepted: bool,
    /// Number of malformed lines and frames.
    pub bad_input: u64,
}

impl AttemptFailure {
    /// Creates a failure of this kind with this reason.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            kind,
            ..Self::default()
        }
    }
}

impl From<&DialError> for AttemptFailure {
    fn from(error: &DialError) -> Self {
        let kind = match error {
            DialError::NoAnswer {
                step: Step::Synchronise,
                ..
            } => FailureKind::Unresponsive,
            DialError::NoAnswer { .. } | DialError::TooSlow { .. } => {
                FailureKind::StoppedResponding
            }
            // A bare `ERROR` comes from the stick, which may accept no call until its next reset.
            DialError::Unexpected {
                step: Step::Dial,
                got,
                ..
            } if got.as_str() == "ERROR" => FailureKind::BadResponse,
            // `NO CARRIER`, `BUSY`, `+CME ERROR`, a delay: these depend on the network.
            DialError::NotConnected { .. }
            | DialError::Unexpected {
                step: Step::Dial, ..
            } => FailureKind::Carrier,
            DialError::Denied | DialError::NotRegistered { .. } => FailureKind::AccessDenied,
            DialError::Blocked(Blocked::NoSim { .. }) => FailureKind::NoSim,
            DialError::Unexpected { .. }
            | DialError::RadioOff { .. }
            | DialError::SimNotReady { .. }
            | DialError::PinUncertain { .. }
            | DialError::Blocked(_)
            | DialError::NotSent { .. } => FailureKind::BadResponse,
        };
        Self {
            reason: match error {
                DialError::Blocked(blocked) => format!("{error}; {}", advice(blocked)),
                _ => error.to_string(),
            },
            kind,
            blocked: error.is_blocked(),
            pin_not_accepted: error.pin_spent(),
            bad_input: 0,
        }
    }
}

/// Returns what a person has to do.
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

impl From<&Reason> for AttemptFailure {
    fn from(reason: &Reason) -> Self {
        let kind = match reason {
            Reason::AuthFailed(_) => FailureKind::AccessDenied,
            // The stick answered `CONNECT` and stays in command mode.
            Reason::LoopDetected => FailureKind::StoppedResponding,
            Reason::EchoTimeout { .. } => FailureKind::Unresponsive,
            _ => FailureKind::Carrier,
        };
        Self::new(kind, reason.to_string())
    }
}
