//! A DHCP client (RFC 2131) for one interface.
//!
//! [`Client`] decides: it takes in the cable, answers and time, and gives out messages to send and
//! the lease to use. [`Message`] is the wire's form, [`datagram`] what goes around it where there
//! is no address yet. Sockets belong to the service.
//!
//! A leased address is not probed by ARP before use (and so never declined): servers probe before
//! they offer, and a box that refuses its only address can be reached by nobody.

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

/// UDP port of servers.
pub const SERVER_PORT: u16 = 67;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 68;
