//! The service as a process of its own, with the kernel, dnsmasq and real packets around it.
//!
//! ```text
//!  [ router ] lan0 ──── eth0 [ device ] ppp0 ──── far [ carrier ]
//! ```
//!
//! Each is a network namespace; a second mount namespace gives the device a `/run` of its own.
//! Needs root, `ip` (iproute2) and `dnsmasq`.
// What clippy allows in tests by itself it does not see in a test with its own main.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
// A `World` in hand says that the namespaces stand, used or not.
#![allow(clippy::unused_self, clippy::needless_pass_by_value)]

mod flows;
mod harness;

use std::{fs, net::Ipv4Addr};

use failberry_config::{Cidr, Firewall, Forward, Lan, NetworkConfig, Protocol};
use failberry_network::{firewall, run};
use failberry_service::{Service, init_log, write_config};
use failberry_state::{Link, NetworkState, StateFile, UplinkState};

use harness::{
    CARRIER, ELSEWHERE, INTERNET, LAN_HOST, OURS_AT_CARRIER, ROUTER, Report, Running, World,
    output, succeeds,
};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        // The program is its own service and its own correspondents in the namespaces.
        Some("service") => {
            init_log();
            let Err(error) = run();
            log::error!("{error}");
            std::process::exit(1);
        }
        Some("connect") => harness::connect(&words[2], &words[3]),
        Some("bound") => harness::bound(&words[2], &words[3]),
        Some("listen") => harness::listen(&words[2]),
        Some("garbage") => harness::garbage(),
        Some(role) if role.contains('-') && !role.starts_with('-') => {
            harness::flow::run(role, &words[2..]);
        }
        _ => {}
    }
    let missing = harness::missing();
    if !missing.is_empty() {
        println!("skipped: needs {}", missing.join(" and "));
        println!("0 passed, 0 failed");
        // If it must run, nothing may be missing.
        std::process::exit(i32::from(std::env::var_os("CI").is_some()));
    }
    let mut report = Report::default();
    scenario(&mut report);
    report.finish();
}

fn scenario(report: &mut Report) {
    let mut world = World::new();
    let filter = firewall::ruleset(&config().firewall, config().update_port);
    // Some kernels have no packet filter at all; checks that need it are then reported as skipped.
    let guarded = firewall::apply(&firewall::Ruleset {
        table: "probe",
        chains: Vec::new(),
    })
    .is_ok();
    let nft = succeeds("nft", &["--version"]);
    write_config(Service::Network, &config()).unwrap();

    let mut service = world.start();
    report.check(
        "an interface that is missing is told",
        service.logged("eth0: not there"),
    );
    report.check(
        "it runs as its own user",
        service.uid() == Service::Network.uid(),
    );
    world.plug_lan();
    let leased = lease(report, &world, &mut service, guarded);

    world.garbage();
    report.check(
        "garbage is told and survived",
        service.logged("DHCP answer ignored"),
    );

    if guarded && nft {
        let listed = output("nft", &["list", "table", "inet", "failberry"]);
        report.equal("ruleset as nft lists it", listed, filter.to_string());
    } else {
        println!("skipped: ruleset as nft lists it: needs nft and a kernel with nf_tables");
    }
    if guarded {
        carrier(report, &world, leased);
    } else {
        println!("skipped: carrier link: this kernel has no nf_tables");
    }
    cable(report, &world, &mut service, leased);
    if guarded {
        service = flows::scene(report, &mut world, service);
    } else {
        println!("skipped: flows through a change of address: this kernel has no nf_tables");
    }
    let leased = world.wait(|state| state.lan.is_some()).lan.unwrap().address;
    restart(report, &world, service, leased);
    fixed(report, &world);
    if guarded && nft {
        unguarded(report, &world);
    } else {
        println!("skipped: a firewall that is refused: needs nft and a kernel with nf_tables");
    }
}

