//! What can go wrong with the carrier.

use std::{io, path::PathBuf, time::Duration};

/// What went wrong with the carrier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarrierError {
    /// A file or socket could not be used.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The parts of the machine are not there.
    #[error("{path} is missing: run {remedy}", path = path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// What makes it.
        remedy: &'static str,
    },
    /// A program that does part of the work failed.
    #[error("{tool}: {message}")]
    Tool {
        /// Its name.
        tool: &'static str,
        /// What it said.
        message: String,
    },
    /// A setting cannot be told to pppd.
    #[error("{setting} has a character that pppd's files cannot hold: {character:?}")]
    PppdSetting {
        /// Which one.
        setting: &'static str,
        /// The first such character.
        character: char,
    },
    /// It did not happen in time.
    #[error("{what}: not within {bound:?}; the carrier's log so far:\n{log}")]
    Late {
        /// What was waited for.
        what: &'static str,
        /// How long.
        bound: Duration,
        /// What pppd said.
        log: String,
    },
    /// The machine is gone.
    #[error("the carrier's machine ended; its console is in {console}", console = console.display())]
    Gone {
        /// What it wrote.
        console: PathBuf,
    },
    /// The machine could not do what it was told.
    #[error("the carrier's machine: {message}")]
    Guest {
        /// What it said.
        message: String,
    },
    /// There is no call that this could be done to.
    #[error("there is no call")]
    NoCall,
}

impl CarrierError {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
