//! What was agreed.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::config::AuthProtocol;

/// The link options of both directions after LCP opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LcpOptions {
    /// What the peer may do when it sends to us.
    pub receive: Direction,
    /// What we may do when we send to the peer.
    pub send: Direction,
    /// Authentication that will follow.
    pub auth: Option<AuthProtocol>,
}

impl LcpOptions {
    /// Largest IP packet in bytes that fits both ways.
    pub fn mtu(&self) -> u16 {
        self.receive.mru.min(self.send.mru)
    }
}

/// The options of one direction; the default is the state before LCP (RFC 1662, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Largest information field that the receiver takes, in bytes.
    pub mru: u16,
    /// Control characters that the sender must escape.
    pub accm: u32,
    /// Whether the protocol number may be one octet.
    pub pfc: bool,
    /// Whether address and control octets may be missing.
    pub acfc: bool,
    /// The receiver's magic number.
    pub magic: Option<u32>,
}

impl Default for Direction {
    fn default() -> Self {
        Self {
            mru: 1500,
            accm: u32::MAX,
            pfc: false,
            acfc: false,
            magic: None,
        }
    }
}

/// What IPCP agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's address, where it told one.
    pub peer: Option<Ipv4Addr>,
    /// Resolvers, primary and secondary, where the peer named some.
    pub dns: [Option<Ipv4Addr>; 2],
}

/// What IPv6CP agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    /// Our link-local address, from the interface identifier.
    pub local: Ipv6Addr,
    /// The peer's link-local address, where it told its identifier.
    pub peer: Option<Ipv6Addr>,
}
