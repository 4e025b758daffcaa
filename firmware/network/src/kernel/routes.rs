//! IPv4 routes. Ours carry their own protocol number, so that those of an earlier process of this
//! service are recognised, and those of others are left alone.

use std::{fmt, net::Ipv4Addr};

use failberry_config::Cidr;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE, Parseable};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol,
        RouteScope, RouteType,
    },
};

use super::{Netlink, NetlinkError};

/// Our protocol number, free among the kernel's `RTPROT_*`, which identify the program that set a
/// route or a rule.
pub const PROTOCOL: RouteProtocol = RouteProtocol::Other(0xFB);

/// Route with our protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Routing table.
    pub table: u32,
    /// Destination network; none for a default route.
    pub destination: Option<(Ipv4Addr, u8)>,
    /// Metric: among routes to the same network in one table the lowest wins.
    pub metric: u32,
    /// Next hop.
    pub via: Via,
}

/// Next hop of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// A router, reached from this address of ours.
    Router {
        /// The router.
        router: Ipv4Addr,
        /// Index of its interface.
        interface: u32,
        /// Our address there.
        source: Ipv4Addr,
    },
    /// Directly out of this interface, from this address of ours.
    Interface {
        /// Interface index.
        interface: u32,
        /// Our address there.
        source: Ipv4Addr,
    },
    /// None: the sender gets "destination unreachable".
    Unreachable,
}

impl Route {
    /// Returns what identifies a route within the kernel: table, destination, metric.
    pub const fn key(&self) -> (u32, Option<(Ipv4Addr, u8)>, u32) {
        (self.table, self.destination, self.metric)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.destination {
            Some((address, prefix)) => write!(f, "{}", Cidr { address, prefix })?,
            None => f.write_str("default")?,
        }
        match self.via {
            Via::Router {
                router, interface, ..
            } => {
                write!(f, " via {router} on interface {interface}")?;
            }
            Via::Interface { interface, .. } => write!(f, " on interface {interface}")?,
            Via::Unreachable => f.write_str(" unreachable")?,
        }
        write!(f, " metric {} in table {}", self.metric, self.table)
    }
}

/// Returns our routes in all tables.
///
/// # Errors
/// The kernel's refusal.
pub fn list(netlink: &mut Netlink) -> Result<Vec<Route>, NetlinkError> {
    let mut all = RouteMessage::default();
    all.header.address_family = AddressFamily::Inet;
    let found = netlink.dump(RouteNetlinkMessage::GetRoute(all), "listing routes")?;
    let parsed = found
        .iter()
        .filter_map(|one| RouteMessage::parse(&one.payload).ok());
    Ok(parsed
        .filter_map(|message| from_message(&message))
        .collect())
}

/// Adds a route, or replaces one with the same key.
///
/// # Errors
/// The kernel's refusal.
pub fn add(netlink: &mut Netlink, route: &Route) -> Result<(), NetlinkError> {
    let message = RouteNetlinkMessage::NewRoute(to_message(route));
    netlink.change(
        message,
        NLM_F_CREATE | NLM_F_REPLACE,
        format!("setting route {route}"),
    )
}

/// Removes a route.
///
/// # Errors
/// The kernel's refusal.
pub fn remove(netlink: &mut Netlink, route: &Route) -> Result<(), NetlinkError> {
    let message = RouteNetlinkMessage::DelRoute(to_message(route));
    netlink.change(message, 0, format!("removing route {route}"))
}

fn to_message(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: AddressFamily::Inet,
        destination_prefix_length: route.destination.map_or(0, |(_, prefix)| prefix),
        // Table numbers above 255 do not fit and go into the attribute alone.
        table: u8::try_from(route.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC),
        protocol: PROTOCOL,
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Table(route.table),
        RouteAttribute::Priority(route.metric),
    ];
    if let Some((network, _)) = route.destination {
        message
            .attributes
            .push(RouteAttribute::Destination(network.into()));
    }
    match route.via {
        Via::Router {
            router,
            interface,
            source,
        } => {
            // Some networks have their router outside the leased prefix; it is reachable all the
            // same.
            message.header.flags = RouteFlags::Onlink;
            message.attributes.extend([
                RouteAttribute::Gateway(router.into()),
                RouteAttribute::Oif(interface),
                RouteAttribute::PrefSource(source.into()),
            ]);
        }
        Via::Interface { interface, source } => {
            message.header.scope = RouteScope::Link;
            message.attributes.extend([
                RouteAttribute::Oif(interface),
                RouteAttribute::PrefSource(source.into()),
            ]);
        }
        Via::Unreachable => message.header.kind = RouteType::Unreachable,
    }
    message
}

fn from_message(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    if header.protocol != PROTOCOL {
        return None;
    }
    let mut table = u32::from(header.table);
    let (mut metric, mut network) = (0, None);
    let (mut router, mut interface, mut source) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::Destination(RouteAddress::Inet(address)) => network = Some(*address),
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => router = Some(*address),
            RouteAttribute::Oif(number) => interface = Some(*number),
            RouteAttribute::PrefSource(RouteAddress::Inet(address)) => source = Some(*address),
            _ => {}
        }
    }
    // A route of ours without a source is from another version; its odd source makes it differ, and
    // so it is replaced.
    let source = source.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let via = match (header.kind, router, interface) {
        (RouteType::Unicast, Some(router), Some(interface)) => Via::Router {
            router,
            interface,
            source,
        },
        (RouteType::Unicast, None, Some(interface)) => Via::Interface { interface, source },
        _ => Via::Unreachable,
    };
    let destination = network.map(|address| (address, header.destination_prefix_length));
    Some(Route {
        table,
        destination,
        metric,
        via,
    })
}
