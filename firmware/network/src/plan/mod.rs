//! Routing plan: the addresses, routes, rules and resolvers for the present links. Pure.
//!
//! Takes in the state of both links; gives out the desired state ([`Plan`]), and the changes from
//! the present one ([`diff`]). Nothing here talks to the kernel.

mod history;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use crate::{
    CARRIER, CARRIER_MARK, LAN, LAN_MARK,
    kernel::{
        addresses::Address,
        routes::{Route, Via},
        rules::PolicyRule,
    },
    resolv,
};

pub use history::AddressHistory;

/// Routing table for replies on connections that came in by the LAN.
pub const LAN_TABLE: u32 = 101;
/// Routing table for replies on connections that came in by the carrier link.
pub const CARRIER_TABLE: u32 = 102;
/// `RT_TABLE_MAIN`.
const MAIN_TABLE: u32 = 254;

/// Metrics of the default routes; the lowest wins. Whatever the LAN offers, the carrier link is the
/// default while it is up: a box whose own traffic took the LAN would not notice that its carrier
/// is dead.
const CARRIER_METRIC: u32 = 100;
const LAN_METRIC: u32 = 200;
/// Metric of the unreachable fallback of a reply table, behind any real route. Without it a reply
/// that cannot use its interface would leave by the other one with a foreign source address.
const FALLBACK_METRIC: u32 = 4_000_000_000;

/// Priorities of the policy rules: before the main table (32766), with room on both sides.
const LAN_RULE: u32 = 1001;
const CARRIER_RULE: u32 = 1002;

/// State of the links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The LAN, once it has an address.
    pub lan: Option<Lan>,
    /// The carrier link, while it is open and the firewall is installed.
    pub carrier: Option<Carrier>,
}

/// State of the LAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lan {
    /// The interface's number.
    pub interface: u32,
    /// Whether its cable is in.
    pub cable: bool,
    /// Our address.
    pub address: Ipv4Addr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
    /// The router.
    pub gateway: Option<Ipv4Addr>,
    /// Resolvers.
    pub dns: Vec<Ipv4Addr>,
}

/// State of the carrier link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The interface's number.
    pub interface: u32,
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's address, if it sent one.
    pub peer: Option<Ipv4Addr>,
    /// Resolvers.
    pub dns: Vec<Ipv4Addr>,
}

/// Desired state of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Addresses on both interfaces.
    pub addresses: Vec<Address>,
    /// Routes with our protocol number.
    pub routes: Vec<Route>,
    /// Rules with our protocol number.
    pub rules: Vec<PolicyRule>,
    /// Text of `resolv.conf`.
    pub resolv: String,
    /// Interface of the default route.
    pub default_via: Option<&'static str>,
}

impl Plan {
    /// Computes the plan for `links`.
    pub fn new(links: &Links) -> Self {
        let mut plan = Self {
            routes: [LAN_TABLE, CARRIER_TABLE]
                .map(|table| default_route(table, FALLBACK_METRIC, Via::Unreachable))
                .to_vec(),
            rules: vec![
                PolicyRule {
                    priority: LAN_RULE,
                    mark: LAN_MARK,
                    table: LAN_TABLE,
                },
                PolicyRule {
                    priority: CARRIER_RULE,
                    mark: CARRIER_MARK,
                    table: CARRIER_TABLE,
                },
            ],
            ..Self::default()
        };
        if let Some(lan) = &links.lan {
            plan.add_lan(lan);
        }
        if let Some(carrier) = &links.carrier {
            plan.carrier(carrier);
        }
        let carrier_dns = links
            .carrier
            .as_ref()
            .map_or(&[][..], |carrier| &carrier.dns);
        let lan_dns = links
            .lan
            .as_ref()
            .filter(|lan| lan.cable)
            .map_or(&[][..], |lan| &lan.dns);
        plan.resolv = resolv::text(carrier_dns, lan_dns);
        plan
    }

    /// Adds the LAN's address, and its routes if the cable is in. Without cable the address stays,
    /// so that it need not be acquired again; its routes would only discard packets.
    fn add_lan(&mut self, lan: &Lan) {
        let &Lan {
            interface,
            address,
            prefix,
            ..
        } = lan;
        self.addresses.push(Address {
            interface,
            local: address,
            peer: None,
            prefix,
        });
        if !lan.cable {
            return;
        }
        let mask = u32::MAX
            .checked_shl(32 - u32::from(prefix.min(32)))
            .unwrap_or(0);
        let network = Ipv4Addr::from(u32::from(address) & mask);
        // The kernel adds the one in the main table itself.
        self.routes.push(Route {
            table: LAN_TABLE,
            destination: Some((network, prefix)),
            metric: 0,
            via: Via::Interface {
                interface,
                source: address,
            },
        });
        if let Some(router) = lan.gateway {
            let via = Via::Router {
                router,
                interface,
                source: address,
            };
            self.routes.push(default_route(MAIN_TABLE, LAN_METRIC, via));
            self.routes.push(default_route(LAN_TABLE, LAN_METRIC, via));
            self.default_via = Some(LAN);
        }
    }

    fn carrier(&mut self, carrier: &Carrier) {
        let &Carrier {
            interface, local, ..
        } = carrier;
        // Some carriers give both ends one address.
        let peer = carrier.peer.filter(|peer| *peer != local);
        self.addresses.push(Address {
            interface,
            local,
            peer,
            prefix: 32,
        });
        let via = Via::Interface {
            interface,
            source: local,
        };
        self.routes
            .push(default_route(MAIN_TABLE, CARRIER_METRIC, via));
        self.routes
            .push(default_route(CARRIER_TABLE, CARRIER_METRIC, via));
        self.default_via = Some(CARRIER);
    }
}

const fn default_route(table: u32, metric: u32, via: Via) -> Route {
    Route {
        table,
        destination: None,
        metric,
        via,
    }
}

/// Difference between two sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff<T> {
    /// Items to remove, first.
    pub remove: Vec<T>,
    /// Items to add, afterwards.
    pub add: Vec<T>,
}

impl<T> Diff<T> {
    /// Returns whether the sets are equal.
    pub const fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}

/// Computes the changes from `present` to `desired`.
pub fn diff<T: Clone + PartialEq>(desired: &[T], present: &[T]) -> Diff<T> {
    let missing_in = |list: &[T], other: &[T]| {
        list.iter()
            .filter(|one| !other.contains(one))
            .cloned()
            .collect::<Vec<_>>()
    };
    Diff {
        remove: missing_in(present, desired),
        add: missing_in(desired, present),
    }
}

/// Computes the changes of routes. A route that replaces another with the same key needs no
/// removal, and so leaves no moment without either.
pub fn diff_routes(desired: &[Route], present: &[Route]) -> Diff<Route> {
    let mut diff = diff(desired, present);
    let added: Vec<_> = diff.add.iter().map(Route::key).collect();
    diff.remove.retain(|route| !added.contains(&route.key()));
    diff
}
