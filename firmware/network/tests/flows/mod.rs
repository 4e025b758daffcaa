//! Which connections survive a change of an address, and which end with it.

use std::{fs, net::Ipv4Addr, time::Duration};

use failberry_state::{NetworkState, StateFile, UplinkState};

use crate::harness::{
    ELSEWHERE, End, INTERNET, LAN_HOST, OURS_AT_CARRIER, Report, Running, World,
    flow::REPORT_EVERY, output,
};

/// For what must arrive at once where it arrives at all: a lost first packet is sent again within
/// three seconds.
const SOON: Duration = Duration::from_secs(10);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 112, 7, 6);
const THIRD: Ipv4Addr = Ipv4Addr::new(10, 112, 7, 7);
/// Connections of a full table on the small boards (`nf_conntrack_max` with 512 MB).
const FULL: u16 = 16_000;

pub(crate) fn scene(report: &mut Report, world: &mut World, service: Running) -> Running {
    let first = |state: &NetworkState| state.lan.as_ref().map(|lan| lan.address);
    let leased = first(&world.wait(|state| state.lan.is_some())).unwrap();
    // Frequent renewals from here on: every three seconds.
    world.serve(70, 3);
    world.cable(false);
    world.cable(true);
    let leased = another_lease(world, leased);
    own_traffic_moves(report, world, leased);
    world.route_by_device();
    let mut flows = Flows::start(world);
    renewals_and_a_new_lease(report, world, &mut flows, leased);
    let leased = first(&world.wait(|state| state.lan.is_some())).unwrap();
    redial_with_the_same_address(report, world, &mut flows);
    redial_with_another_interface(report, world, &mut flows);
    another_carrier_address(report, world, &mut flows, leased);
    drop(flows);
    let service = changed_while_not_running(report, world, service);
    full_table(report, world, &service);
    StateFile::new().publish(&UplinkState::default()).unwrap();
    world.wait(|state| state.default_via.as_deref() == Some("eth0"));
    service
}

/// The leased address once it is not `former` any more.
fn another_lease(world: &World, former: Ipv4Addr) -> Ipv4Addr {
    let state = world.wait(|state| {
        let lan = state.lan.as_ref();
        lan.is_some_and(|lan| lan.address != former)
    });
    state.lan.unwrap().address
}

/// What a house has open: a download, a connection that waits for news, a telephone, and one from
/// the wire to the box itself.
struct Flows {
    _source: End,
    download: End,
    news: End,
    reader: End,
    exchange: End,
    telephone: End,
}

impl Flows {
    fn start(world: &World) -> Self {
        let far = |port| format!("{INTERNET}:{port}");
        let host = LAN_HOST.to_string();
        let source = world.end("carrier", &["stream-server", &far(81)]);
        let news = world.end("carrier", &["push-server", &far(82)]);
        let exchange = world.end("carrier", &["udp-echo", &far(5060)]);
        Self {
            download: world.end("router", &["stream-client", &host, &far(81)]),
            reader: world.end("router", &["push-client", &host, &far(82)]),
            telephone: world.end(
                "router",
                &["udp-client", &format!("{host}:5060"), &far(5060)],
            ),
            _source: source,
            news,
            exchange,
        }
    }

    /// Whether much more arrives than was on its way.
    fn download_goes_on(&mut self, since: &str) -> bool {
        let before = self.download.received();
        let wanted = before + 20 * REPORT_EVERY;
        let after = self.download.receives(wanted, 3 * SOON);
        println!("  download {since}: {before} -> {after} bytes");
        before > 0 && after >= wanted
    }

    /// Whether what the far end sends first reaches the silent reader.
    fn news_arrives(&mut self, text: &str) -> bool {
        self.news.send(text);
        self.reader.says(text, SOON)
    }

    /// Whether the telephone's next datagram is answered, and comes from `address`.
    fn calls_as(&mut self, address: Ipv4Addr) -> bool {
        self.telephone.send("register");
        self.telephone.says(&address.to_string(), SOON)
    }
}

fn tracked() -> String {
    fs::read_to_string("/proc/net/nf_conntrack").expect("a kernel that lists its connections")
}

fn tracked_with(address: Ipv4Addr) -> usize {
    let ends = ["src", "dst"].map(|end| format!("{end}={address} "));
    tracked()
        .lines()
        .filter(|line| ends.iter().any(|end| line.contains(end)))
        .count()
}

