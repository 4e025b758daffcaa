//! What can go wrong with a stick.

use std::{io, path::PathBuf, time::Duration};

use thiserror::Error;

use super::WireError;

/// Why there is no stick, or not what was waited for.
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
    /// QEMU does not keep to the protocol.
    #[error("QEMU's usbredir")]
    Wire(#[from] WireError),
    /// The connection to QEMU broke.
    #[error("QEMU's usb-redir socket")]
    Redir(#[source] io::Error),
    /// QEMU has closed the connection.
    #[error("QEMU has closed its usb-redir socket")]
    Gone,
    /// QEMU does not read any more.
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
    /// Something that was waited for did not come.
    #[error("expected {expected} within {bound:?}, heard {heard:?}")]
    TimedOut {
        /// What.
        expected: String,
        /// How long.
        bound: Duration,
        /// The last commands that did come.
        heard: Vec<String>,
    },
}
