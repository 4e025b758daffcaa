//! The socket on which services ask for something: one JSON line a connection, one line back.
//!
//! Anybody may connect; who asks is told by the kernel, and bytes, seconds and connections are
//! bounded. Nothing here waits.

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

/// There are seven services, and each asks for one thing at a time.
const MAX_CONNECTIONS: usize = 8;

/// Time from connecting to the end of the line: it is written at once.
const READ_TIMEOUT_MS: u64 = 2_000;

/// The open socket and those who are asking.
#[derive(Debug)]
pub(crate) struct RequestServer {
    listener: UnixListener,
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    requester: Option<Requester>,
    text: Vec<u8>,
    deadline: BootMillis,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requester {
    /// Somebody who could do it without asking.
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

    /// As it stands in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Service(service) => service.name(),
        }
    }
}

/// A request that came, with whom to answer.
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

    pub(crate) fn reply(self, reply: &Reply) {
        write_reply(&self.stream, reply);
    }
}

fn write_reply(mut stream: &UnixStream, reply: &Reply) {
    let mut line = serde_json::to_vec(reply).unwrap_or_default();
    line.push(b'\n');
    // It is less than any socket's buffer; who does not listen any more is no loss.
    let _ = stream.write_all(&line);
}

impl RequestServer {
    /// Listens at `path`, replacing what an earlier run left there.
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

    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let connections = self
            .connections
            .iter()
            .map(|connection| connection.stream.as_fd());
        [self.listener.as_fd()].into_iter().chain(connections)
    }

    /// When somebody's time is over.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        self.connections
            .iter()
            .map(|connection| connection.deadline)
            .min()
    }

    /// Reads what has come.
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
        // The rest waits in the kernel's queue.
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
    /// None while more must come; the reason where nothing will come of it.
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
    fn who_may_ask_is_told_by_the_user_id() {
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
    fn a_request_comes_through_and_is_answered() {
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
    fn nonsense_and_silence_are_refused_and_cost_little() {
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
