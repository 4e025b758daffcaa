//! What is learnt on the way.

use core::fmt;

use super::Step;
use crate::{
    at::Text,
    modem::{Operator, Registration, Signal},
};

/// News for the log and the state of whoever dials; shown as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A step is begun for the first time.
    Step(Step),
    /// The stick does not answer; it is tried out of a call that was left open.
    Escaping,
    /// The stick chatters, and is told to stop for the `attempt`th time.
    Quieten {
        /// From 1 on.
        attempt: u8,
    },
    /// The radio was off, and is switched on.
    RadioOn,
    /// The SIM took the PIN.
    PinAccepted,
    /// The stick's model.
    Model(Text),
    /// How strong the cell is received.
    Signal(Signal),
    /// Registration, when it changes.
    Registration(Registration),
    /// Whose network it is.
    Operator(Operator),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => write!(f, "{step}"),
            Self::Escaping => f.write_str("no answer to AT, leaving a call that may be open"),
            Self::Quieten { attempt } => {
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
