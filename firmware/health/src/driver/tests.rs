//! Tests of the event loop on real ports, with arbitrary input.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::sys::epoll::EpollEvent;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{gate::RequestCounters, pages::Page};

/// Limit for all waits; longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

type Counts = mpsc::Sender<mpsc::Sender<(RequestCounters, RequestCounters)>>;

struct World {
    public: SocketAddr,
    lan: SocketAddr,
    counts: Counts,
    _home: tempfile::TempDir,
}

fn pages(url: &str) -> Page {
    match url {
        "/panic" => panic!("a page that panics"),
        "/long" => Page::text(200, "x".repeat(200_000)),
        "/endless" => Page::text(200, "x".repeat(300_000)),
        "/" => Page::text(200, "pages\n"),
        _ => Page::text(404, "no such page\n"),
    }
}

/// Starts the event loop on free ports; it ends with the process.
fn start() -> World {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("health")).unwrap();
    let loopback = || listener::bind(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
    let (public, lan) = (loopback(), loopback());
    let (public_at, lan_at) = (public.local_addr().unwrap(), lan.local_addr().unwrap());
    let (counts, asked) = mpsc::channel::<mpsc::Sender<(RequestCounters, RequestCounters)>>();
    let path: &Path = home.path();
    let mut driver = Driver::new(
        public,
        lan,
        path.join("pages.sock"),
        pages,
        StateFile::under(path),
    )
    .unwrap();
    thread::spawn(move || {
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            driver
                .turn(&mut events, BootMillis::now().plus(10))
                .unwrap();
            for asker in asked.try_iter() {
                let tallies = (driver.public.gate.tally(), driver.lan.gate.tally());
                asker.send(tallies).unwrap();
            }
        }
    });
    World {
        public: public_at,
        lan: lan_at,
        counts,
        _home: home,
    }
}

