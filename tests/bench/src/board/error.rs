//! What can go wrong with an emulated board.

use std::{fmt::Display, io, time::Duration};

/// A board that could not be started, or did not do what was waited for.
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
    /// The setting asked for none.
    #[error("the box was booted without the bench's hand in it")]
    NoFaultAgent,
    /// A line that was waited for did not come.
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
