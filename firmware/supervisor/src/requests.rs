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
const MOST: usize = 8;

/// Time from connecting to the end of the line: it is written at once.
const PATIENCE: u64 = 2_000;

/// The open socket and those who are asking.
#[derive(Debug)]
pub(crate) struct Requests {
    listener: UnixListener,
    asking: Vec<Asking>,
}

#[derive(Debug)]
struct Asking {
    stream: UnixStream,
    asker: Option<Asker>,
    text: Vec<u8>,
    until: BootMillis,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody who could do it without asking.
    Root,
    /// A service under its own user id.
    Service(Service),
}

impl Asker {
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
pub(crate) struct Asked {
    pub(crate) asker: Asker,
    pub(crate) request: Request,
    stream: UnixStream,
}

impl Asked {
    #[cfg(test)]
    pub(crate) fn new(asker: Asker, request: Request, stream: UnixStream) -> Self {
        Self {
            asker,
            request,
            stream,
        }
    }

    pub(crate) fn answer(self, reply: &Reply) {
        answer(&self.stream, reply);
    }
}

fn answer(mut stream: &UnixStream, reply: &Reply) {
    let mut line = serde_json::to_vec(reply).unwrap_or_default();
    line.push(b'\n');
    // It is less than any socket's buffer; who does not listen any more is no loss.
    let _ = stream.write_all(&line);
}

impl Requests {
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
            asking: Vec::new(),
        })
    }

    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let asking = self.asking.iter().map(|asking| asking.stream.as_fd());
        [self.listener.as_fd()].into_iter().chain(asking)
    }

    /// When somebody's time is over.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        self.asking.iter().map(|asking| asking.until).min()
    }

    /// Reads what has come.
    pub(crate) fn hear(&mut self, now: BootMillis) -> Vec<Asked> {
        self.accept(now);
        let mut complete = Vec::new();
        for mut asking in std::mem::take(&mut self.asking) {
            match asking.read(now) {
                Ok(None) => self.asking.push(asking),
                Ok(Some((asker, request))) => complete.push(Asked {
                    asker,
                    request,
                    stream: asking.stream,
                }),
                Err(why) => answer(&asking.stream, &Reply::Refused { why }),
            }
        }
        complete
    }

    fn accept(&mut self, now: BootMillis) {
        // The rest waits in the kernel's queue.
        while self.asking.len() < MOST {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            let asker = getsockopt(&stream, PeerCredentials)
                .ok()
                .and_then(|peer| Asker::from_uid(peer.uid()));
            if stream.set_nonblocking(true).is_ok() {
                self.asking.push(Asking {
                    stream,
                    asker,
                    text: Vec::new(),
                    until: now.plus(PATIENCE),
                });
            }
        }
    }
}

impl Asking {
    /// None while more must come; the reason where nothing will come of it.
    fn read(&mut self, now: BootMillis) -> Result<Option<(Asker, Request)>, String> {
        let asker = self.asker.ok_or("only services and root may ask")?;
        let mut buffer = [0; MAX_MESSAGE];
        let ended = match (&self.stream).read(&mut buffer) {
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
            return Ok(Some((asker, request)));
        }
        if self.text.len() >= MAX_MESSAGE {
            return Err(format!("expected a line of less than {MAX_MESSAGE} bytes"));
        }
        if ended || now >= self.until {
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

    fn listening() -> (tempfile::TempDir, PathBuf, Requests) {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir(run.path().join("supervisor")).unwrap();
        let path = run.path().join(REQUESTS);
        let requests = Requests::listen(&path).unwrap();
        (run, path, requests)
    }

    fn answer_to(requests: &mut Requests, mut stream: &UnixStream, now: u64) -> String {
        assert!(requests.hear(BootMillis(now)).is_empty());
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn who_may_ask_is_told_by_the_user_id() {
        assert_eq!(Asker::from_uid(0), Some(Asker::Root));
        assert_eq!(
            Asker::from_uid(Service::Uplink.uid()),
            Some(Asker::Service(Service::Uplink))
        );
        for stranger in [1, 100, 108, 1000, 65_534, u32::MAX] {
            assert_eq!(Asker::from_uid(stranger), None);
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
        let asking = thread::spawn(move || ask_under(&root, &sent).unwrap());
        let heard = loop {
            if let Some(asked) = requests.hear(BootMillis(0)).pop() {
                break asked;
            }
            thread::yield_now();
        };
        assert_eq!((heard.asker, &heard.request), (Asker::Root, &request));
        heard.answer(&Reply::Accepted);
        assert_eq!(asking.join().unwrap(), Reply::Accepted);
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

        let silent: Vec<_> = (0..3 * MOST)
            .map(|_| UnixStream::connect(&path).unwrap())
            .collect();
        assert!(requests.hear(BootMillis(100)).is_empty());
        assert_eq!(requests.asking.len(), MOST);
        assert_eq!(requests.deadline(), Some(BootMillis(100 + PATIENCE)));
        let reply = answer_to(&mut requests, &silent[0], 100 + PATIENCE);
        assert!(reply.contains("got none"), "{reply}");
        assert!(requests.asking.is_empty());
    }
}
