//! Errors of opening a port and of dialling.

use std::{io, path::PathBuf};

use nix::errno::Errno;
use thiserror::Error;

use crate::{
    at::Counters,
    dial::{DialError, Step},
};

/// Reason why an attempt ended without [`Connected`](super::Connected).
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
    /// The port could not be configured.
    #[error("cannot {action}: {source}")]
    Configure {
        /// Request that failed.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The stick is gone, or its driver dropped the port.
    #[error("{step}: the port hung up")]
    HungUp {
        /// Step of the dialogue.
        step: Step,
        /// Counters of lines that could not be parsed.
        counters: Counters,
    },
    /// Reading, writing or a control line failed in the middle of the dialogue.
    #[error("{step}: cannot {action}: {source}")]
    Io {
        /// Step of the dialogue.
        step: Step,
        /// Request that failed.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
        /// Counters of lines that could not be parsed.
        counters: Counters,
    },
    /// The dialogue ended without `CONNECT`.
    #[error("{source}")]
    Dial {
        /// Reason.
        source: DialError,
        /// Counters of lines that could not be parsed.
        counters: Counters,
    },
}

impl DriverError {
    /// Returns the error of the dialogue, if it is one.
    pub fn dial(&self) -> Option<&DialError> {
        match self {
            Self::Dial { source, .. } => Some(source),
            Self::Open { .. } | Self::Configure { .. } | Self::HungUp { .. } | Self::Io { .. } => {
                None
            }
        }
    }

    /// Returns counters of lines that could not be parsed.
    pub fn counters(&self) -> Counters {
        match self {
            Self::Open { .. } | Self::Configure { .. } => Counters::default(),
            Self::HungUp { counters, .. }
            | Self::Io { counters, .. }
            | Self::Dial { counters, .. } => *counters,
        }
    }
}

/// Returns whether the error is one that a tty returns after a hang-up.
pub(super) fn is_hang_up(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EIO | Errno::ENXIO | Errno::ENODEV))
}
