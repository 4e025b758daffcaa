//! Progress reports of the dialogue.

use core::fmt;

use super::Step;
use crate::{
    at::Text,
    modem::{Operator, Registration, Signal},
};

/// Progress of the dialogue, for the log and the caller's state; displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A step was entered for the first time.
    Step(Step),
    /// The stick does not answer; the escape sequence for a call that was left open begins.
    Escaping,
    /// The stick sends unsolicited result codes, and is set to stop for the `attempt`th time.
    SuppressUrcs {
        /// Counted from 1.
        attempt: u8,
    },
    /// The radio was off and was switched on.
    RadioOn,
    /// The SIM accepted the PIN.
    PinAccepted,
    /// Model of the stick.
    Model(Text),
    /// Signal strength.
    Signal(Signal),
    /// Registration state, when it changes.
    Registration(Registration),
    /// Network operator.
    Operator(Operator),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => write!(f, "{step}"),
            Self::Escaping => f.write_str("no answer to AT, leaving a call that may be open"),
            Self::SuppressUrcs { attempt } => {
                write!(f, "the stick chatters, stopping it, try {attempt}")
            }
            Self::RadioOn => f.write_str("the radio was off, switched on"),
            Self::PinAccepted => f.write_str("SIM PIN accepted"),
            Self::Model(model) => write!(f, "model {model}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Registration(state) => write!(f, "registration: {state}"),
            Self::Operator(operator) => write!(f, "operator {operator}"),
        }
    }
}
