//! What can keep the network from being what the tests need.

use std::{io, net::AddrParseError, path::PathBuf, process::ExitStatus, time::Duration};

/// What went wrong with the network around the box.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// A living run uses the same names.
    #[error("another run holds the prefix {prefix} ({lock})", lock = lock.display())]
    InUse {
        /// The prefix asked for.
        prefix: String,
        /// The lock that the other run holds.
        lock: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {tool}: {source} (board/setup/packages.sh installs it)")]
    ToolMissing {
        /// Its name.
        tool: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program failed.
    #[error("{tool} failed ({status}): {stderr}")]
    Tool {
        /// Its name.
        tool: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// What it said.
        source: nix::Error,
    },
    /// A server did not get ready.
    #[error("dnsmasq does not serve within {bound:?}; it said: {log}")]
    NotServing {
        /// How long was waited.
        bound: Duration,
        /// Its log.
        log: String,
    },
    /// A line of the lease file is not as dnsmasq writes it.
    #[error("lease file: expected \"expiry MAC address name id\", got {line:?}")]
    LeaseLine {
        /// The line.
        line: String,
    },
    /// The address in a line of the lease file is none.
    #[error("lease file: {line:?}: {source}")]
    LeaseAddress {
        /// The line.
        line: String,
        /// What is wrong with it.
        source: AddrParseError,
    },
    /// Nobody asked for an address in time.
    #[error("no DHCP lease within {bound:?}")]
    NoLease {
        /// How long was waited.
        bound: Duration,
    },
}

impl NetError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn system(what: &'static str) -> impl FnOnce(nix::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
