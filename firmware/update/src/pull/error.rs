//! Errors of a pull.

use std::{error::Error, io};

use failberry_service::{Link, pace::TooSlow};
use ureq::Timeout;

use crate::BundleError;

/// Nothing, or no more than a part, was fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    /// No link is both up and allowed.
    #[error(
        "{url}: no link to use: the wire has no cable, address or router, and the mobile link \
         {}", if *.over_mobile { "is down" } else { "is not allowed (update.over_mobile)" }
    )]
    NoLink {
        /// The bundle.
        url: String,
        /// Whether the carrier link would have been allowed.
        over_mobile: bool,
    },
    /// A phase timed out.
    #[error("{url} by {link}: timed out while {phase}")]
    TimedOut {
        /// The bundle.
        url: String,
        /// The link.
        link: Link,
        /// Name of the phase.
        phase: &'static str,
    },
    /// The body came too slowly.
    #[error("{url} by {link}: {slow}")]
    TooSlow {
        /// The bundle.
        url: String,
        /// The link.
        link: Link,
        /// The floor.
        slow: TooSlow,
    },
    /// The download as a whole, with all its attempts, was too slow.
    #[error("{url}: {slow}, at byte {at}; the last attempt: {last}")]
    Stalled {
        /// The bundle.
        url: String,
        /// Offset of the next byte.
        at: u64,
        /// The floor.
        slow: TooSlow,
        /// How the last attempt ended.
        last: String,
    },
    /// The connection failed.
    #[error("{url} by {link}: {reason}")]
    Transport {
        /// The bundle.
        url: String,
        /// The link.
        link: Link,
        /// Why.
        reason: String,
    },
    /// The server answered with another status.
    #[error("{url}: expected the bytes from {from} on, got status {status}")]
    Status {
        /// The bundle.
        url: String,
        /// Offset that was requested.
        from: u64,
        /// The server's status (RFC 9110, 15).
        status: u16,
    },
    /// The file is no bundle, or not one for this box.
    #[error("{url}: {source}")]
    Bundle {
        /// The bundle.
        url: String,
        /// Why.
        source: BundleError,
    },
}

impl PullError {
    /// Returns why an exchange over `link` failed.
    pub(super) fn of(url: &str, link: Link, error: ureq::Error) -> Self {
        let url = url.to_owned();
        match error {
            ureq::Error::Timeout(timeout) => Self::TimedOut {
                url,
                link,
                phase: phase(timeout),
            },
            ureq::Error::Other(other) => match other.downcast::<TooSlow>() {
                Ok(slow) => Self::TooSlow {
                    url,
                    link,
                    slow: *slow,
                },
                Err(other) => Self::Transport {
                    url,
                    link,
                    reason: other.to_string(),
                },
            },
            other => Self::Transport {
                url,
                link,
                reason: other.to_string(),
            },
        }
    }

    /// Returns why reading a body over `link` failed; the client wraps its own errors.
    pub(super) fn of_body(url: &str, link: Link, error: io::Error) -> Self {
        let is_wrapped = error
            .get_ref()
            .is_some_and(<dyn Error + Send + Sync>::is::<ureq::Error>);
        if !is_wrapped {
            return Self::of(url, link, ureq::Error::Io(error));
        }
        let inner = error.into_inner().and_then(|inner| inner.downcast().ok());
        let inner = inner.map_or(ureq::Error::ConnectionFailed, |error| *error);
        Self::of(url, link, inner)
    }

    /// Returns why a header could not be read over `link`.
    pub(super) fn of_header(url: &str, link: Link, error: BundleError) -> Self {
        match error {
            BundleError::Io(error) => Self::of_body(url, link, error),
            source => Self::Bundle {
                url: url.to_owned(),
                source,
            },
        }
    }

    /// Returns whether another attempt, perhaps over the other link, may succeed. A server's
    /// refusal and an unsuitable bundle are permanent.
    pub(super) const fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut { .. }
            | Self::TooSlow { .. }
            | Self::Transport { .. }
            | Self::NoLink { .. } => true,
            // Request Timeout and Too Many Requests (RFC 9110, RFC 6585), and server errors.
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::Stalled { .. } | Self::Bundle { .. } => false,
        }
    }
}

const fn phase(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Resolve => "looking up the name",
        Timeout::Connect => "connecting, or in the TLS handshake",
        Timeout::SendRequest | Timeout::SendBody | Timeout::PerWrite => "sending the request",
        Timeout::RecvResponse => "waiting for the head of the answer",
        Timeout::RecvBody | Timeout::PerRead => "waiting for more bytes",
        _ => "waiting",
    }
}
