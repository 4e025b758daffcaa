//! Which tracked connections a change of addresses has made useless. Pure.
//!
//! A connection keeps the translation that its first packet got. After an address of ours has
//! changed, a connection made under the old one sends from an address that is not ours any more,
//! for as long as either end keeps talking; all other connections are none of the change's
//! business.

use std::net::Ipv4Addr;

use failberry_config::Cidr;

/// Source and destination of the packets that go one way through a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where they come from.
    pub source: Ipv4Addr,
    /// Where they go.
    pub destination: Ipv4Addr,
}

/// A tracked IPv4 connection, as far as it is decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The way its first packet went, before any translation.
    pub original: Ends,
    /// The other way: to our address, where the source was translated.
    pub reply: Ends,
    /// Whether its source was replaced by an address of ours (`IPS_SRC_NAT`).
    pub source_translated: bool,
    /// Whether it came in to an address of ours and was forwarded (`IPS_DST_NAT`).
    pub destination_translated: bool,
}

/// The last address of each link, whether it has it now or not: it may get the same one back. None
/// where it is not known, and then nothing is judged by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ours {
    /// The wire's.
    pub lan: Option<Ipv4Addr>,
    /// The carrier link's.
    pub carrier: Option<Ipv4Addr>,
}

/// A filter for the connections to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Addresses that were ours and were replaced.
    gone: Vec<Ipv4Addr>,
    ours: Ours,
    /// The wire's address and network, while the carrier link is the way out.
    bypassed: Option<Cidr>,
}

impl Stale {
    /// A filter for connections that use an address in `gone`, or are translated to another than
    /// the link's in `ours`. With `bypassed` also for this machine's own connections that began on
    /// that network and lead beyond it: they would leave by the other link, untranslated.
    pub fn new(gone: Vec<Ipv4Addr>, ours: Ours, bypassed: Option<Cidr>) -> Self {
        let mut stale = Self {
            gone,
            ours,
            bypassed,
        };
        stale.settle();
        stale
    }

    /// The filter for both changes, where the sweep for `earlier` has not been finished.
    #[must_use]
    pub fn after(mut self, earlier: Self) -> Self {
        self.gone.extend(earlier.gone);
        self.settle();
        self
    }

    /// An address that came back is not gone.
    fn settle(&mut self) {
        let ours = [self.ours.lan, self.ours.carrier];
        self.gone.retain(|address| !ours.contains(&Some(*address)));
        self.gone.sort_unstable();
        self.gone.dedup();
    }

    /// The addresses that were replaced, ascending.
    pub fn gone(&self) -> &[Ipv4Addr] {
        &self.gone
    }

    /// Returns whether `connection` has to go.
    pub fn takes(&self, connection: &Connection) -> bool {
        let Connection {
            original, reply, ..
        } = *connection;
        let ends = [original.source, original.destination, reply.destination];
        let uses_gone = ends.iter().any(|end| self.gone.contains(end));
        uses_gone || self.is_mistranslated(connection) || self.is_bypassed(connection)
    }

    /// The rules translate two kinds of connection: those that leave by the carrier link get its
    /// address, and those forwarded from it to the LAN get the wire's.
    fn is_mistranslated(&self, connection: &Connection) -> bool {
        let other = |address, ours: Option<_>| ours.is_some_and(|ours| ours != address);
        let masked = connection.reply.destination;
        match (
            connection.destination_translated,
            connection.source_translated,
        ) {
            (false, false) => false,
            (false, true) => other(masked, self.ours.carrier),
            (true, masquerade) => {
                other(connection.original.destination, self.ours.carrier)
                    || masquerade && other(masked, self.ours.lan)
            }
        }
    }

    fn is_bypassed(&self, connection: &Connection) -> bool {
        let Connection {
            original, reply, ..
        } = *connection;
        self.bypassed.is_some_and(|wire| {
            !connection.source_translated
                && original.source == wire.address
                && reply.destination == wire.address
                && !contains(wire, original.destination)
        })
    }
}