/// The box's own connection by the wire, when the carrier link becomes the way out.
fn own_traffic_moves(report: &mut Report, world: &World, leased: Ipv4Addr) {
    let remote = format!("{ELSEWHERE}:5061");
    output(
        "ip",
        &[
            "-n",
            "carrier",
            "addr",
            "add",
            "203.0.113.9/32",
            "dev",
            "lo",
        ],
    );
    let _wired = world.end("router", &["udp-echo", &remote]);
    let _beyond = world.end("carrier", &["udp-echo", &remote]);
    let mut own = world.end("device", &["udp-client", "0.0.0.0:0", &remote]);
    own.send("by the wire");
    report.check(
        "own traffic goes by the wire",
        own.says(&leased.to_string(), SOON),
    );
    world.carrier_is_up(OURS_AT_CARRIER);
    world.wait(|state| state.default_via.as_deref() == Some("ppp0"));
    own.send("by the carrier link");
    report.check(
        "own traffic that moves to the carrier link goes by its address",
        own.says(&OURS_AT_CARRIER.to_string(), SOON),
    );
}

/// The wire changes; the carrier link does not.
fn renewals_and_a_new_lease(
    report: &mut Report,
    world: &mut World,
    flows: &mut Flows,
    leased: Ipv4Addr,
) {
    report.check("UDP under our address", flows.calls_as(OURS_AT_CARRIER));
    let inside = world.end("device", &["push-server", "0.0.0.0:9000"]);
    let monitor = world.end(
        "router",
        &[
            "push-client",
            &ELSEWHERE.to_string(),
            &format!("{leased}:9000"),
        ],
    );
    report.check("the wire has connections", tracked_with(leased) > 0);
    drop((inside, monitor));

    // Another server: it refuses the address at the next renewal.
    let before = flows.download.receives(4 * REPORT_EVERY, SOON);
    world.serve(90, 3);
    let now = another_lease(world, leased);
    println!("  eth0: {leased} -> {now}, {before} bytes downloaded before");
    world.route_by_device();
    report.check(
        "a download outlives a new lease on eth0",
        flows.download_goes_on("since the new lease"),
    );
    report.check(
        "an idle connection outlives a new lease on eth0",
        flows.news_arrives("after the lease"),
    );
    report.check(
        "a UDP mapping outlives a new lease on eth0",
        flows.calls_as(OURS_AT_CARRIER),
    );
    world.wait_until("connections by the old lease forgotten", || {
        tracked_with(leased) == 0
    });
    report.equal("no connection by the old lease", tracked_with(leased), 0);

    let entries = tracked_with(OURS_AT_CARRIER);
    let grants = world.grants();
    world.wait_until("two renewals", || world.grants() >= grants + 2);
    report.check(
        "a renewal touches nothing",
        tracked_with(OURS_AT_CARRIER) >= entries && flows.news_arrives("after renewals"),
    );
}

fn redial_with_the_same_address(report: &mut Report, world: &World, flows: &mut Flows) {
    let before = tracked_with(OURS_AT_CARRIER);
    StateFile::new().publish(&UplinkState::default()).unwrap();
    world.wait(|state| state.default_via.as_deref() != Some("ppp0"));
    world.carrier_is_up(OURS_AT_CARRIER);
    world.wait(|state| state.default_via.as_deref() == Some("ppp0"));
    let after = tracked_with(OURS_AT_CARRIER);
    println!("  redial: {before} connections before, {after} after");
    report.check(
        "an idle connection outlives a redial with the same address",
        flows.news_arrives("after the redial"),
    );
    report.check(
        "a UDP mapping outlives a redial with the same address",
        flows.calls_as(OURS_AT_CARRIER),
    );
    report.check(
        "a download outlives a redial with the same address",
        flows.download_goes_on("since the redial"),
    );
}

/// The interface goes with the call, as that of the real stick does. With it the kernel forgets
/// what was masqueraded by it, so that only a connection whose near end speaks comes back.
fn redial_with_another_interface(report: &mut Report, world: &World, flows: &mut Flows) {
    let before = tracked_with(OURS_AT_CARRIER);
    StateFile::new().publish(&UplinkState::default()).unwrap();
    world.remove_carrier();
    world.wait(|state| state.default_via.as_deref() != Some("ppp0"));
    let between = tracked_with(OURS_AT_CARRIER);
    world.add_carrier();
    world.carrier_is_up(OURS_AT_CARRIER);
    world.wait(|state| state.default_via.as_deref() == Some("ppp0"));
    println!("  interface replaced: {before} connections before, {between} without it");
    report.check(
        "a UDP mapping comes back after a redial",
        flows.calls_as(OURS_AT_CARRIER),
    );
}