impl World {
    /// Returns the counters of the public port once they add up to `total`.
    fn counted(&self, total: u64) -> RequestCounters {
        let end = Instant::now() + PATIENCE;
        loop {
            let (asker, answer) = mpsc::channel();
            self.counts.send(asker).unwrap();
            let (tally, _) = answer.recv_timeout(PATIENCE).unwrap();
            if tally.answered + tally.malformed == total {
                return tally;
            }
            assert!(Instant::now() < end, "{total} requests, but {tally:?}");
            thread::yield_now();
        }
    }
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Returns what is received until the other end closes, and whether that was an orderly end.
fn ask(to: SocketAddr, request: &[u8], half_close: bool) -> (String, bool) {
    let mut stream = connect(to);
    // The server may close before all is sent; only its answer matters.
    let _ = stream.write_all(request);
    if half_close {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let orderly = stream.read_to_end(&mut answer).is_ok();
    (String::from_utf8_lossy(&answer).into_owned(), orderly)
}

#[test]
fn checkers_are_answered_in_few_bytes_of_known_kind() {
    let world = start();
    for half_close in [false, true] {
        for (request, status, body) in [
            (GET, "200 OK", "ok\n"),
            (b"GET /?a HTTP/1.0\r\n\r\n", "200 OK", "ok\n"),
            (b"HEAD / HTTP/1.1\r\n\r\n", "200 OK", ""),
            (b"GET /x HTTP/1.1\r\n\r\n", "404 Not Found", ""),
            (
                b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "405 Method Not Allowed",
                "",
            ),
            (b"\r\n\r\n", "400 Bad Request", ""),
            (b"GET / HTTP/9.9\r\n\r\n", "400 Bad Request", ""),
            (&[0; 10], "400 Bad Request", ""),
            (&[b'A'; 3000], "414 URI Too Long", ""),
        ] {
            let (answer, orderly) = ask(world.public, request, half_close);
            let start = format!("HTTP/1.1 {status}\r\n");
            let end = format!("\r\nConnection: close\r\n\r\n{body}");
            assert!(
                answer.starts_with(&start) && answer.ends_with(&end),
                "{answer}"
            );
            assert!(answer.len() < 200 && orderly, "{answer}");
            assert!(
                !answer.contains("Server:") && !answer.contains("Date:"),
                "{answer}"
            );
        }
    }
}

#[test]
fn answer_survives_bytes_behind_the_request() {
    let world = start();
    let pipelined = GET.repeat(400);
    let body = [
        b"POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n".as_slice(),
        &vec![7; 60_000],
    ];
    for (request, status) in [(pipelined, 200), (body.concat(), 405)] {
        for half_close in [false, true] {
            let (answer, orderly) = ask(world.public, &request, half_close);
            let start = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&start) && orderly, "{answer} {orderly}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        }
    }
}

#[test]
fn pages_are_served_bounded_and_cannot_be_sniffed() {
    let world = start();
    for half_close in [false, true] {
        let (page, _) = ask(
            world.lan,
            b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
            half_close,
        );
        assert!(
            page.starts_with("HTTP/1.1 200 ") && page.ends_with("\r\n\r\npages\n"),
            "{page}"
        );
        assert!(
            page.contains("X-Content-Type-Options: nosniff\r\n"),
            "{page}"
        );
        let (long, _) = ask(world.lan, b"GET /long HTTP/1.0\r\n\r\n", half_close);
        assert!(long.matches('x').count() >= 200_000, "{} bytes", long.len());
        for (request, status) in [
            (&b"GET /endless HTTP/1.1\r\n\r\n"[..], 503),
            (b"GET /y HTTP/1.1\r\n\r\n", 404),
            (b"POST / HTTP/1.1\r\n\r\n", 405),
            (b"GET / HTTP/9.9\r\n\r\n", 400),
        ] {
            let (answer, _) = ask(world.lan, request, half_close);
            let start = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&start), "{answer}");
        }
    }
    // A burst is served, or refused at once; none is left without an answer.
    let burst: Vec<TcpStream> = (0..LAN_PLACES - 4)
        .map(|_| {
            let mut stream = connect(world.lan);
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let mut served = 0;
    for mut stream in burst {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let refused = answer.starts_with("HTTP/1.1 503 ");
        assert!(refused || answer.ends_with("pages\n"), "{answer}");
        served += usize::from(!refused);
    }
    assert!(
        served >= crate::request_queue::MAX_RUNNING,
        "{served} served"
    );
}

/// In its own process: the panic hook affects the whole process.
#[test]
fn panic_in_a_page_does_not_affect_port_9000() {
    const OWN: &str = "FAILBERRY_TEST_PANIC";
    if std::env::var_os(OWN).is_some() {
        let outcome = std::panic::catch_unwind(panics_in_a_page);
        // With threads stuck in the hook the harness could not end.
        std::process::exit(i32::from(outcome.is_err()));
    }
    let name = "driver::tests::panic_in_a_page_does_not_affect_port_9000";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(OWN, "")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("a page that panics"), "{text}");
}

fn panics_in_a_page() {
    crate::confine_panics_to_other_threads();
    let world = start();
    let lan = world.lan;
    let lost = thread::spawn(move || ask(lan, b"GET /panic HTTP/1.1\r\n\r\n", false));
    while !lost.is_finished() {
        let (answer, _) = ask(world.public, GET, false);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let (answer, _) = lost.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let (answer, _) = ask(lan, b"GET / HTTP/1.1\r\n\r\n", false);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn capacities_leave_descriptors_for_others() {
    for files in [0, 1, 64, 100, 1024, 20_000] {
        let (public, lan) = capacities_of(files);
        assert!((1..=PUBLIC_PLACES).contains(&public), "{files}");
        assert!((1..=LAN_PLACES).contains(&lan), "{files}");
        assert!(
            public + lan + OTHER_FILES <= files.max(OTHER_FILES + 2),
            "{files}"
        );
    }
    assert_eq!(capacities_of(1024), (PUBLIC_PLACES, LAN_PLACES));
}

fn near_http() -> impl Strategy<Value = Vec<u8>> {
    let pieces = select(vec![
        "GET",
        "HEAD",
        "POST",
        "OPTIONS",
        " ",
        "/",
        "*",
        "http://x/",
        "/%00?",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/2.0",
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        ":",
        "Host: x",
        "Content-Length: ",
        "18446744073709551615",
        "-1",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Connection: Upgrade",
        "\0",
        "\u{e9}",
    ]);
    vec(pieces, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

#[test]
fn arbitrary_bytes_are_survived_and_counted() {
    let world = start();
    let total = std::cell::Cell::new(0);
    let whole = near_http().prop_map(|rest| [b"GET / HTTP/1.1\r\n".as_slice(), &rest].concat());
    let bytes = prop_oneof![vec(any::<u8>(), 0..6000), near_http(), whole];
    proptest!(ProptestConfig::with_cases(300), |(bytes in bytes)| {
        let before = world.counted(total.get());
        let (got, orderly) = ask(world.public, &bytes, true);
        prop_assert!(orderly);
        let after = world.counted(total.get() + 1);
        let statuses = ["200", "404", "405"];
        let answered = statuses.iter().any(|status| got.starts_with(&format!("HTTP/1.1 {status}")));
        prop_assert_eq!(after.answered, before.answered + u64::from(answered), "{}", got);
        prop_assert!(!got.starts_with("HTTP/1.1 5"), "{}", got);
        prop_assert_eq!(got.is_empty(), bytes.is_empty(), "{}", got);
        let (good, _) = ask(world.public, GET, false);
        prop_assert!(good.contains(" 200 "), "{}", good);
        let then = world.counted(total.get() + 2);
        prop_assert_eq!(then.answered, after.answered + 1);
        total.set(total.get() + 2);
    });
}
