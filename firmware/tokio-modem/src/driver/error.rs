//! Why there is no port, or no call.

use std::{io, path::PathBuf};

use nix::errno::Errno;
use thiserror::Error;

use crate::{
    at::Counters,
    dial::{DialError, Step},
};

/// The end of an attempt without [`Online`](super::Online).
#[derive(Debug, Error)]
pub enum DriverError {
    /// The port's device node could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The device node.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The port could not be made ready.
    #[error("cannot {action}: {source}")]
    Configure {
        /// What was asked for.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The stick is gone, or its driver dropped the port.
    #[error("{step}: the port hung up")]
    HungUp {
        /// Where.
        step: Step,
        /// Lines that made no sense until then.
        counters: Counters,
    },
    /// Reading, writing or a control line failed in the middle of the dialogue.
    #[error("{step}: cannot {action}: {source}")]
    Io {
        /// Where.
        step: Step,
        /// What was asked for.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
        /// Lines that made no sense until then.
        counters: Counters,
    },
    /// The dialogue came to its end without `CONNECT`.
    #[error("{source}")]
    Dial {
        /// Why.
        source: DialError,
        /// Lines that made no sense until then.
        counters: Counters,
    },
}

impl DriverError {
    /// The dialogue's own error, where it had one.
    pub fn dial(&self) -> Option<&DialError> {
        match self {
            Self::Dial { source, .. } => Some(source),
            Self::Open { .. } | Self::Configure { .. } | Self::HungUp { .. } | Self::Io { .. } => {
                None
            }
        }
    }

    /// Lines from the stick that made no sense.
    pub fn counters(&self) -> Counters {
        match self {
            Self::Open { .. } | Self::Configure { .. } => Counters::default(),
            Self::HungUp { counters, .. }
            | Self::Io { counters, .. }
            | Self::Dial { counters, .. } => *counters,
        }
    }
}

/// What a tty says of itself after a hang-up.
pub(super) fn is_hang_up(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EIO | Errno::ENXIO | Errno::ENODEV))
}
