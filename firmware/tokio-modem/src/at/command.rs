//! A command and the form of its answer.

use thiserror::Error;

/// Longest command, in bytes: `AT+CGDCONT=1,"IP","…"` with an access point name of 100.
pub const COMMAND_MAX: usize = 128;

/// Expected response: the lines between a command and its final result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No lines: only the final result.
    Nothing,
    /// Lines with this prefix, for instance `+CSQ:`.
    Prefixed(&'static str),
    /// Lines with one of these prefixes: some commands are answered under another name.
    AnyOf(&'static [&'static str]),
    /// Any lines, with or without this prefix: `MF180` or `+CGMM: MF180`.
    Bare(&'static str),
    /// A line with this prefix, then any lines: messages in text mode.
    Text(&'static str),
    /// `CONNECT` and the end of command mode, or the reason why there is no call.
    Call,
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// From `AT` on, without the carriage return.
    pub text: &'a str,
    /// Expected response.
    pub answer: Answer,
    /// Time from the command to its final result, in milliseconds.
    pub timeout_ms: u64,
}

impl Answer {
    /// Returns whether `line` has a prefix of the answer.
    pub(super) fn begins(self, line: &str) -> bool {
        match self {
            Self::Prefixed(prefix) | Self::Bare(prefix) | Self::Text(prefix) => {
                line.starts_with(prefix)
            }
            Self::AnyOf(prefixes) => prefixes.iter().any(|prefix| line.starts_with(prefix)),
            Self::Nothing | Self::Call => false,
        }
    }

    /// Returns whether at least one line precedes the final result. False if any line would match.
    pub(super) fn expects_lines(self) -> bool {
        !matches!(self, Self::Nothing | Self::Call | Self::Prefixed(""))
    }
}

impl Command<'_> {
    /// Checks that it can be sent at all.
    pub(super) fn check(&self) -> Result<(), StartError> {
        if !self.text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(StartError::NotPrintable);
        }
        if self.text.len() > COMMAND_MAX {
            return Err(StartError::TooLong);
        }
        Ok(())
    }
}

/// Reason why a command was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// Another command has no final result yet.
    #[error("expected the last command to be finished, got another one")]
    Busy,
    /// The port is in data mode.
    #[error("expected command mode, got data mode")]
    Data,
    /// The command is too long.
    #[error("expected a command of at most {COMMAND_MAX} characters, got a longer one")]
    TooLong,
    /// It contains a character that would end it early or that no command has.
    #[error("expected a command of printable ASCII characters, got another character")]
    NotPrintable,
}
