//! Errors of a session.

use std::io;

use heapless::String;
use thiserror::Error;

use crate::{
    at::{Final, StartError},
    driver::error::is_hang_up,
    modem::{ReplyError, UssdCodeError},
};

/// Name of a command in an error: without its arguments, which may be secrets.
pub type CommandName = String<16>;

/// Error of one command. The session stays usable, unless the port is gone.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The profile has no such command.
    #[error("{name} has no command for it")]
    Unknown {
        /// Name of the profile.
        name: &'static str,
    },
    /// The stick refused the command.
    #[error("{command}: expected OK, got {got}")]
    Refused {
        /// The command, without its arguments.
        command: CommandName,
        /// Final result.
        got: Final,
    },
    /// No final result in time.
    #[error("{command}: expected an answer in time, got none")]
    NoAnswer {
        /// The command, without its arguments.
        command: CommandName,
    },
    /// `OK` without an answer.
    #[error("{command}: expected a line before OK, got none")]
    Empty {
        /// The command, without its arguments.
        command: CommandName,
    },
    /// The answer could not be parsed.
    #[error("{command}: {source}")]
    Reply {
        /// The command, without its arguments.
        command: CommandName,
        /// Reason.
        source: ReplyError,
    },
    /// The command cannot be sent.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The USSD code cannot be sent.
    #[error(transparent)]
    UssdCode(#[from] UssdCodeError),
    /// Reading or writing failed, or the stick is gone.
    #[error("cannot use the port: {0}")]
    Io(#[source] io::Error),
}

impl SessionError {
    /// Returns whether the stick is gone or its driver dropped the port.
    pub fn is_hang_up(&self) -> bool {
        matches!(self, Self::Io(error) if is_hang_up(error))
    }
}
