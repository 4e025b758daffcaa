//! The addresses that the links had, and what a change of one leaves behind. Pure.
//!
//! What becomes of connections is decided when a link *gets* an address, not when it loses one: a
//! redial that ends with the same address, or a lease refused and granted again, takes nothing
//! from anybody.

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
    way_out: Option<&'static str>,
}

impl AddressHistory {
    /// Records that `plan`, made of `links`, is set and that `removed` was taken away for it.
    /// Returns a filter for connections where some may have lost their address by that.
    ///
    /// The first address of a link in the life of this service counts as a change: what it had
    /// before, in an earlier life, is not known.
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
        let moved = plan.default_via == Some(CARRIER) && self.way_out != plan.default_via;
        self.way_out = plan.default_via;
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

    const WIRE: u32 = 2;
    const LINK: u32 = 7;
    const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
    const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 20);

    fn wire(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 88, last)
    }

    fn carrier(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 112, 7, last)
    }

    fn links(lan: Option<u8>, link: Option<u8>) -> Links {
        Links {
            lan: lan.map(|last| Lan {
                interface: WIRE,
                cable: true,
                address: wire(last),
                prefix: 24,
                gateway: Some(wire(1)),
                dns: Vec::new(),
            }),
            carrier: link.map(|last| Carrier {
                interface: LINK,
                local: carrier(last),
                peer: None,
                dns: Vec::new(),
            }),
        }
    }

    /// The history of a service, and the addresses in its kernel.
    #[derive(Default)]
    struct Life {
        history: AddressHistory,
        kernel: Vec<Address>,
    }

    impl Life {
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
                destination: FAR,
            },
            reply: Ends {
                source: FAR,
                destination: to,
            },
            source_translated: true,
            destination_translated: false,
        }
    }

    /// From far, over the wire, to this machine.
    fn asked_by_wire(last: u8) -> Connection {
        let ends = |source, destination| Ends {
            source,
            destination,
        };
        Connection {
            original: ends(FAR, wire(last)),
            reply: ends(wire(last), FAR),
            source_translated: false,
            destination_translated: false,
        }
    }

    #[test]
    fn the_same_address_again_leaves_all_connections() {
        let mut life = Life::default();
        life.round(Some(50), Some(5));
        assert_eq!(life.round(Some(50), Some(5)), None, "a renewal");
        // Losing it, on either side, is no change yet.
        assert_eq!(life.round(None, Some(5)), None);
        assert_eq!(life.round(Some(50), Some(5)), None);
        assert_eq!(life.round(Some(50), None), None);
        let back = life.round(Some(50), Some(5)).unwrap();
        assert!(!back.takes(&masqueraded(carrier(5))));
        assert!(back.gone().is_empty());
    }

    #[test]
    fn another_address_ends_the_last_one_of_its_link() {
        let mut life = Life::default();
        life.round(Some(50), Some(5));
        assert_eq!(life.gone(Some(51), Some(5)), [wire(50)]);
        assert_eq!(life.gone(Some(51), Some(6)), [carrier(5)]);
        assert!(life.gone(Some(51), None).is_empty());
        assert_eq!(life.gone(Some(51), Some(7)), [carrier(6)]);
        assert_eq!(life.gone(Some(52), Some(8)), [carrier(7), wire(51)]);
    }

    #[test]
    fn what_the_last_life_left_in_the_kernel_is_known() {
        let mut life = Life::default();
        life.round(Some(50), Some(5));
        life.history = AddressHistory::default();
        assert_eq!(life.gone(Some(51), Some(6)), [carrier(5), wire(50)]);
    }

    #[test]
    fn a_first_address_ends_translations_to_unknown_ones() {
        let mut life = Life::default();
        life.round(Some(50), None);
        let stale = life.round(Some(50), Some(6)).unwrap();
        assert!(stale.takes(&masqueraded(carrier(5))));
        assert!(!stale.takes(&masqueraded(carrier(6))));
    }

    #[test]
    fn a_life_without_the_carrier_yet_takes_nothing_from_it() {
        let mut life = Life::default();
        life.round(Some(50), Some(5));
        life.round(Some(50), None);
        life.history = AddressHistory::default();
        let wire_alone = life.round(Some(50), None).unwrap();
        assert!(!wire_alone.takes(&masqueraded(carrier(5))));
        let back = life.round(Some(50), Some(5)).unwrap();
        assert!(!back.takes(&masqueraded(carrier(5))));
    }

    #[test]
    fn another_prefix_is_not_another_address() {
        let mut life = Life::default();
        life.round(Some(50), Some(5));
        if let Some(address) = life.kernel.first_mut() {
            address.prefix = 25;
        }
        let stale = life.round(Some(50), Some(5));
        assert!(stale.unwrap().gone().is_empty());
    }

    #[test]
    fn own_connections_move_with_the_way_out_once() {
        let own = Connection {
            original: Ends {
                source: wire(50),
                destination: FAR,
            },
            reply: Ends {
                source: FAR,
                destination: wire(50),
            },
            source_translated: false,
            destination_translated: false,
        };
        let mut life = Life::default();
        let on_the_wire = life.round(Some(50), None).unwrap();
        assert!(!on_the_wire.takes(&own));
        assert!(life.round(Some(50), Some(5)).unwrap().takes(&own));
        assert_eq!(life.round(Some(50), Some(5)), None);
        // Back and forth with the same address.
        assert_eq!(life.round(Some(50), None), None);
        assert!(life.round(Some(50), Some(5)).unwrap().takes(&own));
    }

    proptest! {
        /// Whatever the links did: a connection under the last address of a link is there, and one
        /// under an address that was replaced is not.
        #[test]
        fn connections_end_exactly_when_their_address_is_replaced(
            rounds in vec((option::of(50..53_u8), option::of(5..8_u8)), 1..30)
        ) {
            let mut life = Life::default();
            let mut table: Vec<Connection> = Vec::new();
            let mut last = (None, None);
            for (lan, link) in rounds {
                if let Some(stale) = life.round(lan, link) {
                    table.retain(|connection| !stale.takes(connection));
                }
                last = (lan.or(last.0), link.or(last.1));
                let began = [lan.map(asked_by_wire), link.map(|last| masqueraded(carrier(last)))];
                for connection in began.into_iter().flatten() {
                    if !table.contains(&connection) {
                        table.push(connection);
                    }
                }
                let expected = [last.0.map(asked_by_wire), last.1.map(|last| masqueraded(carrier(last)))];
                let expected: Vec<_> = expected.into_iter().flatten().collect();
                prop_assert_eq!(table.len(), expected.len());
                prop_assert!(expected.iter().all(|connection| table.contains(connection)));
            }
        }
    }
}
