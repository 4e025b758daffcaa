//! HTTPS server with one file, which injects faults.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};
use ureq::tls::{Certificate, RootCerts};

use crate::PREAMBLE;

/// Injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Reads the TLS `ClientHello` and never answers.
    NoHello,
    /// Answers the `ClientHello` one byte at a time.
    HelloDrips,
    /// Reads the request and never answers.
    NoHead,
    /// Sends half of the head.
    HalfHead,
    /// Sends a head that never ends, a byte at a time.
    HeadDrips,
    /// Sends this many bytes of the body and then nothing; connections stay open.
    Silent(usize),
    /// Sends this many and then one byte at a time.
    Drips(usize),
    /// Sends this many and then TLS messages without content.
    Empties(usize),
    /// Sends this many and then one encrypted record, a byte at a time.
    RecordDrips(usize),
    /// Sends this many and closes.
    Cut(usize),
    /// Answers with this status.
    Status(u16),
}

/// Time between two bytes of a slow sender: shorter than any timeout of the tests.
pub(super) const DRIP: Duration = Duration::from_millis(20);

/// The server, and the requests it received.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) roots: RootCerts,
    asked: Arc<Mutex<Vec<String>>>,
    fault: Arc<Mutex<(Fault, u32)>>,
}

impl Server {
    /// Serves `file` at an address on `lo`, with byte ranges or without.
    pub(super) fn start(file: Vec<u8>, ranges: bool) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let fault = Arc::new(Mutex::new((Fault::None, 0)));
        let server = Self {
            url: format!("https://127.0.0.1:{port}/bundle"),
            roots: RootCerts::from(vec![Certificate::from_der(made.cert.der()).to_owned()]),
            asked: asked.clone(),
            fault: fault.clone(),
        };
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (config, file) = (config.clone(), file.clone());
                let (asked, fault) = (asked.clone(), fault.clone());
                thread::spawn(move || {
                    serve(&socket.unwrap(), &config, &file, ranges, &asked, &fault);
                });
            }
        });
        server
    }

    /// Applies this fault to the next `times` exchanges that ask for more than a preamble, or that
    /// meet it before they ask.
    pub(super) fn fails(&self, fault: Fault, times: u32) {
        *self.fault.lock().unwrap() = (fault, times);
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn take(fault: &Mutex<(Fault, u32)>, fits: impl Fn(Fault) -> bool) -> Fault {
    let mut fault = fault.lock().unwrap();
    if fault.1 == 0 || !fits(fault.0) {
        return Fault::None;
    }
    fault.1 -= 1;
    fault.0
}

/// Waits until the client closes.
fn hold(mut socket: &TcpStream) {
    let mut rest = [0; 4096];
    while matches!(socket.read(&mut rest), Ok(1..)) {}
}

fn drip(mut socket: &TcpStream, bytes: impl IntoIterator<Item = u8>) {
    for byte in bytes {
        if socket.write_all(&[byte]).is_err() {
            return;
        }
        thread::sleep(DRIP);
    }
    hold(socket);
}

fn serve(
    socket: &TcpStream,
    config: &Arc<ServerConfig>,
    file: &[u8],
    ranges: bool,
    asked: &Mutex<Vec<String>>,
    fault: &Mutex<(Fault, u32)>,
) {
    match take(fault, |it| matches!(it, Fault::NoHello | Fault::HelloDrips)) {
        Fault::NoHello => return hold(socket),
        // A record of 16,000 bytes, which begins as a ServerHello does.
        Fault::HelloDrips => {
            let record = [0x16, 3, 3, 0x3E, 0x80, 2, 0, 0x3E, 0x7C, 3, 3];
            return drip(socket, record.into_iter().chain([0; 16_000]));
        }
        _ => {}
    }
    let connection = ServerConnection::new(config.clone()).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let Some(range) = range(&mut stream) else {
        return;
    };
    asked.lock().unwrap().push(range.clone());
    let short = format!("0-{}", PREAMBLE - 1);
    let fault = take(fault, |_| range != short);
    // The peer may close at any time.
    let _ = answer(&mut stream, file, ranges.then_some(range.as_str()), fault);
}

type Stream<'a> = StreamOwned<ServerConnection, &'a TcpStream>;

/// Returns the request's `range` header.
fn range(stream: &mut Stream<'_>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    Some(line.unwrap_or_default().to_owned())
}

fn head(file: &[u8], range: Option<&str>) -> (String, Vec<u8>) {
    let Some((from, until)) = range.and_then(|it| it.split_once('-')) else {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", file.len());
        return (head, file.to_vec());
    };
    let from: usize = from.parse().unwrap();
    let until = until.parse().map_or(file.len(), |it: usize| it + 1);
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-{}/{}\r\n\
         content-length: {}\r\n",
        until - 1,
        file.len(),
        until - from
    );
    (head, file[from..until].to_vec())
}

fn answer(
    stream: &mut Stream<'_>,
    file: &[u8],
    range: Option<&str>,
    fault: Fault,
) -> std::io::Result<()> {
    let (mut head, body) = head(file, range);
    if let Fault::Status(status) = fault {
        head = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n");
    }
    head.push_str("connection: close\r\n\r\n");
    match fault {
        Fault::NoHead => {
            hold(stream.sock);
            return Ok(());
        }
        Fault::HalfHead => {
            stream.write_all(&head.as_bytes()[..30])?;
            stream.flush()?;
            hold(stream.sock);
            return Ok(());
        }
        Fault::HeadDrips => {
            stream.write_all(b"HTTP/1.1 206 Partial Content\r\nx: ")?;
            return trickle(stream, |stream| stream.write_all(b"x"));
        }
        _ => stream.write_all(head.as_bytes())?,
    }
    let sent = match fault {
        Fault::Silent(sent)
        | Fault::Drips(sent)
        | Fault::Empties(sent)
        | Fault::RecordDrips(sent)
        | Fault::Cut(sent) => sent.min(body.len()),
        Fault::Status(_) => 0,
        _ => body.len(),
    };
    stream.write_all(&body[..sent])?;
    stream.flush()?;
    match fault {
        Fault::Silent(_) => hold(stream.sock),
        Fault::Drips(_) => return trickle(stream, |stream| stream.write_all(b"x")),
        Fault::Empties(_) => {
            return trickle(stream, |stream| {
                stream.conn.refresh_traffic_keys().unwrap();
                Ok(())
            });
        }
        Fault::RecordDrips(_) => {
            let mut record = Vec::new();
            let rest = body.len().min(sent + 16_000);
            stream.conn.writer().write_all(&body[sent..rest])?;
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut record)?;
            }
            drip(stream.sock, record);
        }
        _ => {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
    }
    Ok(())
}

/// Repeats `more` until the client closes.
fn trickle(
    stream: &mut Stream<'_>,
    more: impl Fn(&mut Stream<'_>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    loop {
        more(stream)?;
        stream.flush()?;
        thread::sleep(DRIP);
    }
}
