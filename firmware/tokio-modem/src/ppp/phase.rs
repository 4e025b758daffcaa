//! Phases of a PPP link (RFC 1661, section 3.2).

use core::fmt;

/// Phase of a PPP link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No lower layer, or the link has ended.
    Dead,
    /// LCP is negotiating.
    Establish,
    /// LCP is open; authentication is running.
    Authenticate,
    /// The network protocols are negotiating or open.
    Network,
    /// LCP is closing.
    Terminate,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dead => "dead",
            Self::Establish => "establish",
            Self::Authenticate => "authenticate",
            Self::Network => "network",
            Self::Terminate => "terminate",
        })
    }
}