/// Whether `address` is in the network of `net`.
fn contains(net: Cidr, address: Ipv4Addr) -> bool {
    let differing = u32::from(net.address) ^ u32::from(address);
    differing.leading_zeros() >= u32::from(net.prefix)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    const WIRE: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 50);
    const CARRIER: Ipv4Addr = Ipv4Addr::new(10, 112, 7, 5);
    const OLD: Ipv4Addr = Ipv4Addr::new(10, 112, 7, 4);
    const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 20);
    const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

    /// From `source` to `destination`, with the source translated to `masked`.
    fn outbound(source: Ipv4Addr, destination: Ipv4Addr, masked: Ipv4Addr) -> Connection {
        Connection {
            original: Ends {
                source,
                destination,
            },
            reply: Ends {
                source: destination,
                destination: masked,
            },
            source_translated: source != masked,
            destination_translated: false,
        }
    }

    /// From far to a forwarded port at `at`; the host sees it come from `inside`.
    fn forwarded(at: Ipv4Addr, inside: Ipv4Addr) -> Connection {
        Connection {
            original: Ends {
                source: FAR,
                destination: at,
            },
            reply: Ends {
                source: HOST,
                destination: inside,
            },
            source_translated: true,
            destination_translated: true,
        }
    }

    const OURS: Ours = Ours {
        lan: Some(WIRE),
        carrier: Some(CARRIER),
    };

    fn carrier_changed() -> Stale {
        Stale::new(vec![OLD], OURS, None)
    }

    #[test]
    fn what_used_the_old_address_goes_in_each_role() {
        for connection in [
            outbound(HOST, FAR, OLD),
            outbound(OLD, FAR, OLD),
            outbound(FAR, OLD, FAR),
            forwarded(OLD, WIRE),
        ] {
            assert!(carrier_changed().takes(&connection), "{connection:?}");
        }
    }

    #[test]
    fn what_used_other_addresses_stays() {
        for connection in [
            outbound(HOST, FAR, CARRIER),
            outbound(FAR, WIRE, FAR),
            outbound(WIRE, FAR, WIRE),
            outbound(FAR, CARRIER, FAR),
            forwarded(CARRIER, WIRE),
        ] {
            assert!(!carrier_changed().takes(&connection), "{connection:?}");
        }
    }

    #[test]
    fn translations_to_an_unknown_address_go() {
        let stale = Stale::new(Vec::new(), OURS, None);
        assert!(stale.takes(&outbound(HOST, FAR, OLD)));
        assert!(stale.takes(&forwarded(OLD, WIRE)));
        assert!(stale.takes(&forwarded(CARRIER, OLD)));
        // Without a translation either end may be anybody's.
        assert!(!stale.takes(&outbound(FAR, OLD, FAR)));
        // Of a link that has had no address yet, none is wrong.
        let wire_alone = Ours {
            carrier: None,
            ..OURS
        };
        let stale = Stale::new(Vec::new(), wire_alone, None);
        assert!(!stale.takes(&outbound(HOST, FAR, OLD)));
        assert!(!stale.takes(&forwarded(OLD, WIRE)));
        assert!(stale.takes(&forwarded(CARRIER, OLD)));
    }

    #[test]
    fn own_connections_beyond_a_bypassed_wire_go() {
        let wire = Cidr {
            address: WIRE,
            prefix: 24,
        };
        let stale = Stale::new(Vec::new(), OURS, Some(wire));
        assert!(stale.takes(&outbound(WIRE, FAR, WIRE)));
        assert!(!stale.takes(&outbound(WIRE, HOST, WIRE)), "on the wire");
        assert!(!stale.takes(&outbound(FAR, WIRE, FAR)), "an answer");
        assert!(!stale.takes(&outbound(WIRE, FAR, CARRIER)), "translated");
    }

    #[test]
    fn an_address_that_came_back_is_not_gone() {
        let unfinished = Stale::new(vec![OLD], OURS, None);
        let now = Ours {
            carrier: Some(OLD),
            ..OURS
        };
        let back = Stale::new(vec![CARRIER], now, None).after(unfinished);
        assert_eq!(back.gone(), [CARRIER]);
        assert!(!back.takes(&outbound(HOST, FAR, OLD)));
        assert!(back.takes(&outbound(HOST, FAR, CARRIER)));
    }

    #[test]
    fn networks_contain_what_their_prefix_says() {
        let contains = |prefix, address| {
            let net = Cidr {
                address: WIRE,
                prefix,
            };
            contains(net, address)
        };
        assert!(contains(0, FAR) && contains(24, HOST) && contains(32, WIRE));
        assert!(!contains(1, Ipv4Addr::new(1, 1, 1, 1)) && !contains(32, HOST));
    }

    fn address() -> impl Strategy<Value = Ipv4Addr> {
        // Few, so that they meet.
        (0..6_u8).prop_map(|last| Ipv4Addr::new(192, 0, 2, last))
    }

    fn connection() -> impl Strategy<Value = Connection> {
        let ends = || {
            (address(), address()).prop_map(|(source, destination)| Ends {
                source,
                destination,
            })
        };
        (ends(), ends(), any::<(bool, bool)>()).prop_map(|(original, reply, translated)| {
            Connection {
                original,
                reply,
                source_translated: translated.0,
                destination_translated: translated.1,
            }
        })
    }

    proptest! {
        /// What stays ends at no address that is gone and is translated to no address that is not
        /// its link's; what meets neither condition stays.
        #[test]
        fn only_what_has_lost_its_address_goes(
            gone in vec(address(), 0..3), lan in option::of(address()),
            carrier in option::of(address()), table in vec(connection(), 0..40)
        ) {
            let stale = Stale::new(gone.clone(), Ours { lan, carrier }, None);
            for connection in table {
                let Connection { original, reply, .. } = connection;
                let back = |end| lan == Some(end) || carrier == Some(end);
                let ended = [original.source, original.destination, reply.destination]
                    .into_iter()
                    .any(|end| gone.contains(&end) && !back(end));
                let (snat, dnat) = (connection.source_translated, connection.destination_translated);
                let fits = |wanted: Option<_>, end| wanted.is_none_or(|wanted| wanted == end);
                let astray = snat && !fits(if dnat { lan } else { carrier }, reply.destination)
                    || dnat && !fits(carrier, original.destination);
                prop_assert_eq!(stale.takes(&connection), ended || astray);
            }
        }
    }
}
