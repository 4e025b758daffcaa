//! State of the dialogue, and what one turn of it sends.

use super::{DialError, Rate, commands::CommandText};
use crate::at::Answer;

/// What the dialogue waits for.
pub(super) enum State {
    /// Nothing: the command of the step is sent now.
    Issue,
    /// The result of a command.
    Running,
    /// A time, in milliseconds.
    Pause(u64),
    /// Final: the call is up.
    Connected(Rate),
    /// Final: there is no call.
    Failed(DialError),
}

/// Output of one turn.
pub(super) enum Issue {
    /// A command, the form of its answer, and its timeout in milliseconds.
    Command(CommandText, Answer, u64),
    /// Bytes that are no command.
    Raw(&'static [u8]),
    /// New level of the DTR line.
    Dtr(bool),
    Nothing,
}
