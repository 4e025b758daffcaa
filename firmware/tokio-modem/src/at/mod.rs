//! AT commands: bytes from the stick in, events out, one command at a time.
//!
//! Owns the assembly of lines, what is an echo, an answer, a final result or an unsolicited line,
//! and the time a command may take. Takes in bytes in any pieces and the time in milliseconds;
//! gives out [`Event`]s and the bytes to write. More commands than one wait in a [`Queue`]. Noise,
//! half lines and over-long lines cost a counter each, never memory.
//!
//! # Lines
//!
//! A line ends at a carriage return or a line feed. Bytes that are not ASCII are decoded, or
//! replaced, one by one. A field in quotes may have line ends: while the last field of a result
//! (`+NAME:…`) has an open quote, the next line is joined to it, with a line feed between. It is not
//! joined where it
//!
//! - is a final result,
//! - is an unsolicited result: one of the known words, or `NAME:` in capitals after a maker's sign,
//! - begins as the answer to the running command does, or
//! - is the echo of a command.
//!
//! A quote that is open when no further line comes for two seconds ends there. So a text that has
//! such a line within its quotes is cut, and a quote that nothing ends costs no other line.
//!
//! # Results
//!
//! A final result ends the running command. It is doubtful where the stick has echoed so far and
//! this command is not echoed yet, or where a command before was given up and its result may still
//! come. A doubtful result is dropped when an echo, an answer or another result of the command
//! follows; it counts if nothing of these comes within half a second.

mod command;
mod counters;
mod decode;
mod dialogue;
mod engine;
mod form;
mod held;
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
