//! Server of PID 1's control socket: one JSON request and one JSON reply per connection, a line
//! each.
//!
//! The socket is open to every user; the kernel identifies the peer (`SO_PEERCRED`). Bytes, time
//! and connections are bounded, and nothing blocks.

use std::{
    fs,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::Path,
};

use failberry_service::{MAX_MESSAGE, Reply, Request};
use failberry_state::{BootMillis, Service};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Most connections at once: there are seven services, with one request each at a time.
const MAX_CONNECTIONS: usize = 8;

/// Time from accepting a connection to the end of its line, in milliseconds. Clients write it at
/// once.
const READ_TIMEOUT_MS: u64 = 2_000;

/// The listening socket and the connections that are being read.
#[derive(Debug)]
pub(crate) struct RequestServer {
    listener: UnixListener,
    connections: Vec<Connection>,
}

/// A connection whose request is being read.
#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    /// None for a user who may not send requests.
    requester: Option<Requester>,
    text: Vec<u8>,
    deadline: BootMillis,
}

/// Identity of a peer that may send requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requester {
    /// Root, who could do it all without a request.
    Root,
    /// A service under its own user id.
    Service(Service),
}

impl Requester {
    fn from_uid(uid: u32) -> Option<Self> {
        if uid == 0 {
            return Some(Self::Root);
        }
        let service = Service::SUPERVISED.into_iter().find(|s| s.uid() == uid)?;
        Some(Self::Service(service))
    }

    /// Returns the name for log lines.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Service(service) => service.name(),
        }
    }
}

/// A complete request that waits for its reply.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    pub(crate) requester: Requester,
    pub(crate) request: Request,
    stream: UnixStream,
}

impl PendingRequest {
    #[cfg(test)]
    pub(crate) fn new(requester: Requester, request: Request, stream: UnixStream) -> Self {
        Self {
            requester,
            request,
            stream,
        }
    }

    /// Sends the reply and closes the connection.
    pub(crate) fn reply(self, reply: &Reply) {
        write_reply(&self.stream, reply);
    }
}

fn write_reply(mut stream: &UnixStream, reply: &Reply) {
    let mut line = serde_json::to_vec(reply).unwrap_or_default();
    line.push(b'\n');
    // It fits every socket buffer; a client that has gone needs no reply.
    let _ = stream.write_all(&line);
}

impl RequestServer {
    /// Listens at `path`, replacing the socket of an earlier run.
    pub(crate) fn listen(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
        Ok(Self {
            listener,
            connections: Vec::new(),
        })
    }

    /// Returns the descriptors to poll for reading.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let connections = self
            .connections
            .iter()
            .map(|connection| connection.stream.as_fd());
        [self.listener.as_fd()].into_iter().chain(connections)
    }

    /// Returns when the next connection times out.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        self.connections
            .iter()
            .map(|connection| connection.deadline)
            .min()
    }

    /// Reads from all connections, and returns the complete requests. Invalid ones are refused
    /// here.
    pub(crate) fn poll(&mut self, now: BootMillis) -> Vec<PendingRequest> {
        self.accept(now);
        let mut complete = Vec::new();
        for mut connection in std::mem::take(&mut self.connections) {
            match connection.read(now) {
                Ok(None) => self.connections.push(connection),
                Ok(Some((requester, request))) => complete.push(PendingRequest {
                    requester,
                    request,
                    stream: connection.stream,
                }),
                Err(why) => write_reply(&connection.stream, &Reply::Refused { why }),
            }
        }
        complete
    }

    fn accept(&mut self, now: BootMillis) {
        // Further connections wait in the kernel's queue.
        while self.connections.len() < MAX_CONNECTIONS {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            let requester = getsockopt(&stream, PeerCredentials)
                .ok()
                .and_then(|peer| Requester::from_uid(peer.uid()));
            if stream.set_nonblocking(true).is_ok() {
                self.connections.push(Connection {
                    stream,
                    requester,
                    text: Vec::new(),
                    deadline: now.plus(READ_TIMEOUT_MS),
                });
            }
        }
    }
}

