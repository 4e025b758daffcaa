//! Client of the pages' server: few requests at a time, bounded in time and size.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::PathBuf,
};

use failberry_state::BootMillis;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::token::Token;
use crate::{
    backend::{Backend, Pages},
    gate::Id,
    request_queue::{MAX_RUNNING, QueueDecision, RequestQueue},
};

/// Timeout of a request to the server, in milliseconds; a page takes some.
const REQUEST_TIMEOUT_MS: u64 = 6_000;

/// Longest answer accepted, in bytes, head included.
const MAX_ANSWER: usize = 256 * 1024;

/// Shortest time between two starts of the server, in milliseconds.
const RESTART_MS: u64 = 60_000;

/// Largest number of starts of the server in this process. One that hangs keeps its six threads,
/// and the limit is 64.
const MAX_STARTS: u32 = 4;

/// Answer for a client; none if the server does not answer.
pub(super) type Delivery = (Id, Option<Vec<u8>>);

/// The pages' server and its open requests.
pub(super) struct PagesClient {
    path: PathBuf,
    pages: Pages,
    backend: Option<Backend>,
    starts: u32,
    restart: BootMillis,
    request_queue: RequestQueue,
    running: [Option<Running>; MAX_RUNNING],
    /// Number of the latest request.
    number: u32,
}

struct Running {
    client: Id,
    number: u32,
    stream: UnixStream,
    answer: Vec<u8>,
    deadline: BootMillis,
}

impl PagesClient {
    pub(super) fn new(path: PathBuf, pages: Pages, now: BootMillis) -> Self {
        let mut pages_client = Self {
            path,
            pages,
            backend: None,
            starts: 0,
            restart: now,
            request_queue: RequestQueue::default(),
            running: [const { None }; MAX_RUNNING],
            number: 0,
        };
        pages_client.start(now);
        pages_client
    }

    /// Starts the server if it does not run, within the limit of starts.
    fn start(&mut self, now: BootMillis) {
        if self.backend.is_some() || self.starts >= MAX_STARTS || now < self.restart {
            return;
        }
        self.starts += 1;
        self.restart = now.plus(RESTART_MS);
        match Backend::start(&self.path, self.pages) {
            Ok(backend) => self.backend = Some(backend),
            Err(error) => log::error!("status pages: {error}"),
        }
    }

    /// Adds a request. Returns its decision; on `Run` call [`hand_over`](Self::hand_over).
    pub(super) fn ask(&mut self, client: Id, now: BootMillis) -> QueueDecision {
        self.start(now);
        if self.backend.is_none() {
            return QueueDecision::Refuse;
        }
        self.request_queue.add(client)
    }

    /// Sends the request line of `client` to the server.
    ///
    /// # Errors
    /// The server is gone.
    pub(super) fn hand_over(
        &mut self,
        client: Id,
        line: &[u8],
        epoll: &Epoll,
        now: BootMillis,
    ) -> io::Result<()> {
        let backend = self.backend.as_ref().ok_or(ErrorKind::NotConnected)?;
        let place = self.running.iter_mut().find(|place| place.is_none());
        let place = place.ok_or(ErrorKind::QuotaExceeded)?;
        let mut stream = UnixStream::connect(backend.path())?;
        stream.set_nonblocking(true)?;
        // Only this line decides the answer: `tiny_http` would reserve as much memory as a
        // Content-Length asks for. It fits into the socket's buffer.
        stream.write_all(line)?;
        stream.write_all(b"\r\n\r\n")?;
        stream.shutdown(Shutdown::Write)?;
        self.number = self.number.wrapping_add(1);
        let token = Token::Request(self.number).pack();
        epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        *place = Some(Running {
            client,
            number: self.number,
            stream,
            answer: Vec::new(),
            deadline: now.plus(REQUEST_TIMEOUT_MS),
        });
        Ok(())
    }

    /// Reads the server's answer. Returns it once it is complete; then call [`next`](Self::next).
    pub(super) fn read(&mut self, number: u32) -> Option<Delivery> {
        let place = (self.running.iter_mut()).find(|place| {
            place
                .as_ref()
                .is_some_and(|running| running.number == number)
        })?;
        let running = place.as_mut()?;
        let mut chunk = [0; 4096];
        loop {
            match running.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) if running.answer.len() + count <= MAX_ANSWER => {
                    let bytes = chunk.get(..count).unwrap_or_default();
                    running.answer.extend_from_slice(bytes);
                }
                Ok(_) => {
                    log::warn!("status pages: answer of more than {MAX_ANSWER} bytes");
                    running.answer.clear();
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => {
                    running.answer.clear();
                    break;
                }
            }
        }
        let ended = place.take()?;
        let page = Some(ended.answer).filter(|answer| answer.starts_with(b"HTTP/1."));
        Some((ended.client, page))
    }

    /// Returns the client whose request is sent next, after one has ended.
    pub(super) fn next(&mut self) -> Option<Id> {
        self.request_queue.ended()
    }

    /// Removes a client that waits no more. A request that the server has runs to its end.
    pub(super) fn forget(&mut self, client: Id) {
        self.request_queue.forget(client);
    }

    /// Returns when [`is_stuck`](Self::is_stuck) has to be called next.
    pub(super) fn wake(&self) -> Option<BootMillis> {
        (self.running.iter().flatten())
            .map(|running| running.deadline)
            .min()
    }

    /// Returns whether the server has left a request without an answer for too long.
    pub(super) fn is_stuck(&self, now: BootMillis) -> bool {
        self.wake().is_some_and(|deadline| deadline <= now)
    }

    /// Abandons the server. Returns the clients that get no answer.
    pub(super) fn give_up(&mut self, why: &str) -> Vec<Id> {
        self.backend = None;
        let next = if self.starts < MAX_STARTS {
            format!("restarting it with a request after {} s", RESTART_MS / 1000)
        } else {
            "port 9001 answers 503 until this service restarts".into()
        };
        log::error!("status pages: HTTP server: {why}; {next}");
        let mut clients: Vec<Id> = (self.running.iter_mut())
            .filter_map(|place| Some(place.take()?.client))
            .collect();
        // Waiting requests are not sent or removed elsewhere.
        clients.extend(std::iter::from_fn(|| self.request_queue.ended()));
        self.request_queue = RequestQueue::default();
        clients
    }
}
