//! Why a stick did not do what it was asked.

use std::io;

use heapless::String;
use thiserror::Error;

use crate::{
    at::{Final, StartError},
    driver::error::is_hang_up,
    modem::{ReplyError, UssdCodeError},
};

/// What a command is called in an error: as far as its arguments, which may be secrets.
pub type CommandName = String<16>;

/// The end of a command without what was asked for. The session can be used on, unless the port
/// is gone.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The table has no such command for this kind of stick.
    #[error("{name} has no command for it")]
    Unknown {
        /// The kind.
        name: &'static str,
    },
    /// The stick does not do it.
    #[error("{command}: expected OK, got {got}")]
    Refused {
        /// The command, without its arguments.
        command: CommandName,
        /// The stick's word.
        got: Final,
    },
    /// Nothing came in time.
    #[error("{command}: expected an answer in time, got none")]
    NoAnswer {
        /// The command, without its arguments.
        command: CommandName,
    },
    /// The stick said `OK` and nothing else.
    #[error("{command}: expected a line before OK, got none")]
    Empty {
        /// The command, without its arguments.
        command: CommandName,
    },
    /// The stick said something else.
    #[error("{command}: {source}")]
    Reply {
        /// The command, without its arguments.
        command: CommandName,
        /// What.
        source: ReplyError,
    },
    /// The command cannot be sent.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The code cannot be sent.
    #[error(transparent)]
    UssdCode(#[from] UssdCodeError),
    /// Reading or writing failed, or the stick is gone.
    #[error("cannot use the port: {0}")]
    Io(#[source] io::Error),
}

impl SessionError {
    /// The stick is gone, or its driver dropped the port.
    pub fn is_hang_up(&self) -> bool {
        matches!(self, Self::Io(error) if is_hang_up(error))
    }
}