impl Connection {
    /// Reads from the connection. Returns none while the line is incomplete; fails if it is
    /// invalid.
    fn read(&mut self, now: BootMillis) -> Result<Option<(Requester, Request)>, String> {
        let requester = self.requester.ok_or("only services and root may ask")?;
        let mut buffer = [0; MAX_MESSAGE];
        let at_end = match (&self.stream).read(&mut buffer) {
            Ok(length) => {
                self.text
                    .extend_from_slice(buffer.get(..length).unwrap_or_default());
                length == 0
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => return Err(error.to_string()),
        };
        let mut lines = self.text.split(|byte| *byte == b'\n');
        if let (Some(line), Some(_)) = (lines.next(), lines.next()) {
            let request = serde_json::from_slice(line)
                .map_err(|error| format!("expected a request: {error}"))?;
            return Ok(Some((requester, request)));
        }
        if self.text.len() >= MAX_MESSAGE {
            return Err(format!("expected a line of less than {MAX_MESSAGE} bytes"));
        }
        if at_end || now >= self.deadline {
            return Err("expected a line, got none that ends".into());
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, thread};

    use failberry_service::{REQUESTS, ask_under};

    use super::*;

    fn listening() -> (tempfile::TempDir, PathBuf, RequestServer) {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir(run.path().join("supervisor")).unwrap();
        let path = run.path().join(REQUESTS);
        let requests = RequestServer::listen(&path).unwrap();
        (run, path, requests)
    }

    fn answer_to(requests: &mut RequestServer, mut stream: &UnixStream, now: u64) -> String {
        assert!(requests.poll(BootMillis(now)).is_empty());
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn requester_is_identified_by_uid() {
        assert_eq!(Requester::from_uid(0), Some(Requester::Root));
        assert_eq!(
            Requester::from_uid(Service::Uplink.uid()),
            Some(Requester::Service(Service::Uplink))
        );
        for stranger in [1, 100, 108, 1000, 65_534, u32::MAX] {
            assert_eq!(Requester::from_uid(stranger), None);
        }
    }

    #[test]
    fn request_is_received_and_gets_a_reply() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let (run, _, mut requests) = listening();
        let root = run.path().to_owned();
        let request = Request::Reboot {
            reason: "the stick is dead".into(),
        };
        let sent = request.clone();
        let client = thread::spawn(move || ask_under(&root, &sent).unwrap());
        let received = loop {
            if let Some(pending) = requests.poll(BootMillis(0)).pop() {
                break pending;
            }
            thread::yield_now();
        };
        assert_eq!(
            (received.requester, &received.request),
            (Requester::Root, &request)
        );
        received.reply(&Reply::Accepted);
        assert_eq!(client.join().unwrap(), Reply::Accepted);
    }

    #[test]
    fn invalid_and_silent_clients_are_refused() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let (_run, path, mut requests) = listening();
        for text in ["{}\n", "\n", "{\"reboot\":{}}\n", "\"reboot\"\n", "\u{0}\n"] {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            let reply = answer_to(&mut requests, &stream, 0);
            assert!(reply.contains("refused"), "{text:?}: {reply}");
        }
        let mut endless = UnixStream::connect(&path).unwrap();
        endless.write_all(&[b'x'; MAX_MESSAGE]).unwrap();
        assert!(answer_to(&mut requests, &endless, 0).contains("4096"));

        let silent: Vec<_> = (0..3 * MAX_CONNECTIONS)
            .map(|_| UnixStream::connect(&path).unwrap())
            .collect();
        assert!(requests.poll(BootMillis(100)).is_empty());
        assert_eq!(requests.connections.len(), MAX_CONNECTIONS);
        assert_eq!(requests.deadline(), Some(BootMillis(100 + READ_TIMEOUT_MS)));
        let reply = answer_to(&mut requests, &silent[0], 100 + READ_TIMEOUT_MS);
        assert!(reply.contains("got none"), "{reply}");
        assert!(requests.connections.is_empty());
    }
}
