//! Errors of an emulated stick.

use std::{io, path::PathBuf, time::Duration};

use thiserror::Error;

use super::WireError;

/// Error of plugging a stick in or of waiting for it.
#[derive(Debug, Error)]
pub enum StickError {
    /// QEMU does not listen there.
    #[error("{}: cannot connect to QEMU's usb-redir socket", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// QEMU did not answer the hello.
    #[error("{}: expected QEMU's usbredir hello, got none", path.display())]
    Hello {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// QEMU violates the protocol.
    #[error("QEMU's usbredir")]
    Wire(#[from] WireError),
    /// The connection to QEMU broke.
    #[error("QEMU's usb-redir socket")]
    Redir(#[source] io::Error),
    /// QEMU has closed the connection.
    #[error("QEMU has closed its usb-redir socket")]
    Gone,
    /// QEMU does not read the disconnect.
    #[error("QEMU does not take the disconnect")]
    Stuck,
    /// No sockets can be watched.
    #[error("cannot wait for the stick's sockets")]
    Poll(#[source] nix::Error),
    /// No thread or socket pair could be made.
    #[error("cannot start the stick")]
    Start(#[source] io::Error),
    /// The stick has ended before.
    #[error("the stick has ended: {why}")]
    Ended {
        /// Why.
        why: String,
    },
    /// An expected event did not occur in time.
    #[error("expected {expected} within {bound:?}, heard {heard:?}")]
    TimedOut {
        /// What.
        expected: String,
        /// How long.
        bound: Duration,
        /// Last received commands.
        heard: Vec<String>,
    },
}
