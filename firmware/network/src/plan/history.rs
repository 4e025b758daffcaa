//! Address history of the links, and the connections that a change leaves behind. Pure.
//!
//! Connections are selected when a link *gets* an address, not when it loses one: a redial that
//! ends with the same address, or a lease refused and granted again, breaks no connection.

use failberry_config::Cidr;

use super::{Links, Plan};
use crate::{
    CARRIER,
    firewall::{Ours, Stale},
    kernel::addresses::Address,
};

/// The last address of each link, whether it still has it or not.
#[derive(Clone, Debug, Default)]
pub struct AddressHistory {
    last: Ours,
    default_via: Option<&'static str>,
}

impl AddressHistory {
    /// Records that `plan`, made of `links`, is set and that `removed` was removed for it. Returns
    /// a filter for connections if some may have lost their address by that.
    ///
    /// The first address of a link in this process counts as a change: its address before the
    /// process started is unknown.
    pub fn record(&mut self, links: &Links, plan: &Plan, removed: &[Address]) -> Option<Stale> {
        let lan = links.lan.as_ref().map(|lan| (lan.interface, lan.address));
        let carrier = links.carrier.as_ref();
        let carrier = carrier.map(|carrier| (carrier.interface, carrier.local));
        let mut gone = Vec::new();
        let mut changed = false;
        for (last, present) in [(&mut self.last.lan, lan), (&mut self.last.carrier, carrier)] {
            let Some((interface, address)) = present else {
                continue;
            };
            let here = removed.iter().filter(|one| one.interface == interface);
            gone.extend(here.map(|one| one.local));
            if *last != Some(address) {
                changed = true;
                gone.extend(last.replace(address));
            }
        }
        let moved = plan.default_via == Some(CARRIER) && self.default_via != plan.default_via;
        self.default_via = plan.default_via;
        if !changed && !moved && gone.is_empty() {
            return None;
        }
        let bypassed = links
            .lan
            .as_ref()
            .filter(|_| plan.default_via == Some(CARRIER));
        let bypassed = bypassed.map(|lan| Cidr {
            address: lan.address,
            prefix: lan.prefix,
        });
        Some(Stale::new(gone, self.last, bypassed))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::{
        firewall::{Connection, Ends},
        plan::{Carrier, Lan, diff},
    };

    const LAN_INDEX: u32 = 2;
    const CARRIER_INDEX: u32 = 7;
    const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
    const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 20);

