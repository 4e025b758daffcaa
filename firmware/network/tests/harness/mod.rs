//! Test network around the service, and the report of checks.

mod correspondents;
pub(crate) mod flow;
mod report;
mod running;

use std::{
    fs,
    io::Write,
    net::Ipv4Addr,
    os::fd::AsFd,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use failberry_service::Service;
use failberry_state::{NetworkState, Watcher, read};
use nix::{
    mount::{MsFlags, mount},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};

pub(crate) use correspondents::{Listening, bound, connect, garbage, listen};
pub(crate) use flow::End;
pub(crate) use report::Report;
pub(crate) use running::Running;

pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 1);
/// A host on the LAN, in the router's namespace too.
pub(crate) const LAN_HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 20);
/// A host behind the router, as far as the device can tell.
pub(crate) const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
pub(crate) const CARRIER: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);
pub(crate) const OURS_AT_CARRIER: Ipv4Addr = Ipv4Addr::new(10, 112, 7, 5);
/// A host behind the carrier.
pub(crate) const INTERNET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// Ample for what takes milliseconds, on a machine that builds something else meanwhile.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

const LEASES: &str = "/run/dnsmasq.leases";
const SERVER_LOG: &str = "/run/dnsmasq.log";

/// Returns the missing prerequisites.
pub(crate) fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !geteuid().is_root() {
        missing.push("root");
    }
    for (program, argument) in [("ip", "-V"), ("dnsmasq", "--version")] {
        if Command::new(program)
            .arg(argument)
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            missing.push(program);
        }
    }
    missing
}

/// Returns the output of a command that must succeed.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Returns a command that runs this program in another role, in a namespace.
fn ourselves(namespace: &str, words: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap();
    let mut command = if namespace == "device" {
        Command::new(own)
    } else {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(own);
        command
    };
    command.args(words);
    command
}

/// The namespaces; this process is in the device's.
pub(crate) struct World {
    watcher: Watcher,
    server: Child,
}

