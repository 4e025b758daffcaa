//! HTTPS file server with byte ranges (RFC 9110, 14) and injected aborts.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::internet::{
    acceptor::ServiceThread,
    event_log::{EventLog, TimedOut},
    http,
};

/// Completed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Client address.
    pub peer: SocketAddr,
    /// Requested path.
    pub path: String,
    /// First requested byte.
    pub from: usize,
    /// Bytes of the file written to the connection.
    pub sent: usize,
}

/// File server; dropping it stops the server.
#[derive(Debug)]
pub struct Files {
    shared: Arc<Shared>,
    _thread: ServiceThread,
}

#[derive(Debug)]
struct Shared {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    cut: Mutex<Option<usize>>,
    fetches: EventLog<Fetch>,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    /// Starts the server on `listener` with the certificate in `tls`.
    pub fn serve(listener: TcpListener, tls: Arc<ServerConfig>) -> Self {
        let shared = Arc::new(Shared {
            files: Mutex::default(),
            cut: Mutex::default(),
            fetches: EventLog::new(),
        });
        let serving = Arc::clone(&shared);
        let thread = ServiceThread::accept(listener, move |stream, peer| {
            // A client that disconnects has what it wanted, or notices.
            let _ = serving.exchange(stream, peer, &tls);
        });
        Self {
            shared,
            _thread: thread,
        }
    }

    /// Publishes a file at `path`, for instance `/bundle`.
    pub fn put(&self, path: &str, file: Vec<u8>) {
        lock(&self.shared.files).insert(path.to_owned(), file);
    }

    /// Aborts the next longer response after `bytes`.
    pub fn cut_after(&self, bytes: usize) {
        *lock(&self.shared.cut) = Some(bytes);
    }

    /// Returns all completed requests so far.
    pub fn fetches(&self) -> Vec<Fetch> {
        self.shared.fetches.all()
    }

    /// Waits for the first request accepted by `wanted`, past or future.
    ///
    /// # Errors
    /// None completed within `bound`.
    pub fn wait_fetch(
        &self,
        expected: &str,
        bound: Duration,
        wanted: impl Fn(&Fetch) -> bool,
    ) -> Result<Fetch, TimedOut> {
        self.shared.fetches.wait(expected, bound, wanted)
    }
}

impl Shared {
    fn exchange(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: &Arc<ServerConfig>,
    ) -> io::Result<()> {
        let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        let Some(request) = http::read(&mut stream)? else {
            return Ok(());
        };
        let path = request.split_target().0.to_owned();
        let file = lock(&self.files).get(&path).cloned();
        let range = request.header("range").and_then(range);
        let (from, until) = range.unwrap_or((0, None));
        let of = file.as_ref().map_or(0, Vec::len);
        let until = until.map_or(of, |last: usize| of.min(last.saturating_add(1)));
        let body = file.as_deref().and_then(|file| file.get(from..until));
        let Some(body) = body.filter(|_| request.method == "GET") else {
            let status = if file.is_some() { 416 } else { 404 };
            http::answer(&mut stream, status, "text/plain", &[], "")?;
            stream.conn.send_close_notify();
            return stream.flush();
        };
        let length = body.len();
        let status = match range {
            Some(_) => format!(
                "206 Partial Content\r\nContent-Range: bytes {from}-{}/{of}",
                until.saturating_sub(1)
            ),
            None => "200 OK".to_owned(),
        };
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        let cut = {
            let mut cut = lock(&self.cut);
            cut.take_if(|cut| *cut < body.len()).unwrap_or(body.len())
        };
        let body = body.get(..cut).unwrap_or_default();
        let sent = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body))
            .and_then(|()| stream.flush());
        stream.conn.send_close_notify();
        let closed = stream.flush();
        self.fetches.push(Fetch {
            peer,
            path,
            from,
            sent: body.len(),
        });
        sent.and(closed)
    }
}

/// Returns first and last byte of the single range in `text`.
fn range(text: &str) -> Option<(usize, Option<usize>)> {
    let (from, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let last = match last {
        "" => None,
        last => Some(last.parse().ok()?),
    };
    Some((from.parse().ok()?, last))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use rustls::{
        ClientConfig, ClientConnection, RootCertStore,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, pem::PemObject},
    };

    use super::*;
    use crate::internet::Authority;

    fn ask(at: SocketAddr, authority: &Authority, range: &str) -> String {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
        roots.add(root).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "files.failberry.test".try_into().unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(at).unwrap());
        let request = format!("GET /f HTTP/1.1\r\nHost: x\r\n{range}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn ranges_are_served_and_a_cut_happens_once() {
        let authority = Authority::new();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let files = Files::serve(listener, authority.server(&["files.failberry.test"]));
        assert!(ask(at, &authority, "").starts_with("HTTP/1.1 404"));
        files.put("/f", b"0123456789".to_vec());
        files.cut_after(4);
        for (range, head, body) in [
            ("Range: bytes=0-1\r\n", "bytes 0-1/10", "01"),
            ("Range: bytes=2-\r\n", "bytes 2-9/10", "2345"),
            ("Range: bytes=6-\r\n", "bytes 6-9/10", "6789"),
            ("", "HTTP/1.1 200 OK", "0123456789"),
        ] {
            let answer = ask(at, &authority, range);
            let (got, rest) = answer.split_once("\r\n\r\n").unwrap();
            assert!(got.contains(head), "{got}");
            assert_eq!(rest, body);
        }
        let bound = Duration::from_secs(10);
        let cut = files.wait_fetch("the cut", bound, |it| it.from == 2);
        assert_eq!(cut.unwrap().sent, 4);
    }
}
