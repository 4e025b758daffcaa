use std::{
    fmt::Write as _,
    io::Write,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};
use ureq::tls::Certificate;

use super::*;
use crate::{Signer, Version};

/// A server with one file, which it may break off.
struct Server {
    url: String,
    roots: RootCerts,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The first `cuts` answers with more than a preamble end after 40 000 bytes.
    fn start(file: Vec<u8>, ranges: bool, mut cuts: u32) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "https://localhost:{}/bundle",
            listener.local_addr().unwrap().port()
        );
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let connection = ServerConnection::new(config.clone()).unwrap();
                let mut stream = StreamOwned::new(connection, socket.unwrap());
                let Some(range) = range(&mut stream) else {
                    continue;
                };
                told.lock().unwrap().push(range.clone());
                answer(
                    &mut stream,
                    &file,
                    ranges.then_some(range.as_str()),
                    &mut cuts,
                );
            }
        });
        let roots = RootCerts::from(vec![Certificate::from_der(made.cert.der()).to_owned()]);
        Self { url, roots, asked }
    }

    fn source(&self) -> Source {
        Source {
            pause: Duration::ZERO,
            ..Source::new(self.url.clone(), self.roots.clone())
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// What stands in the request's `range`.
fn range(stream: &mut Stream) -> Option<String> {
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

fn answer(stream: &mut Stream, file: &[u8], range: Option<&str>, cuts: &mut u32) {
    let (from, until) = match range.and_then(|it| it.split_once('-')) {
        Some((from, until)) => (
            from.parse().unwrap(),
            until.parse().map_or(file.len(), |it: usize| it + 1),
        ),
        None => (0, file.len()),
    };
    let mut body = &file[from..until];
    let mut head = String::from(if range.is_some() {
        "HTTP/1.1 206 Partial Content\r\n"
    } else {
        "HTTP/1.1 200 OK\r\n"
    });
    if range.is_some() {
        write!(
            head,
            "content-range: bytes {from}-{}/{}\r\n",
            until - 1,
            file.len()
        )
        .unwrap();
    }
    write!(
        head,
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .unwrap();
    if body.len() > PREAMBLE && *cuts > 0 {
        *cuts -= 1;
        body = &body[..40_000.min(body.len())];
    }
    // The other end may have enough.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn signer() -> Signer {
    Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap()
}

fn image() -> Vec<u8> {
    (0..200_000_u32).map(|n| (n % 249) as u8).collect()
}

fn bundle(signer: &Signer) -> Vec<u8> {
    let (mut bytes, image) = (Vec::new(), image());
    let version = Version([2, 0, 0]);
    signer
        .bundle("rpi2", version, 4096, || Ok(image.as_slice()), &mut bytes)
        .unwrap();
    bytes
}

fn all(header: &Header, image: &mut Image) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(header.payload).unwrap()];
    image.read_exact(&mut bytes).map(|()| bytes)
}

#[test]
fn an_unchanged_version_costs_only_the_first_bytes() {
    let signer = signer();
    let server = Server::start(bundle(&signer), true, 0);
    let found = server.source().look(&[signer.public()], |header| {
        assert_eq!(header.version, Version([2, 0, 0]));
        false
    });
    assert!(found.unwrap().is_none());
    assert_eq!(server.asked(), ["0-59"]);
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let signer = signer();
    let file = bundle(&signer);
    let server = Server::start(file.clone(), true, 3);
    let found = server.source().look(&[signer.public()], |_| true).unwrap();
    let (header, mut rest) = found.unwrap();
    assert!(all(&header, &mut rest).unwrap() == image());
    assert_eq!(
        server.asked(),
        ["0-59", "0-", "40000-", "80000-", "120000-"]
    );
}

#[test]
fn a_server_that_breaks_off_for_ever_is_given_up() {
    let signer = signer();
    let server = Server::start(bundle(&signer), false, u32::MAX);
    let found = server.source().look(&[signer.public()], |_| true).unwrap();
    let (header, mut rest) = found.unwrap();
    let error = all(&header, &mut rest).unwrap_err().to_string();
    // Without ranges it cannot be resumed: it begins at the beginning, which is not taken.
    assert!(error.contains("from 40000 on, got status 200"), "{error}");
}

#[test]
fn a_server_without_ranges_will_do_while_it_lasts() {
    let signer = signer();
    let server = Server::start(bundle(&signer), false, 0);
    let found = server.source().look(&[signer.public()], |_| true).unwrap();
    let (header, mut rest) = found.unwrap();
    assert!(all(&header, &mut rest).unwrap() == image());
}

#[test]
fn another_signature_another_authority_and_no_bundle_are_refused() {
    let [ours, foreign] = [signer(), signer()];
    let server = Server::start(bundle(&foreign), true, 0);
    let told = |source: Source| {
        source
            .look(&[ours.public()], |_| true)
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    let error = told(server.source());
    assert!(
        error.contains("update.keys") && error.contains(&server.url),
        "{error}"
    );
    let stranger = Source::new(server.url.clone(), RootCerts::WebPki);
    assert!(matches!(
        stranger.look(&[], |_| true).map(drop),
        Err(PullError::Transport { .. })
    ));
    let server = Server::start(b"<html>".repeat(100), true, 0);
    assert!(told(server.source()).contains("FBUPDATE"));
}
