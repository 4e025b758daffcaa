//! Negotiated options of LCP, IPCP and IPv6CP.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::config::AuthProtocol;

/// Link options of both directions after LCP opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LcpOptions {
    /// Options for frames from the peer.
    pub receive: Direction,
    /// Options for frames to the peer.
    pub send: Direction,
    /// Authentication that follows.
    pub auth: Option<AuthProtocol>,
}

impl LcpOptions {
    /// Returns the largest IP packet, in bytes, that fits in both directions.
    pub fn mtu(&self) -> u16 {
        self.receive.mru.min(self.send.mru)
    }
}

/// Options of one direction; the default is the state before LCP (RFC 1662, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Largest information field that the receiver accepts, in bytes.
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

/// Addresses negotiated by IPCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's address, if it announced one.
    pub peer: Option<Ipv4Addr>,
    /// Primary and secondary resolver, if the peer announced them.
    pub dns: [Option<Ipv4Addr>; 2],
}

/// Addresses negotiated by IPv6CP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    /// Our link-local address, from the interface identifier.
    pub local: Ipv6Addr,
    /// The peer's link-local address, if it announced its identifier.
    pub peer: Option<Ipv6Addr>,
}
