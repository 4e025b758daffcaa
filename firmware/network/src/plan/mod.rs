//! Which addresses, routes, rules and resolvers the present calls for.
//!
//! Takes in how both links stand; gives out the whole of what should be set ([`Plan`]), and what
//! to change where something else is set now ([`diff`]). Nothing here talks to the kernel.

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

/// Table for answers to what came in by the wire.
pub const LAN_TABLE: u32 = 101;
/// Table for answers to what came in by the carrier link.
pub const CARRIER_TABLE: u32 = 102;
/// `RT_TABLE_MAIN`.
const MAIN_TABLE: u32 = 254;

/// The least wins: whatever the wire offers, the carrier link is the way out while it is up. A
/// box whose own traffic took the wire would not notice that its carrier is dead.
const CARRIER_METRIC: u32 = 100;
const WIRE_METRIC: u32 = 200;
/// Behind any real route of an answers' table: an answer that cannot go the way its question
/// came goes nowhere, or it would leave by the other link with a source that is not its own.
const LAST_METRIC: u32 = 4_000_000_000;

/// Before the main table (32766), with room on both sides.
const LAN_RULE: u32 = 1001;
const CARRIER_RULE: u32 = 1002;

/// How the links stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The wire, once it has an address.
    pub lan: Option<Lan>,
    /// The carrier link, while it is open and the firewall stands.
    pub carrier: Option<Carrier>,
}

/// The wire's side.
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

/// The carrier's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The interface's number.
    pub interface: u32,
    /// Our address.
    pub local: Ipv4Addr,
    /// The other end's, where it told one.
    pub peer: Option<Ipv4Addr>,
    /// Resolvers.
    pub dns: Vec<Ipv4Addr>,
}

/// All that should be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Addresses on both interfaces.
    pub addresses: Vec<Address>,
    /// Routes of ours.
    pub routes: Vec<Route>,
    /// Rules of ours.
    pub rules: Vec<PolicyRule>,
    /// Text of `resolv.conf`.
    pub resolv: String,
    /// Interface of the default route.
    pub default_via: Option<&'static str>,
}

impl Plan {
    /// What `links` calls for.
    pub fn new(links: &Links) -> Self {
        let mut plan = Self {
            routes: [LAN_TABLE, CARRIER_TABLE]
                .map(|table| everywhere(table, LAST_METRIC, Via::Unreachable))
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
            plan.wire(lan);
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

    /// With the cable out the address stays, so that it need not be learnt anew; its routes would
    /// only lead packets into nothing.
    fn wire(&mut self, lan: &Lan) {
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
        // The main table's is the kernel's own.
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
            self.routes.push(everywhere(MAIN_TABLE, WIRE_METRIC, via));
            self.routes.push(everywhere(LAN_TABLE, WIRE_METRIC, via));
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
            .push(everywhere(MAIN_TABLE, CARRIER_METRIC, via));
        self.routes
            .push(everywhere(CARRIER_TABLE, CARRIER_METRIC, via));
        self.default_via = Some(CARRIER);
    }
}

const fn everywhere(table: u32, metric: u32, via: Via) -> Route {
    Route {
        table,
        destination: None,
        metric,
        via,
    }
}

/// What leads from one set of things to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff<T> {
    /// To take away, first.
    pub remove: Vec<T>,
    /// To set, then.
    pub add: Vec<T>,
}

impl<T> Diff<T> {
    /// Whether nothing is to do.
    pub const fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}

/// What to do to the things `present` so that they are those `desired`.
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

/// The same for routes: one that takes the place of another with the same key needs no removal,
/// and so leaves no moment without either.
pub fn diff_routes(desired: &[Route], present: &[Route]) -> Diff<Route> {
    let mut diff = diff(desired, present);
    let added: Vec<_> = diff.add.iter().map(Route::key).collect();
    diff.remove.retain(|route| !added.contains(&route.key()));
    diff
}