/// The address is leased and configured, with all that belongs to it.
fn lease(report: &mut Report, world: &World, service: &mut Running, guarded: bool) -> Ipv4Addr {
    let state = world.wait(|state| state.lan.is_some());
    let lan = state.lan.clone().expect("no lease");
    let leased = lan.address;
    report.equal("prefix", lan.prefix, 24);
    report.equal("gateway", lan.gateway, Some(ROUTER));
    report.equal("resolvers", lan.dns, vec![ROUTER]);
    report.equal("length of the lease", lan.lease_seconds, Some(3600));
    report.check(
        "the lease is told",
        service.logged(&format!("eth0: leased {leased}/24 from")),
    );
    report.check(
        "the hostname reached the server",
        world.leases().contains("testberry"),
    );
    let addresses = output("ip", &["-4", "-o", "addr", "show", "dev", "eth0"]);
    report.contains(
        "address",
        &addresses,
        &format!("{leased}/24 brd 192.168.88.255"),
    );
    let main = output("ip", &["route"]);
    report.contains(
        "wired default route",
        &main,
        "default via 192.168.88.1 dev eth0",
    );
    let table = output("ip", &["route", "show", "table", "101"]);
    report.contains(
        "table of the wire",
        &table,
        "default via 192.168.88.1 dev eth0",
    );
    report.contains("table of the wire", &table, "192.168.88.0/24 dev eth0");
    let table = output("ip", &["route", "show", "table", "102"]);
    report.equal(
        "table of the carrier",
        table.trim(),
        "unreachable default proto 251 metric 4000000000",
    );
    let rules = output("ip", &["rule"]);
    report.contains("rule", &rules, "1001:\tfrom all fwmark 0x1 lookup 101");
    report.contains("rule", &rules, "1002:\tfrom all fwmark 0x2 lookup 102");
    report.equal(
        "resolv.conf",
        world.resolv(),
        "nameserver 192.168.88.1\n".into(),
    );
    report.equal(
        "wired default route told",
        state.default_via,
        Some("eth0".into()),
    );
    report.equal("firewall told", state.firewall, guarded);
    let forwarding = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    report.equal(
        "forwarding",
        forwarding.trim(),
        if guarded { "1" } else { "0" },
    );
    leased
}

/// The carrier link comes up, carries traffic, and goes down.
fn carrier(report: &mut Report, world: &World, leased: Ipv4Addr) {
    world.add_carrier();
    world.carrier_is_up(OURS_AT_CARRIER);
    let state = world.wait(|state| state.default_via.as_deref() == Some("ppp0"));
    report.check("both links at once", state.lan.is_some());
    let addresses = output("ip", &["-4", "-o", "addr", "show", "dev", "ppp0"]);
    report.contains(
        "point to point",
        &addresses,
        "10.112.7.5 peer 10.64.64.64/32",
    );
    report.contains("MTU", &output("ip", &["link", "show", "ppp0"]), "mtu 1400");
    let main = output("ip", &["route"]);
    report.contains("default route", &main, "default dev ppp0");
    report.contains(
        "wired default route behind",
        &main,
        "default via 192.168.88.1 dev eth0",
    );
    report.equal(
        "resolv.conf",
        world.resolv(),
        "nameserver 10.64.64.1\nnameserver 192.168.88.1\n".into(),
    );

    let health = world.listen("device", "0.0.0.0:9000");
    let (home, abroad) = (format!("{leased}:9000"), format!("{OURS_AT_CARRIER}:9000"));
    report.check(
        "asked over the wire from elsewhere, answered over the wire",
        world.connects("router", ELSEWHERE, &home),
    );
    report.check(
        "asked over the carrier link, answered over it",
        world.connects("carrier", INTERNET, &abroad),
    );
    drop(health);
    let closed = world.listen("device", "0.0.0.0:9001");
    report.check(
        "status is for the LAN",
        world.connects("router", ROUTER, &format!("{leased}:9001")),
    );
    report.check(
        "and closed to the carrier",
        !world.connects("carrier", INTERNET, &format!("{OURS_AT_CARRIER}:9001")),
    );
    drop(closed);

    bound(report, world, leased);

    let mut far = world.listen("carrier", &format!("{INTERNET}:80"));
    report.check(
        "a LAN host gets out by the carrier link",
        world.connects("router", LAN_HOST, &format!("{INTERNET}:80")),
    );
    report.equal("under our address", far.peer(), OURS_AT_CARRIER);
    let mut camera = world.listen("router", &format!("{LAN_HOST}:80"));
    report.check(
        "a forwarded port leads in",
        world.connects("carrier", INTERNET, &format!("{OURS_AT_CARRIER}:8080")),
    );
    report.equal("under our address on the LAN", camera.peer(), leased);

    let tracked = || fs::read_to_string("/proc/net/nf_conntrack").unwrap_or_default();
    world.carrier_is_up(Ipv4Addr::new(10, 112, 7, 6));
    world.wait_until("another address at the carrier", || {
        output("ip", &["-4", "-o", "addr", "show", "dev", "ppp0"]).contains("10.112.7.6 peer")
    });
    world.wait_until("connections by the old address forgotten", || {
        !tracked().contains("10.112.7.5")
    });
    let addresses = output("ip", &["-4", "-o", "addr", "show", "dev", "ppp0"]);
    report.equal("the old address is gone", addresses.lines().count(), 1);
    let table = output("ip", &["route", "show", "table", "102"]);
    report.contains("answers from the new one", &table, "src 10.112.7.6");

    StateFile::new().publish(&UplinkState::default()).unwrap();
    let state = world.wait(|state| state.default_via.as_deref() == Some("eth0"));
    report.check("the wire takes over", state.lan.is_some());
    let addresses = output("ip", &["-4", "-o", "addr", "show", "dev", "ppp0"]);
    report.equal("no address is left", addresses.as_str(), "");
}

