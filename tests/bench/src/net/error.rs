//! Errors of the test network.

use std::{io, net::AddrParseError, path::PathBuf, process::ExitStatus, time::Duration};

/// Error of the network around the box.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// Another running process uses the same prefix.
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
        /// Error of the system.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {tool}: {source} (board/setup/packages.sh installs it)")]
    ToolMissing {
        /// Its name.
        tool: String,
        /// Error of the system.
        source: io::Error,
    },
    /// A program failed.
    #[error("{tool} failed ({status}): {stderr}")]
    Tool {
        /// Its name.
        tool: String,
        /// How it ended.
        status: ExitStatus,
        /// Its error output.
        stderr: String,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// Requested operation.
        what: &'static str,
        /// Its error output.
        source: nix::Error,
    },
    /// A server did not start in time.
    #[error("dnsmasq does not serve within {bound:?}; it said: {log}")]
    NotServing {
        /// Time waited.
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
        /// Parse error.
        source: AddrParseError,
    },
    /// No DHCP lease was requested in time.
    #[error("no DHCP lease within {bound:?}")]
    NoLease {
        /// Time waited.
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
