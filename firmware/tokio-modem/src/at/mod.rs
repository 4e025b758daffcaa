//! AT commands: bytes from the stick in, events out, one command at a time.
//!
//! Owns the assembly of lines, what is an echo, an answer, a final result or an unsolicited line,
//! and the time a command may take. Takes in bytes in any pieces and the time in milliseconds;
//! gives out [`Event`]s and the bytes to write. More commands than one wait in a [`Queue`]. Noise, half lines and over-long lines cost a
//! counter each, never memory.

mod command;
mod counters;
mod engine;
mod line;
mod queue;
mod result;

pub use command::{Answer, COMMAND_MAX, Command, StartError};
pub use counters::Counters;
pub use engine::{Engine, Event};
pub use line::{LINE_MAX, Line, TEXT_MAX, Text, text};
pub use queue::{Queue, QueueError};
pub use result::{Fault, Final};

#[cfg(test)]
mod tests;
