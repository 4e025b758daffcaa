//! Errors of the emulated carrier.

use std::{io, path::PathBuf, time::Duration};

/// Error of the emulated carrier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarrierError {
    /// A file or socket could not be used.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A part of the machine is missing.
    #[error("{path} is missing: run {remedy}", path = path.display())]
    Missing {
        /// Missing path.
        path: PathBuf,
        /// Command that creates it.
        remedy: &'static str,
    },
    /// A helper program failed.
    #[error("{tool}: {message}")]
    Tool {
        /// Its name.
        tool: &'static str,
        /// Its error output.
        message: String,
    },
    /// A setting cannot be written to pppd's files.
    #[error("{setting} has a character that pppd's files cannot hold: {character:?}")]
    PppdSetting {
        /// Name of the setting.
        setting: &'static str,
        /// First invalid character.
        character: char,
    },
    /// An expected event did not occur in time.
    #[error("{what}: not within {bound:?}; the carrier's log so far:\n{log}")]
    Late {
        /// Expected event.
        what: &'static str,
        /// Time waited.
        bound: Duration,
        /// pppd's log.
        log: String,
    },
    /// The machine is gone.
    #[error("the carrier's machine ended; its console is in {console}", console = console.display())]
    Gone {
        /// Its console log.
        console: PathBuf,
    },
    /// The guest failed to execute a command.
    #[error("the carrier's machine: {message}")]
    Guest {
        /// Its error output.
        message: String,
    },
    /// There is no call in progress.
    #[error("there is no call")]
    NoCall,
}

impl CarrierError {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
