//! The two links to the internet, and which of them a connection may use. Pure but for
//! [`Links::read`].
//!
//! While both links are up the kernel's default route goes by the carrier, so an ordinary socket
//! spends mobile data even where the wire works. A service that cares takes a [`Bearer`] from a
//! [`LinkPolicy`] and opens its sockets through it: [`Bearer::connect`], [`Bearer::look_up`] and
//! [`crate::http::agent_by`] are bound to that link's interface and ask that link's resolvers.

mod dns;
mod message;
mod socket;

use std::{fmt, net::Ipv4Addr};

use failberry_state::{NetworkState, UplinkState, read};

pub use dns::LookUpError;

/// The interface of the wired side.
const WIRE: &str = "eth0";

/// A link to the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// eth0 and the house's router.
    Wired,
    /// The mobile carrier; each byte may cost money.
    Carrier,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wired => "the wire",
            Self::Carrier => "the carrier link",
        })
    }
}

/// A link that is up, with what a socket needs to use it and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Which link it is.
    pub link: Link,
    /// Its network interface, for `SO_BINDTODEVICE`.
    pub interface: String,
    /// Its resolvers, in the order in which they are asked.
    pub resolvers: Vec<Ipv4Addr>,
}

/// Both links, as far as they are up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The wire: cable, address and router are there. The line behind the router may be dead.
    pub wired: Option<Bearer>,
    /// The carrier link: IPCP is open and the firewall stands.
    pub carrier: Option<Bearer>,
}

impl Links {
    /// Returns the links by the state files of `network` and `uplink`. A state that cannot be read
    /// counts as a link that is down.
    pub fn read() -> Self {
        Self::of(&read().unwrap_or_default(), &read().unwrap_or_default())
    }

    /// Returns the links by those states.
    pub fn of(network: &NetworkState, uplink: &UplinkState) -> Self {
        let wired = network
            .lan
            .as_ref()
            .filter(|lan| network.lan_carrier && lan.gateway.is_some())
            .map(|lan| Bearer {
                link: Link::Wired,
                interface: WIRE.into(),
                resolvers: lan.dns.clone(),
            });
        // `network` gives ppp0 its address and routes only while the firewall stands.
        let carrier = uplink
            .link
            .as_ref()
            .filter(|_| network.firewall)
            .map(|link| Bearer {
                link: Link::Carrier,
                interface: link.interface.clone(),
                resolvers: link.dns.clone(),
            });
        Self { wired, carrier }
    }
}

/// Which link a connection may use: the wire while it is up, else the carrier where that is
/// allowed, else none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkPolicy {
    /// Whether mobile data may be spent.
    pub over_mobile: bool,
}

impl LinkPolicy {
    /// Returns the link to use, or none where no link is both up and allowed.
    ///
    /// A link can be up and dead behind its first router. The caller passes the link that has just
    /// failed as `failed`; it is chosen again only where there is no other.
    pub fn choose(self, links: &Links, failed: Option<Link>) -> Option<&Bearer> {
        let carrier = links.carrier.as_ref().filter(|_| self.over_mobile);
        let allowed = [links.wired.as_ref(), carrier];
        let mut allowed = allowed.into_iter().flatten();
        let first = allowed.next()?;
        if Some(first.link) != failed {
            return Some(first);
        }
        Some(allowed.next().unwrap_or(first))
    }
}

#[cfg(test)]
mod tests {
    use failberry_state::{self as state, BootMillis, LanAddress};

    use super::*;

    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 1);
    const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 1);

    fn network() -> NetworkState {
        NetworkState {
            lan: Some(LanAddress {
                address: Ipv4Addr::new(192, 168, 88, 50),
                prefix: 24,
                gateway: Some(ROUTER),
                dns: vec![ROUTER],
                lease_seconds: None,
                since: BootMillis(0),
            }),
            lan_carrier: true,
            firewall: true,
            default_via: Some("ppp0".into()),
            last_error: None,
        }
    }

    fn uplink() -> UplinkState {
        UplinkState {
            link: Some(state::Link {
                interface: "ppp0".into(),
                local: Ipv4Addr::new(10, 112, 7, 5),
                peer: None,
                dns: vec![RESOLVER],
                mtu: 1500,
                since: BootMillis(0),
            }),
            ..UplinkState::default()
        }
    }

    fn chosen(over_mobile: bool, links: &Links, failed: Option<Link>) -> Option<Link> {
        let policy = LinkPolicy { over_mobile };
        policy.choose(links, failed).map(|bearer| bearer.link)
    }

    #[test]
    fn links_that_are_up_have_interface_and_resolvers() {
        let links = Links::of(&network(), &uplink());
        let wired = links.wired.unwrap();
        assert_eq!(
            (wired.interface.as_str(), wired.resolvers),
            ("eth0", vec![ROUTER])
        );
        let carrier = links.carrier.unwrap();
        assert_eq!(
            (carrier.interface.as_str(), carrier.resolvers),
            ("ppp0", vec![RESOLVER])
        );
    }

    #[test]
    fn wire_without_cable_address_or_router_is_down() {
        let no_cable = NetworkState {
            lan_carrier: false,
            ..network()
        };
        let no_address = NetworkState {
            lan: None,
            ..network()
        };
        let mut no_router = network();
        no_router.lan.as_mut().unwrap().gateway = None;
        for state in [no_cable, no_address, no_router] {
            assert_eq!(Links::of(&state, &uplink()).wired, None, "{state:?}");
        }
    }

    #[test]
    fn carrier_without_call_or_firewall_is_down() {
        let no_firewall = NetworkState {
            firewall: false,
            ..network()
        };
        assert_eq!(Links::of(&no_firewall, &uplink()).carrier, None);
        let no_call = UplinkState::default();
        assert_eq!(Links::of(&network(), &no_call).carrier, None);
    }

    #[test]
    fn wire_is_chosen_while_the_default_route_is_ppp0() {
        let links = Links::of(&network(), &uplink());
        assert_eq!(chosen(false, &links, None), Some(Link::Wired));
        assert_eq!(chosen(true, &links, None), Some(Link::Wired));
    }

    #[test]
    fn carrier_is_chosen_only_where_allowed() {
        let links = Links {
            wired: None,
            ..Links::of(&network(), &uplink())
        };
        assert_eq!(chosen(false, &links, None), None);
        assert_eq!(chosen(true, &links, None), Some(Link::Carrier));
        assert_eq!(chosen(true, &Links::default(), None), None);
    }

    #[test]
    fn link_that_failed_gives_way_to_the_other() {
        let links = Links::of(&network(), &uplink());
        let wired = Some(Link::Wired);
        assert_eq!(chosen(true, &links, wired), Some(Link::Carrier));
        assert_eq!(chosen(true, &links, Some(Link::Carrier)), wired);
        // Mobile data is not spent for a dead wire where that is not allowed.
        assert_eq!(chosen(false, &links, wired), wired);
        let carrier_alone = Links {
            wired: None,
            ..links
        };
        let carrier = Some(Link::Carrier);
        assert_eq!(chosen(true, &carrier_alone, carrier), carrier);
    }
}