/// The carrier link changes; the wire does not.
fn another_carrier_address(
    report: &mut Report,
    world: &World,
    flows: &mut Flows,
    leased: Ipv4Addr,
) {
    let mut inside = world.end("device", &["push-server", "0.0.0.0:9000"]);
    let mut monitor = world.end(
        "router",
        &[
            "push-client",
            &ELSEWHERE.to_string(),
            &format!("{leased}:9000"),
        ],
    );
    let wired = tracked_with(leased);
    let before = tracked_with(OURS_AT_CARRIER);
    world.carrier_is_up(SECOND);
    world.wait_until("the second address", || {
        output("ip", &["-4", "-o", "addr", "show", "dev", "ppp0"]).contains(&SECOND.to_string())
    });
    world.wait_until("connections by the first address forgotten", || {
        tracked_with(OURS_AT_CARRIER) == 0
    });
    println!(
        "  carrier: {before} connections by the old address -> 0; by the wire {wired} -> {}",
        tracked_with(leased)
    );
    inside.send("over the wire");
    report.check(
        "a connection by the wire outlives another carrier address",
        monitor.says("over the wire", SOON) && tracked_with(leased) >= wired,
    );
    report.check(
        "a UDP mapping recovers under the new address",
        flows.calls_as(SECOND),
    );
    report.check(
        "and the far end sees it there",
        flows.exchange.says(&format!("from {SECOND}"), SOON),
    );

    // Down, and up with another: the way of a redial.
    StateFile::new().publish(&UplinkState::default()).unwrap();
    world.wait(|state| state.default_via.as_deref() != Some("ppp0"));
    world.carrier_is_up(THIRD);
    world.wait(|state| state.default_via.as_deref() == Some("ppp0"));
    report.equal("nothing is left of the second", tracked_with(SECOND), 0);
    report.check("a UDP mapping recovers again", flows.calls_as(THIRD));
}

/// The service dies while the carrier link is down, and so cannot know what its address was.
fn changed_while_not_running(report: &mut Report, world: &World, service: Running) -> Running {
    let exchange = world.end("carrier", &["udp-echo", &format!("{INTERNET}:5060")]);
    let mut telephone = world.end(
        "router",
        &[
            "udp-client",
            &format!("{LAN_HOST}:5060"),
            &format!("{INTERNET}:5060"),
        ],
    );
    telephone.send("register");
    report.check("UDP again", telephone.says(&THIRD.to_string(), SOON));
    StateFile::new().publish(&UplinkState::default()).unwrap();
    world.wait(|state| state.default_via.as_deref() != Some("ppp0"));
    service.kill();
    report.check("its connection is still tracked", tracked_with(THIRD) > 0);
    world.forget();
    let service = world.start();
    world.carrier_is_up(OURS_AT_CARRIER);
    world.wait(|state| state.default_via.as_deref() == Some("ppp0") && state.lan.is_some());
    telephone.send("register");
    report.check(
        "a UDP mapping recovers from a change behind the service's back",
        telephone.says(&OURS_AT_CARRIER.to_string(), SOON),
    );
    drop(exchange);
    service
}

/// A flood fills the table, and goes on, when the carrier's address changes.
fn full_table(report: &mut Report, world: &World, service: &Running) {
    assert!(world.fill(INTERNET, FULL).wait().unwrap().success());
    let before = tracked_with(OURS_AT_CARRIER);
    report.check("the table is full", before >= usize::from(FULL));
    let memory = service.peak_memory();
    let mut flood = world.fill(INTERNET, FULL);
    world.carrier_is_up(SECOND);
    world.wait_until("the second address", || {
        output("ip", &["-4", "-o", "addr", "show", "dev", "ppp0"]).contains(&SECOND.to_string())
    });
    world.wait_until("a full table swept", || tracked_with(OURS_AT_CARRIER) == 0);
    assert!(flood.wait().unwrap().success());
    let grown = service.peak_memory() - memory;
    println!("  full table: {before} connections -> 0; peak memory + {grown} KiB");
    report.equal("nothing is left", tracked_with(OURS_AT_CARRIER), 0);
    // The table alone would be 4 MB as the kernel gives it out.
    report.check("in bounded memory", grown < 1024);
}