impl World {
    pub(crate) fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
        for service in [Service::Network, Service::Uplink] {
            let directory = failberry_state::directory(service);
            fs::create_dir_all(&directory).unwrap();
            let id = Some(service.uid());
            std::os::unix::fs::chown(&directory, id, id).unwrap();
        }
        fs::create_dir_all("/run/failberry/config").unwrap();
        for namespace in ["router", "carrier"] {
            output("ip", &["netns", "add", namespace]);
            output("ip", &["-n", namespace, "link", "set", "lo", "up"]);
        }
        let router = |words: &[&str]| output("ip", &[&["-n", "router"], words].concat());
        // The far end waits for the near one, which the device does not have yet.
        router(&[
            "link", "add", "lan0", "type", "veth", "peer", "name", "spare",
        ]);
        router(&["addr", "add", "192.168.88.1/24", "dev", "lan0"]);
        router(&["addr", "add", "192.168.88.20/24", "dev", "lan0"]);
        router(&["addr", "add", "203.0.113.9/32", "dev", "lo"]);
        router(&["link", "set", "lan0", "up"]);
        Self {
            watcher: Watcher::new(&[Service::Network]).unwrap(),
            server: dnsmasq(50, &[]),
        }
    }

    pub(crate) fn start(&self) -> Running {
        Running::start(ourselves("device", &["service"]))
    }

    pub(crate) fn plug_lan(&self) {
        let pid = std::process::id().to_string();
        let device = [
            "-n", "router", "link", "set", "spare", "netns", &pid, "name", "eth0",
        ];
        output("ip", &device);
    }

    /// Point to point: there is no ARP, so both ends must have the same Ethernet address.
    pub(crate) fn add_carrier(&self) {
        const BOTH: &str = "02:00:00:00:00:01";
        let add = "link add ppp0 type veth peer name far netns carrier";
        output("ip", &add.split(' ').collect::<Vec<_>>());
        output(
            "ip",
            &["link", "set", "ppp0", "arp", "off", "address", BOTH],
        );
        let carrier = |words: &[&str]| output("ip", &[&["-n", "carrier"], words].concat());
        carrier(&["link", "set", "far", "arp", "off", "address", BOTH]);
        carrier(&["addr", "add", "10.64.64.64/32", "dev", "far"]);
        carrier(&["addr", "replace", "198.51.100.7/32", "dev", "lo"]);
        carrier(&["link", "set", "far", "up"]);
        for ours in ["10.112.7.5/32", "10.112.7.6/32", "10.112.7.7/32"] {
            carrier(&["route", "add", ours, "dev", "far"]);
        }
    }

    /// The interface goes, with its far end.
    pub(crate) fn remove_carrier(&self) {
        output("ip", &["link", "del", "ppp0"]);
    }

    pub(crate) fn cable(&self, plugged: bool) {
        let way = if plugged { "up" } else { "down" };
        output("ip", &["-n", "router", "link", "set", "lan0", way]);
    }

    /// Returns the service's state once it is as wanted.
    pub(crate) fn wait(&self, wanted: impl Fn(&NetworkState) -> bool) -> NetworkState {
        let end = Instant::now() + BOUND;
        loop {
            self.watcher.drain();
            let state: NetworkState = read().unwrap();
            if wanted(&state) {
                return state;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the state stays {state:?}");
            let timeout = PollTimeout::try_from(left).unwrap();
            poll(
                &mut [PollFd::new(self.watcher.as_fd(), PollFlags::POLLIN)],
                timeout,
            )
            .unwrap();
        }
    }

    pub(crate) fn leases(&self) -> String {
        fs::read_to_string(LEASES).unwrap()
    }

    /// Whether the server has granted `address` so many times, or does so within the bound.
    pub(crate) fn granted(&self, address: Ipv4Addr, times: usize) -> bool {
        let line = format!("DHCPACK(lan0) {address}");
        comes_true(|| {
            fs::read_to_string(SERVER_LOG)
                .unwrap()
                .matches(&line)
                .count()
                >= times
        })
    }

    /// Waits for a condition without an event.
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        assert!(comes_true(holds), "not within {BOUND:?}: {what}");
    }

    /// Removes the state published by an earlier process of the service.
    pub(crate) fn forget(&self) {
        fs::remove_file("/run/failberry/network/state.json").unwrap();
    }

    /// Starts another program that owns the service's table until the value is dropped.
    pub(crate) fn occupy_table(&self) -> Owner {
        succeeds("nft", &["delete", "table", "inet", "failberry"]);
        let mut nft = Command::new("nft");
        let mut nft = nft.arg("-i").stdin(Stdio::piped()).spawn().unwrap();
        let stdin = nft.stdin.as_mut().unwrap();
        stdin
            .write_all(b"add table inet failberry { flags owner; }\n")
            .unwrap();
        let owned = || output("nft", &["list", "tables"]).contains("failberry");
        self.wait_until("nft owns the table", owned);
        Owner(nft)
    }

    pub(crate) fn resolv(&self) -> String {
        fs::read_to_string(failberry_network::resolv::PATH).unwrap()
    }

    pub(crate) fn garbage(&self) {
        assert!(
            ourselves("router", &["garbage"])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn connects(&self, namespace: &str, from: Ipv4Addr, to: &str) -> bool {
        let from = from.to_string();
        if namespace == "router" {
            self.route_by_device();
        }
        ourselves(namespace, &["connect", &from, to])
            .status()
            .unwrap()
            .success()
    }

    /// The router sends what is for the carrier's side by way of the device.
    pub(crate) fn route_by_device(&self) {
        let lan = read::<NetworkState>().unwrap().lan.unwrap();
        let leased = lan.address.to_string();
        let change = "-n router route replace 198.51.100.0/24 via";
        let words: Vec<&str> = change.split(' ').chain([leased.as_str()]).collect();
        output("ip", &words);
    }

    /// Another DHCP server takes the place of the last: it knows no lease, gives addresses from
    /// `first` on, and wants to be asked again after `renewal` seconds.
    pub(crate) fn serve(&mut self, first: u8, renewal: u32) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        for file in [LEASES, SERVER_LOG] {
            let _ = fs::remove_file(file);
        }
        self.server = dnsmasq(first, &[&format!("--dhcp-option=option:T1,{renewal}")]);
    }

    /// How often the server has granted an address.
    pub(crate) fn grants(&self) -> usize {
        let log = fs::read_to_string(SERVER_LOG).unwrap();
        log.matches("DHCPACK(lan0)").count()
    }

    /// One end of a connection, see [`flow::run`].
    pub(crate) fn end(&self, namespace: &str, words: &[&str]) -> End {
        End::start(ourselves(namespace, words))
    }

    /// Makes `count` connections from a LAN host to `to`.
    pub(crate) fn fill(&self, to: Ipv4Addr, count: u16) -> Child {
        let words = [
            "udp-fill",
            &format!("{LAN_HOST}:7000"),
            &to.to_string(),
            &count.to_string(),
        ];
        ourselves("router", &words).spawn().unwrap()
    }

    /// Whether the device reaches `to` by "wire" or by "carrier" alone, as an ordinary user.
    pub(crate) fn reaches_by(&self, link: &str, to: &str) -> bool {
        let mut bound = ourselves("device", &["bound", link, to]);
        bound.status().unwrap().success()
    }

    pub(crate) fn listen(&self, namespace: &str, at: &str) -> Listening {
        Listening::start(ourselves(namespace, &["listen", at]))
    }
}

/// See [`World::occupy_table`].
pub(crate) struct Owner(Child);

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// For what has no event to wait for: another program's file, the kernel's tables.
fn comes_true(holds: impl Fn() -> bool) -> bool {
    let end = Instant::now() + BOUND;
    while !holds() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn dnsmasq(first: u8, more: &[&str]) -> Child {
    let options = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--user=root",
        "--pid-file=",
        "--port=0",
        "--interface=lan0",
        "--bind-interfaces",
        "--no-ping",
        "--dhcp-authoritative",
        "--dhcp-option=option:router,192.168.88.1",
        "--dhcp-option=option:dns-server,192.168.88.1",
        "--log-dhcp",
    ];
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", "router", "dnsmasq"])
        .args(options);
    let last = first + 10;
    command
        .args(more)
        .arg(format!(
            "--dhcp-range=192.168.88.{first},192.168.88.{last},255.255.255.0,1h"
        ))
        .arg(format!("--dhcp-leasefile={LEASES}"))
        .arg(format!("--log-facility={SERVER_LOG}"));
    let child = command.spawn().unwrap();
    assert!(
        comes_true(|| Path::new(SERVER_LOG).exists()),
        "dnsmasq does not start"
    );
    child
}
