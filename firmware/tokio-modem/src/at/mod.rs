//! AT command engine without I/O: one command at a time.
//!
//! Owns the assembly of lines, their classification (echo, answer, final result, unsolicited), and
//! the timeouts of commands. Takes in bytes in pieces of any size and the time in milliseconds;
//! gives out [`Event`]s and the bytes to write. Further commands wait in a [`Queue`]. Noise,
//! partial lines and over-long lines increment a counter each, and never use memory.
//!
//! # Lines
//!
//! A line ends at a carriage return or a line feed. Bytes that are not ASCII are decoded, or
//! replaced, one by one. A quoted field may contain line ends: while the last field of a result
//! (`+NAME:…`) has an open quote, the next line is joined to it, with a line feed between. It is not
//! joined if it
//!
//! - is a final result,
//! - is an unsolicited result: one of the known words, or `NAME:` in capitals after a vendor's sign,
//! - begins as the answer to the running command does, or
//! - is the echo of a command.
//!
//! An open quote ends when no further line comes for two seconds. So a text that contains such a line
//! within its quotes is cut, and an unterminated quote costs no other line.
//!
//! # Results
//!
//! A final result ends the running command. It is doubtful if the stick has echoed so far and this
//! command is not echoed yet, or if an earlier command timed out and its result may still come. A doubtful result is dropped when an echo, an answer or another result of the command
//! follows; it counts if none of these comes within half a second.

mod command;
mod counters;
mod decode;
mod dialogue;
mod engine;
mod form;
mod line;
mod open_quote;
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
