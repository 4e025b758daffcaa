//! PPP control protocols of one link, without I/O: LCP, PAP, CHAP-MD5, IPCP and IPv6CP.
//!
//! Owns the negotiation, the authentication and the echo requests. Takes in frames (protocol number
//! and information field, as `/dev/ppp` and [`crate::hdlc`] deliver them), the state of the line and
//! the time; gives out frames to send, the negotiated options, a deadline, and at the end a typed
//! reason. It allocates nothing. IP packets bypass it, in the kernel.
//!
//! Each phase and the whole negotiation are bounded by time alone: [`Config::negotiation_limit`] and
//! [`PhaseLimits`]. Answers to any request that is still open count, however late. Where the RFCs
//! leave a choice, `docs/ppp-interoperability.md` says what the engine does, what pppd does and why.
//!
//! ```
//! use tokio_modem::ppp::{Config, Engine, Event, Output};
//!
//! let mut engine = Engine::new(Config::default(), 0x5eed_0f_5eed, 0);
//! engine.handle(Event::Open, 0);
//! engine.handle(Event::LowerUp, 0);
//! let mut sent = 0;
//! while let Some(output) = engine.poll_output() {
//!     if let Output::Send(frame, _via) = output {
//!         assert_eq!(frame[..2], [0xc0, 0x21]);
//!         sent += 1;
//!     }
//! }
//! assert_eq!(sent, 1);
//! assert_eq!(engine.next_deadline(), Some(3_000));
//! ```

mod acknowledged;
mod authenticatee;
mod authenticator;
mod automaton;
mod chap;
mod config;
mod control_protocol;
mod counters;
mod dispatch;
mod echo;
mod engine;
mod ids;
mod ipcp;
mod ipv6cp;
mod lcp;
mod negotiated;
mod negotiator;
mod outbox;
mod packet;
mod pap;
mod phase;
mod protocol;
mod random;
mod reason;
#[cfg(test)]
mod tests;
mod text;

pub use config::{
    AuthProtocol, Config, Credentials, CredentialsError, Echo, Offer, PhaseLimits, Role,
};
pub use counters::{Counters, Fault, Malformed};
pub use engine::{Engine, Event};
pub use negotiated::{Direction, Ipv4, Ipv6, LcpOptions};
pub use outbox::{Output, Via};
pub use phase::Phase;
pub use protocol::Protocol;
pub use reason::Reason;
pub use text::Text;

/// Largest information field, in bytes, that the engine reads or writes: the MRU every
/// implementation must take (RFC 1661, section 6.1).
pub const MAX_INFORMATION: usize = 1500;

/// Largest frame: protocol number and information field.
pub const MAX_FRAME: usize = MAX_INFORMATION + 2;