/// A socket bound to a link uses that one, whatever the default route is; it needs no capability.
fn bound(report: &mut Report, world: &World, leased: Ipv4Addr) {
    let mut elsewhere = world.listen("router", &format!("{ELSEWHERE}:80"));
    report.check(
        "bound to the wire it goes by the wire while the default is ppp0",
        world.reaches_by("wire", &format!("{ELSEWHERE}:80")),
    );
    report.equal("from our address there", elsewhere.peer(), leased);
    drop(elsewhere);
    let mut far = world.listen("carrier", &format!("{INTERNET}:80"));
    report.check(
        "bound to the carrier link it goes by that",
        world.reaches_by("carrier", &format!("{INTERNET}:80")),
    );
    report.equal("from our address at it", far.peer(), OURS_AT_CARRIER);
    report.check(
        "bound to the wire it does not reach the carrier's side",
        !world.reaches_by("wire", &format!("{INTERNET}:80")),
    );
}

fn cable(report: &mut Report, world: &World, service: &mut Running, leased: Ipv4Addr) {
    world.cable(false);
    let state = world.wait(|state| !state.lan_carrier);
    report.check("cable out is told", service.logged("eth0: cable out"));
    report.check(
        "the address outlives the cable",
        state.lan.is_some_and(|l| l.address == leased),
    );
    report.equal("no default route without a cable", state.default_via, None);
    world.cable(true);
    let state = world.wait(|state| state.lan_carrier && state.default_via.is_some());
    report.check(
        "the same address again",
        state.lan.is_some_and(|l| l.address == leased),
    );
    report.check("the server granted it again", world.granted(leased, 2));
}

/// A new life goes on where the last one ended, and packets do not notice.
fn restart(report: &mut Report, world: &World, service: Running, leased: Ipv4Addr) {
    let before = output("ip", &["route", "show", "table", "all"]);
    service.kill();
    report.equal(
        "routes outlive it",
        output("ip", &["route", "show", "table", "all"]),
        before.clone(),
    );
    world.forget();
    let mut service = world.start();
    let state = world.wait(|state| state.lan.is_some() && state.default_via.is_some());
    report.check(
        "it goes on",
        service.logged(&format!("eth0: going on with {leased}/24")),
    );
    report.check(
        "with the same address",
        state.lan.is_some_and(|lan| lan.address == leased),
    );
    report.check("granted anew", world.granted(leased, 3));
    report.equal(
        "same routes",
        output("ip", &["route", "show", "table", "all"]),
        before,
    );
    service.kill();
}

