//! Reasons for the end of a link.

use super::phase::Phase;
use super::protocol::Protocol;
use super::text::Text;

/// Reason why a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The peer sent an LCP Terminate-Request, with this text.
    #[error("the peer ended the call{}{}", colon(.0), .0)]
    PeerTerminated(Text),
    /// The peer refused our name and password, or failed to prove its own.
    #[error("authentication failed{}{}", colon(.0), .0)]
    AuthFailed(Text),
    /// No agreement in time.
    #[error("no agreement in time, in phase {phase}")]
    NegotiationTimeout {
        /// Phase reached.
        phase: Phase,
    },
    /// Both ends kept answering without agreement.
    #[error("{protocol} options were never agreed")]
    NoAgreement {
        /// The protocol in which they disagreed.
        protocol: Protocol,
    },
    /// Our own frames come back: the line is looped, or a modem in command mode echoes them.
    #[error("the line echoes our own frames")]
    LoopDetected,
    /// The peer refused a protocol or an option that is required.
    #[error("the peer refused {protocol}{}{}", if .option.is_some() { " option " } else { "" }, .option.map_or(Num(None), |n| Num(Some(n))))]
    Refused {
        /// The protocol, or the protocol of the option.
        protocol: Protocol,
        /// The option's number.
        option: Option<u8>,
    },
    /// The peer closed the network protocol and left the link without any.
    #[error("the peer closed {protocol}")]
    NetworkClosed {
        /// The protocol that was closed last.
        protocol: Protocol,
    },
    /// The configured number of echo requests got no answer.
    #[error("{unanswered} echo requests without answer")]
    EchoTimeout {
        /// Consecutive requests.
        unanswered: u32,
    },
    /// The line went down.
    #[error("the line went down")]
    LowerDown,
    /// Closed on request.
    #[error("closed as asked")]
    Closed,
}

fn colon(text: &Text) -> &'static str {
    if text.is_empty() { "" } else { ": " }
}

struct Num(Option<u8>);

impl core::fmt::Display for Num {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |number| write!(f, "{number}"))
    }
}
