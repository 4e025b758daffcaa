//! Filter for tracked connections that a change of addresses has made useless. Pure.
//!
//! A connection keeps the translation that its first packet got. After an address of ours has
//! changed, a connection made under the old one sends from an address that is not ours any more,
//! for as long as either end keeps sending; all other connections must stay.

use std::net::Ipv4Addr;

use failberry_config::Cidr;

/// Source and destination of the packets in one direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
}

/// Tracked IPv4 connection, limited to what the filter needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Direction of its first packet, before any translation.
    pub original: Ends,
    /// Reply direction: to our address, if the source was translated.
    pub reply: Ends,
    /// Whether its source was replaced by an address of ours (`IPS_SRC_NAT`).
    pub source_translated: bool,
    /// Whether it came in to an address of ours and was forwarded (`IPS_DST_NAT`).
    pub destination_translated: bool,
}

/// Last address of each link, whether it has it now or not: it may get the same one back. None if
/// it is unknown, and then nothing is matched by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ours {
    /// Address of the LAN.
    pub lan: Option<Ipv4Addr>,
    /// Address of the carrier link.
    pub carrier: Option<Ipv4Addr>,
}

/// Filter for the connections to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Addresses of ours that were replaced.
    gone: Vec<Ipv4Addr>,
    ours: Ours,
    /// The LAN's address and network, while the carrier link is the default.
    bypassed: Option<Cidr>,
}

impl Stale {
    /// Creates a filter for connections that use an address in `gone`, or are translated to another
    /// than the link's in `ours`. With `bypassed` also for this machine's own connections that
    /// began on that network and lead beyond it: they would leave by the other link, untranslated.
    pub fn new(gone: Vec<Ipv4Addr>, ours: Ours, bypassed: Option<Cidr>) -> Self {
        let mut stale = Self {
            gone,
            ours,
            bypassed,
        };
        stale.drop_present();
        stale
    }

    /// Merges the filter of an earlier change whose sweep has not been finished.
    #[must_use]
    pub fn after(mut self, earlier: Self) -> Self {
        self.gone.extend(earlier.gone);
        self.drop_present();
        self
    }

    /// Removes addresses that are in use again, and duplicates.
    fn drop_present(&mut self) {
        let ours = [self.ours.lan, self.ours.carrier];
        self.gone.retain(|address| !ours.contains(&Some(*address)));
        self.gone.sort_unstable();
        self.gone.dedup();
    }

    /// Returns the replaced addresses, ascending.
    pub fn gone(&self) -> &[Ipv4Addr] {
        &self.gone
    }

    /// Returns whether `connection` must be removed.
    pub fn matches_connection(&self, connection: &Connection) -> bool {
        let Connection {
            original, reply, ..
        } = *connection;
        let ends = [original.source, original.destination, reply.destination];
        let uses_gone = ends.iter().any(|end| self.gone.contains(end));
        uses_gone || self.is_mistranslated(connection) || self.is_bypassed(connection)
    }

    /// Returns whether a translation is outdated. The rules translate two kinds of connection:
    /// those that leave by the carrier link get its address, and those forwarded from it to the LAN
    /// get the LAN's.
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

/// Returns whether `address` is in the network of `net`.
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

    /// Returns a connection from `source` to `destination`, with the source translated to `masked`.
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

    /// Returns a connection from a remote host to a forwarded port at `at`; the LAN host sees it
    /// come from `inside`.
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
    fn connections_of_a_replaced_address_match_in_each_role() {
        for connection in [
            outbound(HOST, FAR, OLD),
            outbound(OLD, FAR, OLD),
            outbound(FAR, OLD, FAR),
            forwarded(OLD, WIRE),
        ] {
            assert!(
                carrier_changed().matches_connection(&connection),
                "{connection:?}"
            );
        }
    }

    #[test]
    fn connections_of_other_addresses_do_not_match() {
        for connection in [
            outbound(HOST, FAR, CARRIER),
            outbound(FAR, WIRE, FAR),
            outbound(WIRE, FAR, WIRE),
            outbound(FAR, CARRIER, FAR),
            forwarded(CARRIER, WIRE),
        ] {
            assert!(
                !carrier_changed().matches_connection(&connection),
                "{connection:?}"
            );
        }
    }

    #[test]
    fn translations_to_an_unknown_address_match() {
        let stale = Stale::new(Vec::new(), OURS, None);
        assert!(stale.matches_connection(&outbound(HOST, FAR, OLD)));
        assert!(stale.matches_connection(&forwarded(OLD, WIRE)));
        assert!(stale.matches_connection(&forwarded(CARRIER, OLD)));
        // Without a translation either end may belong to any host.
        assert!(!stale.matches_connection(&outbound(FAR, OLD, FAR)));
        // For a link without a known address no translation is outdated.
        let wire_alone = Ours {
            carrier: None,
            ..OURS
        };
        let stale = Stale::new(Vec::new(), wire_alone, None);
        assert!(!stale.matches_connection(&outbound(HOST, FAR, OLD)));
        assert!(!stale.matches_connection(&forwarded(OLD, WIRE)));
        assert!(stale.matches_connection(&forwarded(CARRIER, OLD)));
    }

    #[test]
    fn own_connections_beyond_a_bypassed_lan_match() {
        let wire = Cidr {
            address: WIRE,
            prefix: 24,
        };
        let stale = Stale::new(Vec::new(), OURS, Some(wire));
        assert!(stale.matches_connection(&outbound(WIRE, FAR, WIRE)));
        assert!(
            !stale.matches_connection(&outbound(WIRE, HOST, WIRE)),
            "on the wire"
        );
        assert!(
            !stale.matches_connection(&outbound(FAR, WIRE, FAR)),
            "an answer"
        );
        assert!(
            !stale.matches_connection(&outbound(WIRE, FAR, CARRIER)),
            "translated"
        );
    }

    #[test]
    fn restored_address_is_not_gone() {
        let unfinished = Stale::new(vec![OLD], OURS, None);
        let now = Ours {
            carrier: Some(OLD),
            ..OURS
        };
        let back = Stale::new(vec![CARRIER], now, None).after(unfinished);
        assert_eq!(back.gone(), [CARRIER]);
        assert!(!back.matches_connection(&outbound(HOST, FAR, OLD)));
        assert!(back.matches_connection(&outbound(HOST, FAR, CARRIER)));
    }

    #[test]
    fn network_contains_addresses_of_its_prefix() {
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
        // Few, so that they collide.
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
        /// A connection stays exactly if it uses no replaced address and is translated to its
        /// link's own address.
        #[test]
        fn only_connections_without_their_address_match(
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
                prop_assert_eq!(stale.matches_connection(&connection), ended || astray);
            }
        }
    }
}