fn fixed(report: &mut Report, world: &World) {
    let mut config = config();
    config.lan = Lan {
        address: Some(Cidr {
            address: Ipv4Addr::new(192, 168, 88, 2),
            prefix: 25,
        }),
        gateway: Some(Ipv4Addr::new(192, 168, 88, 3)),
        dns: vec![Ipv4Addr::new(192, 168, 88, 4)],
        hostname: None,
    };
    write_config(Service::Network, &config).unwrap();
    world.forget();
    let mut service = world.start();
    report.check(
        "static",
        service.logged("eth0: 192.168.88.2/25 by way of 192.168.88.3, as configured"),
    );
    let state: NetworkState = world.wait(|state| state.lan.is_some());
    report.check(
        "static has no lease",
        state.lan.is_some_and(|lan| lan.lease_seconds.is_none()),
    );
    let addresses = output("ip", &["-4", "-o", "addr", "show", "dev", "eth0"]);
    report.contains(
        "static address",
        &addresses,
        "192.168.88.2/25 brd 192.168.88.127",
    );
    report.equal("the leased one is gone", addresses.lines().count(), 1);
    let main = output("ip", &["route"]);
    report.contains("static gateway", &main, "default via 192.168.88.3 dev eth0");
    report.equal(
        "static resolver",
        world.resolv(),
        "nameserver 192.168.88.4\n".into(),
    );
    service.kill();
}

/// Another program owns the table, so that the kernel refuses ours until it ends.
fn unguarded(report: &mut Report, world: &World) {
    write_config(Service::Network, &config()).unwrap();
    let owner = world.occupy_table();
    world.forget();
    let mut service = world.start();
    report.check(
        "no firewall is told",
        service.logged("no firewall, so no forwarding"),
    );
    world.carrier_is_up(OURS_AT_CARRIER);
    let state = world.wait(|state| state.lan.is_some() && state.default_via.is_some());
    report.check(
        "state without a firewall",
        !state.firewall && state.last_error.is_some(),
    );
    report.equal(
        "reachable by the wire alone",
        state.default_via,
        Some("eth0".into()),
    );
    let forwarding = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    report.equal("no forwarding", forwarding.trim(), "0");
    let addresses = output("ip", &["-4", "-o", "addr", "show", "dev", "ppp0"]);
    report.equal("nothing to reach from the carrier", addresses.as_str(), "");
    drop(owner);
    let state = world.wait(|state| state.default_via.as_deref() == Some("ppp0"));
    report.check(
        "stands once it can",
        state.firewall && state.last_error.is_none(),
    );
    let forwarding = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    report.equal("forwarding again", forwarding.trim(), "1");
    service.kill();
}

fn config() -> NetworkConfig {
    let allow = ["192.168.88.20/32", "192.168.90.77/24", "10.20.55.0/20"];
    NetworkConfig {
        update_port: Some(9002),
        lan: Lan {
            hostname: Some("testberry".into()),
            ..Lan::default()
        },
        firewall: Firewall {
            // Prefixes that the filter compares in each of its ways.
            allow: Some(allow.map(|net: &str| net.parse().unwrap()).to_vec()),
            forward: vec![
                Forward {
                    protocol: Protocol::Tcp,
                    port: 8080,
                    to: LAN_HOST,
                    to_port: Some(80),
                },
                Forward {
                    protocol: Protocol::Udp,
                    port: 51820,
                    to: LAN_HOST,
                    to_port: None,
                },
            ],
        },
    }
}

impl World {
    /// Word from `uplink` that its link is open, with this address.
    pub(crate) fn carrier_is_up(&self, local: Ipv4Addr) {
        let link = Link {
            interface: "ppp0".into(),
            local,
            peer: Some(CARRIER),
            dns: vec![Ipv4Addr::new(10, 64, 64, 1)],
            mtu: 1400,
            since: failberry_state::BootMillis::now(),
        };
        let told = UplinkState {
            link: Some(link),
            ..UplinkState::default()
        };
        StateFile::new().publish(&told).unwrap();
    }
}
