//! A command and what may come back.

use thiserror::Error;

/// Longest command: `AT+CGDCONT=1,"IP","…"` with an access point name of 100.
pub const COMMAND_MAX: usize = 128;

/// The lines that a command is answered with before its final result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// None: only the final result.
    Nothing,
    /// Lines that start so, for instance `+CSQ:`.
    Prefixed(&'static str),
    /// Lines that start with one of these: some commands are answered under another name.
    AnyOf(&'static [&'static str]),
    /// Lines as they are, with or without this prefix: `MF180` or `+CGMM: MF180`.
    Bare(&'static str),
    /// Lines that start so, and after the first of them any line: messages in text mode.
    Text(&'static str),
    /// `CONNECT` and the end of command mode, or why there is no call.
    Call,
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// From `AT` on, without the carriage return.
    pub text: &'a str,
    /// What comes back.
    pub answer: Answer,
    /// How long the final result may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Answer {
    /// Whether `line` begins as the answer does.
    pub(super) fn begins(self, line: &str) -> bool {
        match self {
            Self::Prefixed(prefix) | Self::Bare(prefix) | Self::Text(prefix) => {
                line.starts_with(prefix)
            }
            Self::AnyOf(prefixes) => prefixes.iter().any(|prefix| line.starts_with(prefix)),
            Self::Nothing | Self::Call => false,
        }
    }

    /// Whether the final result comes after a line at least. Of any line it does not say so.
    pub(super) fn is_question(self) -> bool {
        !matches!(self, Self::Nothing | Self::Call | Self::Prefixed(""))
    }
}

impl Command<'_> {
    /// Whether it can be sent at all.
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

/// Why a command was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// Another command has no final result yet.
    #[error("expected the last command to be finished, got another one")]
    Busy,
    /// The port carries data.
    #[error("expected command mode, got data mode")]
    Data,
    /// It does not fit.
    #[error("expected a command of at most {COMMAND_MAX} characters, got a longer one")]
    TooLong,
    /// It has a character that would end it early or that no command has.
    #[error("expected a command of printable ASCII characters, got another character")]
    NotPrintable,
}
