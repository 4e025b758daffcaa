use super::*;

fn lan() -> Lan {
    Lan {
        interface: 2,
        cable: true,
        address: Ipv4Addr::new(192, 168, 88, 50),
        prefix: 24,
        gateway: Some(Ipv4Addr::new(192, 168, 88, 1)),
        dns: vec![Ipv4Addr::new(192, 168, 88, 1)],
    }
}

fn carrier() -> Carrier {
    Carrier {
        interface: 5,
        local: Ipv4Addr::new(10, 112, 7, 5),
        peer: Some(Ipv4Addr::new(10, 64, 64, 64)),
        dns: vec![Ipv4Addr::new(10, 64, 64, 1)],
    }
}

fn plan(lan: Option<Lan>, carrier: Option<Carrier>) -> Plan {
    Plan::new(&Links { lan, carrier })
}

fn shown<T: ToString>(things: &[T]) -> Vec<String> {
    let mut lines: Vec<_> = things.iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}

#[test]
fn both_links() {
    let plan = plan(Some(lan()), Some(carrier()));
    assert_eq!(
        shown(&plan.addresses),
        ["10.112.7.5 peer 10.64.64.64/32", "192.168.88.50/24"]
    );
    assert_eq!(
        shown(&plan.routes),
        [
            "192.168.88.0/24 on interface 2 metric 0 in table 101",
            "default on interface 5 metric 100 in table 102",
            "default on interface 5 metric 100 in table 254",
            "default unreachable metric 4000000000 in table 101",
            "default unreachable metric 4000000000 in table 102",
            "default via 192.168.88.1 on interface 2 metric 200 in table 101",
            "default via 192.168.88.1 on interface 2 metric 200 in table 254",
        ]
    );
    assert_eq!(
        shown(&plan.rules),
        ["1001: mark 1 by table 101", "1002: mark 2 by table 102"]
    );
    assert_eq!(
        plan.resolv,
        "nameserver 10.64.64.1\nnameserver 192.168.88.1\n"
    );
    assert_eq!(plan.default_via, Some("ppp0"));
}

#[test]
fn the_wire_alone() {
    let plan = plan(Some(lan()), None);
    assert_eq!(plan.default_via, Some("eth0"));
    assert!(
        plan.routes
            .contains(&everywhere(CARRIER_TABLE, LAST_METRIC, Via::Unreachable))
    );
    assert_eq!(
        plan.routes
            .iter()
            .filter(|route| route.table == CARRIER_TABLE)
            .count(),
        1
    );
    assert_eq!(plan.resolv, "nameserver 192.168.88.1\n");
}

#[test]
fn no_link_at_all_keeps_rules_and_dead_ends() {
    let plan = plan(None, None);
    assert_eq!(plan.addresses, []);
    assert_eq!(plan.rules.len(), 2);
    assert!(
        plan.routes
            .iter()
            .all(|route| route.via == Via::Unreachable)
    );
    assert_eq!((plan.resolv.as_str(), plan.default_via), ("", None));
}

#[test]
fn without_a_cable_the_address_stays_and_leads_nowhere() {
    let plan = plan(
        Some(Lan {
            cable: false,
            ..lan()
        }),
        None,
    );
    assert_eq!(plan.addresses.len(), 1);
    assert!(
        plan.routes
            .iter()
            .all(|route| route.via == Via::Unreachable)
    );
    assert_eq!((plan.resolv.as_str(), plan.default_via), ("", None));
}

#[test]
fn a_wire_without_a_router_is_no_way_out() {
    let plan = plan(
        Some(Lan {
            gateway: None,
            ..lan()
        }),
        None,
    );
    assert_eq!(plan.default_via, None);
    assert!(plan.routes.iter().all(|route| route.table != MAIN_TABLE));
}

#[test]
fn odd_prefixes_and_peers() {
    let narrow = plan(
        Some(Lan {
            prefix: 32,
            ..lan()
        }),
        None,
    );
    assert!(
        narrow
            .routes
            .iter()
            .any(|r| r.destination == Some((lan().address, 32)))
    );
    let all = plan(Some(Lan { prefix: 0, ..lan() }), None);
    assert!(
        all.routes
            .iter()
            .any(|r| r.destination == Some((Ipv4Addr::UNSPECIFIED, 0)))
    );
    let same = Carrier {
        peer: Some(carrier().local),
        ..carrier()
    };
    assert_eq!(shown(&plan(None, Some(same)).addresses), ["10.112.7.5/32"]);
}

#[test]
fn keys_are_unique_so_that_no_route_replaces_another() {
    let routes = plan(Some(lan()), Some(carrier())).routes;
    for (number, route) in routes.iter().enumerate() {
        assert!(
            routes[number + 1..]
                .iter()
                .all(|other| other.key() != route.key()),
            "{route}"
        );
    }
}

#[test]
fn what_is_set_needs_no_change() {
    let plan = plan(Some(lan()), Some(carrier()));
    let mut present = plan.routes.clone();
    present.reverse();
    assert!(diff_routes(&plan.routes, &present).is_empty());
    assert!(diff(&plan.rules, &plan.rules).is_empty());
}

#[test]
fn another_router_replaces_the_old_one_without_a_gap() {
    let before = plan(Some(lan()), None).routes;
    let router = Ipv4Addr::new(192, 168, 88, 254);
    let wanted = plan(
        Some(Lan {
            gateway: Some(router),
            ..lan()
        }),
        None,
    )
    .routes;
    let change = diff_routes(&wanted, &before);
    assert_eq!(change.remove, []);
    assert_eq!(change.add.len(), 2, "the main table's and the answers'");
}

#[test]
fn a_dead_link_s_routes_are_removed() {
    let wanted = plan(Some(lan()), None).routes;
    let change = diff_routes(&wanted, &plan(Some(lan()), Some(carrier())).routes);
    assert_eq!(change.add, []);
    assert_eq!(
        shown(&change.remove),
        [
            "default on interface 5 metric 100 in table 102",
            "default on interface 5 metric 100 in table 254",
        ]
    );
}
