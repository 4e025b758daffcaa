//! What stands between strangers and the HTTP server: bounds on connections, bytes and seconds.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    rc::Rc,
    time::Duration,
};

use failberry_state::{BootMillis, HealthState, StateFile};
use smol::{
    Async, LocalExecutor, Timer,
    future::FutureExt,
    io::{AsyncReadExt, AsyncWriteExt},
};

use crate::{
    backend::Backend,
    head::{Head, Progress},
};

/// Connections served at a time over both ports; sixteen checkers ask about once in 2 s.
const MAX_CONNECTIONS: usize = 32;

/// Time from accept to the end of the answer; Route 53 gives up after 4 s.
const DEADLINE: Duration = Duration::from_secs(6);

/// Pause after a failed accept (no descriptors, no memory), so that it cannot spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Shortest time between two writes of the state file.
const PUBLISH_EVERY_MS: u64 = 10_000;

/// Longest answer in bytes that is passed on at a time.
const CHUNK: usize = 2048;

/// How one exchange ended.
enum Outcome {
    Answered,
    Malformed(&'static str),
}

/// Counters and limits shared by both ports.
pub(crate) struct Gate {
    open: Cell<usize>,
    state: RefCell<HealthState>,
    published: Cell<Option<BootMillis>>,
    file: StateFile<HealthState>,
}

impl Gate {
    pub(crate) fn new(file: StateFile<HealthState>) -> Self {
        Self {
            open: Cell::new(0),
            state: RefCell::new(HealthState {
                listening: true,
                ..HealthState::default()
            }),
            published: Cell::new(None),
            file,
        }
    }

    /// Serves every connection to `listener` out of `backend`, for ever.
    pub(crate) async fn serve(self: Rc<Self>, listener: Async<TcpListener>, backend: Backend) {
        let connections = LocalExecutor::new();
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) if self.open.get() < MAX_CONNECTIONS => {
                        let gate = Rc::clone(&self);
                        let backend = backend.clone();
                        self.open.set(self.open.get() + 1);
                        connections.spawn(gate.connection(stream, backend)).detach();
                    }
                    // Closing at once is the cheapest honest answer to a flood.
                    Ok(_) => self.count(&Outcome::Malformed("too many connections")),
                    Err(error) => {
                        log::warn!("accept: {error}");
                        Timer::after(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        connections.run(accept).await;
    }

    async fn connection(self: Rc<Self>, stream: Async<TcpStream>, backend: Backend) {
        let outcome = exchange(stream, backend)
            .or(async {
                Timer::after(DEADLINE).await;
                Ok(Outcome::Malformed("too slow"))
            })
            .await;
        self.open.set(self.open.get() - 1);
        // A peer that goes away is no news.
        self.count(&outcome.unwrap_or(Outcome::Malformed("connection lost")));
    }

    fn count(&self, outcome: &Outcome) {
        {
            let mut state = self.state.borrow_mut();
            match outcome {
                Outcome::Answered => state.answered += 1,
                Outcome::Malformed(why) => {
                    state.malformed += 1;
                    // Powers of two: the first is told at once, a flood costs a line a doubling.
                    if state.malformed.is_power_of_two() {
                        log::warn!("request no. {} that made no sense: {why}", state.malformed);
                    }
                }
            }
        }
        let now = BootMillis::now();
        if self
            .published
            .get()
            .is_none_or(|last| now.since(last) >= PUBLISH_EVERY_MS)
        {
            self.publish();
        }
    }

    pub(crate) fn publish(&self) {
        self.published.set(Some(BootMillis::now()));
        if let Err(error) = self.file.publish(&self.state.borrow()) {
            log::warn!("{error}");
        }
    }
}

/// One request in, one answer out.
async fn exchange(mut stream: Async<TcpStream>, backend: Backend) -> io::Result<Outcome> {
    let mut head = Head::new();
    loop {
        let count = stream.read(head.room()).await?;
        if count == 0 {
            return Ok(Outcome::Malformed("ended before its empty line"));
        }
        match head.filled(count) {
            Progress::Incomplete => {}
            Progress::Complete => break,
            Progress::TooLong => {
                stream.write_all(TOO_LARGE).await?;
                return Ok(Outcome::Malformed("head too long"));
            }
        }
    }
    let Some(line) = head.request_line() else {
        stream.write_all(BAD_REQUEST).await?;
        return Ok(Outcome::Malformed("not HTTP"));
    };
    // Nothing but this line decides the answer. `tiny_http` would reserve as much memory as a
    // Content-Length asks for, and lend its ear to Expect and Transfer-Encoding.
    let mut inner = Async::<UnixStream>::connect(backend.path()).await?;
    inner.write_all(line).await?;
    inner.write_all(b"\r\n\r\n").await?;
    inner.get_ref().shutdown(std::net::Shutdown::Write)?;
    let outcome = relay(&mut inner, &mut stream).await?;
    stream.close().await?;
    Ok(outcome)
}

const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

const TOO_LARGE: &[u8] =
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Passes the answer on and judges it by its status line.
async fn relay(from: &mut Async<UnixStream>, to: &mut Async<TcpStream>) -> io::Result<Outcome> {
    let mut outcome = Outcome::Malformed("no answer");
    let mut chunk = [0; CHUNK];
    let mut first = true;
    loop {
        let count = from.read(&mut chunk).await?;
        let Some(bytes) = chunk.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return Ok(outcome);
        };
        if first {
            first = false;
            outcome = if bytes.starts_with(b"HTTP/1.1 400") || bytes.starts_with(b"HTTP/1.1 5") {
                Outcome::Malformed("not HTTP")
            } else {
                Outcome::Answered
            };
        }
        to.write_all(bytes).await?;
    }
}

#[cfg(test)]
mod tests {
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
    fn idle_connections_do_not_shut_others_out_for_long() {
        let home = tempfile::tempdir().unwrap();
        let (address, _counts) = start(home.path());
        let idle: Vec<_> = (0..MAX_CONNECTIONS)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        assert_eq!(
            ask(address, b"GET / HTTP/1.0\r\n\r\n"),
            "",
            "one too many is closed at once"
        );
        drop(idle);
        let answered = (0..50).any(|_| ask(address, b"GET / HTTP/1.0\r\n\r\n").contains(" 200 "));
        assert!(answered, "served again once they are gone");
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
}
