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
fn lan_alone_is_the_default() {
    let plan = plan(Some(lan()), None);
    assert_eq!(plan.default_via, Some("eth0"));
    assert!(plan.routes.contains(&default_route(
        CARRIER_TABLE,
        FALLBACK_METRIC,
        Via::Unreachable
    )));
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
fn no_link_keeps_rules_and_fallback_routes() {
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
fn unplugged_lan_keeps_address_without_routes() {
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
fn lan_without_a_router_is_no_default() {
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
fn prefixes_0_and_32_and_peer_equal_to_local() {
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
fn route_keys_are_unique() {
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
fn equal_state_needs_no_change() {
    let plan = plan(Some(lan()), Some(carrier()));
    let mut present = plan.routes.clone();
    present.reverse();
    assert!(diff_routes(&plan.routes, &present).is_empty());
    assert!(diff(&plan.rules, &plan.rules).is_empty());
}

#[test]
fn router_change_replaces_routes_without_removal() {
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
fn routes_of_a_dead_link_are_removed() {
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
