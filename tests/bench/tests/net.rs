//! The network around the box; needs root and dnsmasq.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there and say so"
)]

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use failberry_bench::net::{INTERNET_ADDRESS, LAN_HOST, NetError, TestNetwork};

const BOUND: Duration = Duration::from_secs(10);

#[test]
fn stale_namespaces_removed_live_ones_locked() {
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "a_run_that_is_killed",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(run.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains(HOLDING)));
    assert_ne!(processes("fbleft-router"), "");
    let error = TestNetwork::create("fbleft").unwrap_err();
    assert!(matches!(error, NetError::InUse { .. }), "{error}");

    run.kill().unwrap();
    run.wait().unwrap();
    // The kernel kills the servers, as soon as it comes to that.
    let end = Instant::now() + BOUND;
    while ["router", "net"].map(|part| processes(&format!("fbleft-{part}"))) != ["", ""] {
        assert!(
            Instant::now() < end,
            "servers outlive the run that started them"
        );
        std::thread::yield_now();
    }
    drop(TestNetwork::create("fbleft").unwrap());
    for part in ["router", "lan", "net"] {
        let handle = Path::new("/run/netns").join(format!("fbleft-{part}"));
        assert!(!handle.exists(), "{} is still there", handle.display());
    }
}

/// What the run that is going to be killed says when it is there.
const HOLDING: &str = "holding a world";

#[test]
#[ignore = "started, and killed, by the test above"]
fn a_run_that_is_killed() {
    let _network = TestNetwork::create("fbleft").unwrap();
    println!("{HOLDING}");
    std::thread::park();
}

fn processes(namespace: &str) -> String {
    let output = Command::new("ip")
        .args(["netns", "pids", namespace])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn router_leases_address_and_internet_resolves() {
    let network = TestNetwork::create("fbnet").unwrap();
    assert_eq!(network.leases().unwrap(), []);
    let (offered, lease) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| network.wait_lease(BOUND));
        let client = network.lan().run(|| UdpSocket::bind("0.0.0.0:68").unwrap());
        (acquire(&client), waiting.join().unwrap().unwrap())
    });
    assert_eq!(offered, lease);
    assert_eq!(lease.octets()[..3], LAN_HOST.octets()[..3]);
    assert!((50..=99).contains(&lease.octets()[3]), "{lease}");
    assert_eq!(network.leases().unwrap()[0].mac, "02:00:00:00:00:07");

    let asker = network
        .internet()
        .run(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    let answer = resolve(&asker, INTERNET_ADDRESS);
    assert!(answer.ends_with(&INTERNET_ADDRESS.octets()), "{answer:?}");

    network.set_default_route(lease).unwrap();
    let routes = network
        .router()
        .command("ip")
        .args(["route"])
        .output()
        .unwrap();
    let routes = String::from_utf8(routes.stdout).unwrap();
    assert!(
        routes.contains(&format!("default via {lease} dev br0")),
        "{routes}"
    );
}

/// Asks with repeats, because datagrams may get lost.
fn ask(
    socket: &UdpSocket,
    question: &[u8],
    to: (Ipv4Addr, u16),
    is_answer: impl Fn(&[u8]) -> bool,
) -> Vec<u8> {
    let mut buffer = [0; 1500];
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    for _ in 0..20 {
        socket.send_to(question, to).unwrap();
        while let Ok(length) = socket.recv(&mut buffer) {
            if is_answer(&buffer[..length]) {
                return buffer[..length].to_vec();
            }
        }
    }
    panic!("no answer from {to:?}");
}

fn resolve(socket: &UdpSocket, server: Ipv4Addr) -> Vec<u8> {
    let mut question = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    question.extend(b"\x02s3\x09failberry\x04test\0\0\x01\0\x01");
    ask(socket, &question, (server, 53), |_| true)
}

/// DISCOVER and REQUEST (RFC 2131) of a client that wants its answers broadcast.
fn acquire(socket: &UdpSocket) -> Ipv4Addr {
    socket.set_broadcast(true).unwrap();
    let mut packet = vec![0; 240];
    packet[..8].copy_from_slice(&[1, 1, 6, 0, 9, 9, 9, 9]);
    packet[10] = 0x80;
    packet[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 7]);
    packet[236..].copy_from_slice(&[99, 130, 83, 99]);
    let everybody = (Ipv4Addr::BROADCAST, 67);
    let is = |kind| move |answer: &[u8]| answer[240..243] == [53, 1, kind];
    let discover = [&packet, [53, 1, 1, 255].as_slice()].concat();
    let offer = ask(socket, &discover, everybody, is(2));
    let address: [u8; 4] = offer[16..20].try_into().unwrap();
    let mut request = packet;
    request.extend([53, 1, 3, 50, 4]);
    request.extend(address);
    request.extend([54, 4, 192, 168, 88, 1, 255]);
    ask(socket, &request, everybody, is(5));
    address.into()
}
