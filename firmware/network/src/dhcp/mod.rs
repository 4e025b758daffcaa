//! DHCP client (RFC 2131) for one interface.
//!
//! [`Client`] decides: it takes in the cable's state, answers and time, and gives out messages to
//! send and the lease to use. [`Message`] is the wire format, [`datagram`] the IPv4 packet around
//! it while there is no address. The sockets are in `service`.
//!
//! A leased address is not probed by ARP before use (and so never declined): servers probe before
//! they offer, and a box that refuses its only address is unreachable.

mod client;
mod datagram;
mod lease;
mod message;
mod options;
mod random;
#[cfg(test)]
mod tests;
mod text;

pub use client::{Action, Client, Destination, Event, Identity};
pub use datagram::datagram;
pub use lease::{Lease, LeaseError};
pub use message::{DecodeError, Message, Op};
pub use options::{Kind, Options};
pub use random::Random;

/// UDP port of DHCP servers.
pub const SERVER_PORT: u16 = 67;
/// UDP port of DHCP clients.
pub const CLIENT_PORT: u16 = 68;
