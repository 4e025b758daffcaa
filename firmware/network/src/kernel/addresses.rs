//! IPv4 addresses of interfaces.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE, Parseable};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeader, AddressMessage},
};

use super::{Netlink, NetlinkError};

/// An address on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Interface index.
    pub interface: u32,
    /// The address.
    pub local: Ipv4Addr,
    /// Peer address of a point-to-point link.
    pub peer: Option<Ipv4Addr>,
    /// Length of the prefix in bits; the peer's if there is one.
    pub prefix: u8,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{} peer {peer}/{}", self.local, self.prefix),
            None => write!(f, "{}/{}", self.local, self.prefix),
        }
    }
}

/// Returns the IPv4 addresses of all interfaces.
///
/// # Errors
/// The kernel's refusal.
pub fn list(netlink: &mut Netlink) -> Result<Vec<Address>, NetlinkError> {
    let mut all = AddressMessage::default();
    all.header.family = AddressFamily::Inet;
    let found = netlink.dump(RouteNetlinkMessage::GetAddress(all), "listing addresses")?;
    let parsed = found
        .iter()
        .filter_map(|one| AddressMessage::parse(&one.payload).ok());
    Ok(parsed
        .filter_map(|message| from_message(&message))
        .collect())
}

/// Adds an address.
///
/// # Errors
/// The kernel's refusal.
pub fn add(netlink: &mut Netlink, address: &Address) -> Result<(), NetlinkError> {
    let message = RouteNetlinkMessage::NewAddress(to_message(address));
    netlink.change(
        message,
        NLM_F_CREATE | NLM_F_REPLACE,
        format!("setting address {address}"),
    )
}

/// Removes an address.
///
/// # Errors
/// The kernel's refusal.
pub fn remove(netlink: &mut Netlink, address: &Address) -> Result<(), NetlinkError> {
    let message = RouteNetlinkMessage::DelAddress(to_message(address));
    netlink.change(message, 0, format!("removing address {address}"))
}

fn to_message(address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header = AddressHeader {
        family: AddressFamily::Inet,
        prefix_len: address.prefix,
        index: address.interface,
        ..AddressHeader::default()
    };
    message.attributes = vec![
        AddressAttribute::Local(address.local.into()),
        AddressAttribute::Address(address.peer.unwrap_or(address.local).into()),
    ];
    // The broadcast address of a shared network is its last one (RFC 919).
    if address.peer.is_none() && address.prefix < 31 {
        let hosts = u32::MAX.checked_shr(address.prefix.into()).unwrap_or(0);
        let everybody = Ipv4Addr::from(u32::from(address.local) | hosts);
        message
            .attributes
            .push(AddressAttribute::Broadcast(everybody));
    }
    message
}

fn from_message(message: &AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut peer = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => local = Some(*address),
            AddressAttribute::Address(IpAddr::V4(address)) => peer = Some(*address),
            _ => {}
        }
    }
    let local = local.or(peer)?;
    Some(Address {
        interface: message.header.index,
        local,
        peer: peer.filter(|peer| *peer != local),
        prefix: message.header.prefix_len,
    })
}
