//! What stands between strangers and the HTTP server: bounds on connections, bytes and seconds.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    rc::Rc,
    time::Duration,
};

use failberry_state::{BootMillis, HealthState, StateFile};
use smol::{
    Async, LocalExecutor, Task, Timer,
    future::FutureExt,
    io::{AsyncReadExt, AsyncWriteExt},
};

use crate::{
    backend::Backend,
    head::{Head, Progress},
};

/// Connections served at a time over both ports; sixteen checkers ask about once in 2 s. One more
/// closes the oldest: who has something to ask does so at once, and a stranger who keeps many
/// connections open and silent shuts nobody out.
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
    connections: RefCell<VecDeque<Task<()>>>,
    state: RefCell<HealthState>,
    published: Cell<Option<BootMillis>>,
    file: StateFile<HealthState>,
}

impl Gate {
    pub(crate) fn new(file: StateFile<HealthState>) -> Self {
        Self {
            connections: RefCell::new(VecDeque::new()),
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
        let executor = LocalExecutor::new();
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        self.make_room();
                        let connection = Rc::clone(&self).connection(stream, backend.clone());
                        let task = executor.spawn(connection);
                        self.connections.borrow_mut().push_back(task);
                    }
                    Err(error) => {
                        log::warn!("accept: {error}");
                        Timer::after(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        executor.run(accept).await;
    }

    fn make_room(&self) {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|task| !task.is_finished());
        while connections.len() >= MAX_CONNECTIONS {
            // Dropping a task ends it.
            drop(connections.pop_front());
            self.count(&Outcome::Malformed("too many connections"));
        }
    }

    async fn connection(self: Rc<Self>, stream: Async<TcpStream>, backend: Backend) {
        let outcome = exchange(stream, backend)
            .or(async {
                Timer::after(DEADLINE).await;
                Ok(Outcome::Malformed("too slow"))
            })
            .await;
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
mod tests;
