//! Errors of an emulated board.

use std::{fmt::Display, io, time::Duration};

/// Error of starting a board or of waiting for its console.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// A file, a socket or a process.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// QEMU ended before it was listening.
    #[error("QEMU ended at once ({status}): {stderr}")]
    Ended {
        /// Its exit status.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// The scenario was started without a fault agent.
    #[error("the box was booted without the bench's hand in it")]
    NoFaultAgent,
    /// The expected console line did not appear in time.
    #[error(
        "expected a line with {text:?} on the console within {} s, got {}:\n{last}",
        bound.as_secs(),
        if *ended { "the end of the board" } else { "none" }
    )]
    NotSaid {
        /// Part of the line.
        text: String,
        /// How long it was waited for.
        bound: Duration,
        /// The console has ended.
        ended: bool,
        /// The last lines there were.
        last: String,
    },
}

impl BoardError {
    /// For `map_err`: an I/O error that says what it is about.
    pub(crate) fn io(what: impl Display) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Io { what, source }
    }
}