    fn lan_address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 88, last)
    }

    fn carrier(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 112, 7, last)
    }

    fn links(lan: Option<u8>, link: Option<u8>) -> Links {
        Links {
            lan: lan.map(|last| Lan {
                interface: LAN_INDEX,
                cable: true,
                address: lan_address(last),
                prefix: 24,
                gateway: Some(lan_address(1)),
                dns: Vec::new(),
            }),
            carrier: link.map(|last| Carrier {
                interface: CARRIER_INDEX,
                local: carrier(last),
                peer: None,
                dns: Vec::new(),
            }),
        }
    }

    /// History of a service, and the addresses in its kernel.
    #[derive(Default)]
    struct TestService {
        history: AddressHistory,
        kernel: Vec<Address>,
    }

    impl TestService {
        fn round(&mut self, lan: Option<u8>, link: Option<u8>) -> Option<Stale> {
            let links = links(lan, link);
            let plan = Plan::new(&links);
            let removed = diff(&plan.addresses, &self.kernel).remove;
            self.kernel.clone_from(&plan.addresses);
            self.history.record(&links, &plan, &removed)
        }

        fn gone(&mut self, lan: Option<u8>, link: Option<u8>) -> Vec<Ipv4Addr> {
            let stale = self.round(lan, link);
            stale.map(|stale| stale.gone().to_vec()).unwrap_or_default()
        }
    }

    fn masqueraded(to: Ipv4Addr) -> Connection {
        Connection {
            original: Ends {
                source: HOST,
                destination: REMOTE,
            },
            reply: Ends {
                source: REMOTE,
                destination: to,
            },
            source_translated: true,
            destination_translated: false,
        }
    }

    /// Returns a connection from a remote host over the LAN to this machine.
    fn inbound_by_lan(last: u8) -> Connection {
        let ends = |source, destination| Ends {
            source,
            destination,
        };
        Connection {
            original: ends(REMOTE, lan_address(last)),
            reply: ends(lan_address(last), REMOTE),
            source_translated: false,
            destination_translated: false,
        }
    }

    #[test]
    fn same_address_again_keeps_all_connections() {
        let mut service = TestService::default();
        service.round(Some(50), Some(5));
        assert_eq!(service.round(Some(50), Some(5)), None, "a renewal");
        // Losing an address, on either side, is no change yet.
        assert_eq!(service.round(None, Some(5)), None);
        assert_eq!(service.round(Some(50), Some(5)), None);
        assert_eq!(service.round(Some(50), None), None);
        let back = service.round(Some(50), Some(5)).unwrap();
        assert!(!back.matches_connection(&masqueraded(carrier(5))));
        assert!(back.gone().is_empty());
    }

    #[test]
    fn new_address_replaces_the_last_of_its_link() {
        let mut service = TestService::default();
        service.round(Some(50), Some(5));
        assert_eq!(service.gone(Some(51), Some(5)), [lan_address(50)]);
        assert_eq!(service.gone(Some(51), Some(6)), [carrier(5)]);
        assert!(service.gone(Some(51), None).is_empty());
        assert_eq!(service.gone(Some(51), Some(7)), [carrier(6)]);
        assert_eq!(
            service.gone(Some(52), Some(8)),
            [carrier(7), lan_address(51)]
        );
    }

    #[test]
    fn addresses_left_by_an_earlier_process_are_replaced() {
        let mut service = TestService::default();
        service.round(Some(50), Some(5));
        service.history = AddressHistory::default();
        assert_eq!(
            service.gone(Some(51), Some(6)),
            [carrier(5), lan_address(50)]
        );
    }

    #[test]
    fn first_address_ends_translations_to_unknown_ones() {
        let mut service = TestService::default();
        service.round(Some(50), None);
        let stale = service.round(Some(50), Some(6)).unwrap();
        assert!(stale.matches_connection(&masqueraded(carrier(5))));
        assert!(!stale.matches_connection(&masqueraded(carrier(6))));
    }

    #[test]
    fn restart_without_carrier_keeps_its_connections() {
        let mut service = TestService::default();
        service.round(Some(50), Some(5));
        service.round(Some(50), None);
        service.history = AddressHistory::default();
        let wire_alone = service.round(Some(50), None).unwrap();
        assert!(!wire_alone.matches_connection(&masqueraded(carrier(5))));
        let back = service.round(Some(50), Some(5)).unwrap();
        assert!(!back.matches_connection(&masqueraded(carrier(5))));
    }

    #[test]
    fn prefix_change_is_no_address_change() {
        let mut service = TestService::default();
        service.round(Some(50), Some(5));
        if let Some(address) = service.kernel.first_mut() {
            address.prefix = 25;
        }
        let stale = service.round(Some(50), Some(5));
        assert!(stale.unwrap().gone().is_empty());
    }

    #[test]
    fn own_connections_end_once_when_the_default_moves() {
        let own = Connection {
            original: Ends {
                source: lan_address(50),
                destination: REMOTE,
            },
            reply: Ends {
                source: REMOTE,
                destination: lan_address(50),
            },
            source_translated: false,
            destination_translated: false,
        };
        let mut service = TestService::default();
        let on_the_wire = service.round(Some(50), None).unwrap();
        assert!(!on_the_wire.matches_connection(&own));
        assert!(
            service
                .round(Some(50), Some(5))
                .unwrap()
                .matches_connection(&own)
        );
        assert_eq!(service.round(Some(50), Some(5)), None);
        // Back and forth with the same address.
        assert_eq!(service.round(Some(50), None), None);
        assert!(
            service
                .round(Some(50), Some(5))
                .unwrap()
                .matches_connection(&own)
        );
    }

    proptest! {
        /// For any sequence of link states: a connection under the last address of a link stays,
        /// and one under an address that was replaced is removed.
        #[test]
        fn connections_end_exactly_when_their_address_is_replaced(
            rounds in vec((option::of(50..53_u8), option::of(5..8_u8)), 1..30)
        ) {
            let mut service = TestService::default();
            let mut table: Vec<Connection> = Vec::new();
            let mut last = (None, None);
            for (lan, link) in rounds {
                if let Some(stale) = service.round(lan, link) {
                    table.retain(|connection| !stale.matches_connection(connection));
                }
                last = (lan.or(last.0), link.or(last.1));
                let began = [lan.map(inbound_by_lan), link.map(|last| masqueraded(carrier(last)))];
                for connection in began.into_iter().flatten() {
                    if !table.contains(&connection) {
                        table.push(connection);
                    }
                }
                let expected = [last.0.map(inbound_by_lan), last.1.map(|last| masqueraded(carrier(last)))];
                let expected: Vec<_> = expected.into_iter().flatten().collect();
                prop_assert_eq!(table.len(), expected.len());
                prop_assert!(expected.iter().all(|connection| table.contains(connection)));
            }
        }
    }
}
