//! The real gate on a real port, against whatever a stranger sends.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    path::Path,
    sync::mpsc,
    thread,
    time::Instant,
};

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::pages::Site;

type Counts = smol::channel::Sender<mpsc::Sender<HealthState>>;

/// The real thing on a free port, and its counters; the process's end is its end.
fn start(home: &Path) -> (SocketAddr, Counts) {
    std::fs::create_dir_all(home.join("health")).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let home = home.to_owned();
    let (counts, asked) = smol::channel::unbounded::<mpsc::Sender<HealthState>>();
    thread::spawn(move || {
        let backend = Backend::start(&home.join("test.sock"), Site::Public).unwrap();
        let gate = Rc::new(Gate::new(StateFile::under(&home)));
        let tell = async {
            while let Ok(asker) = asked.recv().await {
                asker.send(gate.state.borrow().clone()).unwrap();
            }
        };
        let serve = Rc::clone(&gate).serve(Async::new(listener).unwrap(), backend);
        smol::block_on(serve.or(tell));
    });
    (address, counts)
}

/// The counters once they add up to `total`; an exchange is counted after its connection ends.
fn counted(counts: &Counts, total: u64) -> HealthState {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let (asker, told) = mpsc::channel();
        counts.send_blocking(asker).unwrap();
        let state = told.recv_timeout(Duration::from_secs(10)).unwrap();
        if state.answered + state.malformed == total {
            return state;
        }
        assert!(Instant::now() < end, "{total} requests, but {state:?}");
        thread::yield_now();
    }
}

fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    // The gate may close on us half way; what matters is what it says.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn good_requests_are_answered_in_few_bytes_and_bad_ones_cost_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (address, _counts) = start(home.path());
    let good = b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: Amazon-Route53-Health-Check\r\n\r\n";
    let answer = ask(address, good);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"),
        "{answer}"
    );
    assert!(answer.len() < 200, "{} bytes", answer.len());

    for bad in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/1.1\r\n",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 9000000000000000000\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"GET / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        &vec![b'A'; 100_000],
        &[0; 10],
    ] {
        let answer = ask(address, bad);
        assert!(!answer.starts_with("HTTP/1.1 5"), "{answer}");
        assert!(ask(address, good).contains(" 200 "), "after {bad:?}");
    }
}

#[test]
fn idle_connections_shut_nobody_out() {
    let home = tempfile::tempdir().unwrap();
    let (address, counts) = start(home.path());
    let connect = || TcpStream::connect(address).unwrap();
    let mut idle: Vec<_> = (0..MAX_CONNECTIONS).map(|_| connect()).collect();
    for nth in 1..=3 {
        let answer = ask(address, b"GET / HTTP/1.0\r\n\r\n");
        assert!(answer.contains(" 200 "), "{answer}");
        // The first question costs the oldest its place, which the others then use.
        assert_eq!(counted(&counts, nth + 1).malformed, 1);
    }
    let mut oldest = idle.remove(0);
    let patience = Some(Duration::from_secs(10));
    oldest.set_read_timeout(patience).unwrap();
    assert_eq!(oldest.read(&mut [0]).unwrap(), 0, "the oldest is closed");
    let mut youngest = idle.pop().unwrap();
    youngest.set_read_timeout(patience).unwrap();
    youngest.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    youngest.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 200 "), "the youngest is served: {answer}");
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
        "0",
        "7",
        "9000000000000000000",
        "18446744073709551615",
        "-1",
        "Transfer-Encoding: chunked",
        "TE: a;q=2",
        "Expect: 100-continue",
        "Connection: Upgrade",
        "Upgrade: x",
        "Range: bytes=0-",
        "\0",
        "\u{e9}",
    ]);
    vec(pieces, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A whole head with fields that ask for something.
fn demanding() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["GET", "HEAD", "POST"]);
    let name = select(vec![
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Expect",
        "Connection",
        "Upgrade",
    ]);
    let value = prop_oneof![
        any::<u64>().prop_map(|n| n.to_string()),
        select(vec![
            "chunked",
            "100-continue",
            "Upgrade",
            "close",
            "gzip;q=1"
        ])
        .prop_map(str::to_owned),
    ];
    let field = (name, value).prop_map(|(name, value)| format!("{name}: {value}\r\n"));
    (method, vec(field, 0..6), near_http()).prop_map(|(method, fields, rest)| {
        let head = format!("{method} / HTTP/1.1\r\n{}\r\n", fields.concat());
        [head.into_bytes(), rest].concat()
    })
}

#[test]
fn any_bytes_are_survived_and_counted() {
    let home = tempfile::tempdir().unwrap();
    let (address, counts) = start(home.path());
    let total = Cell::new(0);
    let bytes = prop_oneof![vec(any::<u8>(), 0..6000), near_http(), demanding()];
    proptest!(ProptestConfig::with_cases(300), |(bytes in bytes)| {
        let before = counted(&counts, total.get());
        let got = ask(address, &bytes);
        let after = counted(&counts, total.get() + 1);
        if ["200", "404", "405"].iter().any(|status| got.starts_with(&format!("HTTP/1.1 {status}"))) {
            prop_assert_eq!(after.answered, before.answered + 1, "{}", got);
        }
        let good = ask(address, b"GET / HTTP/1.0\r\n\r\n");
        prop_assert!(good.contains(" 200 "), "{}", good);
        let then = counted(&counts, total.get() + 2);
        prop_assert_eq!(then.answered, after.answered + 1);
        total.set(total.get() + 2);
    });
}
