//! Faults of the LAN: router, DHCP server, cable.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use failberry_bench::{
    net::{DhcpConfig, Subnet},
    probe::{get, get_within},
    scene::Scene,
};

use super::{Fault, inject::traffic_flows};
use crate::{
    steps::{self, CARRIER_ADDRESS, HEALTH, PAGE_HOST},
    suite::{Outcome, expect},
};

/// Subnet that the LAN is renumbered to.
const OTHER: Subnet = Subnet(77);

/// Duration of a router restart.
const ROUTER_AWAY: Duration = Duration::from_secs(20);

/// The shortest lease that dnsmasq gives, in seconds.
const SHORT: u64 = 120;

pub(super) const FAULTS: &[Fault] = &[
    Fault::quick(
        "the house gets another subnet, the cable is out for a moment",
        "leased 192.168.77.",
        25,
        |scene| {
            scene.network.start_dhcp(&lending(OTHER, (50, 99), "1h"))?;
            replug(scene)
        },
    )
    .recovered_when(works_at_new_address),
    Fault::slow(
        "the house gets another subnet, the cable stays in",
        "leased 192.168.77.",
        // Noticed at rebinding (T2, seven eighths of the lease time).
        SHORT + 10,
        |scene| {
            take_short_lease(scene)?;
            scene.network.start_dhcp(&lending(OTHER, (50, 99), "1h"))?;
            Ok(())
        },
    )
    .recovered_when(works_at_new_address),
    Fault::slow(
        "the DHCP server refuses the address (NAK)",
        "lost: refused by",
        25,
        |scene| {
            let dhcp = lending(DhcpConfig::default().subnet, (150, 199), "1h");
            scene.network.start_dhcp(&dhcp)?;
            replug(scene)
        },
    )
    .recovered_when(works_at_new_address),
    Fault::slow(
        "the DHCP server is gone until the lease has run out, then back",
        "",
        SHORT + 60,
        |scene| {
            take_short_lease(scene)?;
            let leased = Instant::now();
            scene.network.stop_dhcp();
            keeps_the_address_until(scene, leased + Duration::from_secs(SHORT))?;
            // Without an address on eth0 the carrier link still works.
            steps::health_from_the_internet(scene)?;
            Ok(scene.network.start_dhcp(&DhcpConfig::default())?)
        },
    )
    .recovered_when(works_at_new_address),
    Fault::slow(
        "the router starts anew: the cable is out and DHCP away for 20 s",
        "cable out",
        30,
        |scene| {
            scene.board.set_cable(false)?;
            scene.network.stop_dhcp();
            let back = Instant::now() + ROUTER_AWAY;
            while Instant::now() < back {
                steps::health_from_the_internet(scene)?;
            }
            scene.network.start_dhcp(&DhcpConfig::default())?;
            Ok(scene.board.set_cable(true)?)
        },
    )
    .recovered_when(works_at_new_address),
    Fault::slow(
        "the gateway on the wire is gone, and the call is dropped meanwhile",
        "carrier link is down",
        30,
        |scene| {
            let pi = steps::address(scene)?;
            scene.network.set_gateway(false)?;
            steps::health_on_the_lan(scene)?;
            steps::health_from_the_internet(scene)?;
            // A host that uses the box as its gateway gets through.
            let lan = scene.network.lan();
            lan.ip(&format!("route replace default via {pi}\n"))?;
            get_within(lan, PAGE_HOST, 80, "/by-the-box", scene.bound(5))?;
            scene.stick.as_ref().ok_or("no stick")?.drop_call();
            Ok(())
        },
    )
    .recovered_when(|scene, bound| {
        traffic_flows(scene, bound)?;
        steps::health_on_the_lan(scene)?;
        steps::health_from_the_internet(scene)?;
        let pi = steps::address(scene)?;
        scene.network.set_gateway(true)?;
        scene.network.set_default_route(pi)?;
        traffic_flows(scene, scene.bound(5))
    }),
];

/// Restores the LAN's initial state.
pub(super) fn restore(scene: &mut Scene) -> Outcome {
    if scene.network.is_default() {
        return Ok(());
    }
    scene.network.start_dhcp(&DhcpConfig::default())?;
    // The box loses its lease with its power; its new address is known only after the boot.
    scene.power_cycle(failberry_bench::stick::Sim::Ready)?;
    steps::lease(scene)
}

fn lending(subnet: Subnet, pool: (u8, u8), lease_time: &str) -> DhcpConfig {
    DhcpConfig {
        subnet,
        pool,
        lease_time: lease_time.into(),
    }
}

fn replug(scene: &mut Scene) -> Outcome {
    let mark = scene.board.console.mark();
    scene.board.set_cable(false)?;
    let bound = scene.bound(5);
    scene
        .board
        .console
        .wait_from(mark, "eth0: cable out", bound)?;
    Ok(scene.board.set_cable(true)?)
}

/// Makes the box take a short lease of a new address.
fn take_short_lease(scene: &mut Scene) -> Outcome {
    let dhcp = lending(DhcpConfig::default().subnet, (100, 149), "2m");
    scene.network.start_dhcp(&dhcp)?;
    let mark = scene.board.console.mark();
    replug(scene)?;
    scene
        .board
        .console
        .wait_from(mark, "eth0: leased", scene.bound(20))?;
    let address = scene.network.wait_lease(scene.bound(5))?;
    scene.network.set_default_route(address)?;
    traffic_flows(scene, scene.bound(10))
}

/// Checks that everything works until the lease expires, and that the expiry is logged.
fn keeps_the_address_until(scene: &mut Scene, end: Instant) -> Outcome {
    const LATE: Duration = Duration::from_secs(10);
    let address = steps::address(scene)?;
    let words = format!("lease of {address} lost: its time is over");
    let lost = |scene: &Scene| !scene.board.console.lines_with(&words).is_empty();
    while !lost(scene) {
        if Instant::now() > end + LATE {
            return Err(format!("expected {words:?} on the console by now").into());
        }
        let answers = get(scene.network.lan(), PAGE_HOST, 80, "/without-dhcp")
            .and_then(|_| get(scene.network.lan(), address, HEALTH, "/"));
        if let Err(error) = answers
            && !lost(scene)
        {
            return Err(format!("while the lease lasts: {error}").into());
        }
    }
    if Instant::now() + LATE < end {
        return Err("the lease was given up before its end".into());
    }
    Ok(())
}

/// Checks that the box works at its newly leased address: routing, health port, status page.
fn works_at_new_address(scene: &mut Scene, bound: Duration) -> Outcome {
    let until = Instant::now() + bound;
    let address: Ipv4Addr = scene.network.wait_lease(bound)?;
    scene.network.set_default_route(address)?;
    traffic_flows(scene, until.saturating_duration_since(Instant::now()))?;
    steps::health_on_the_lan(scene)?;
    steps::health_from_the_internet(scene)?;
    let status = steps::status(scene)?;
    let told = status.text("/network/lan/address");
    expect("eth0", Some(address.to_string().as_str()), told)?;
    expect("the link", Some("up"), status.text("/uplink/phase"))?;
    let requests = scene.services.web.requests();
    let last = requests.last().ok_or("the page's server saw no request")?;
    expect(
        "who asked for the page",
        CARRIER_ADDRESS.to_string(),
        last.0.ip().to_string(),
    )
}
