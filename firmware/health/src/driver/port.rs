//! Sockets of one port, operated as its [`Gate`] decides.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Shutdown, TcpListener, TcpStream},
    time::Duration,
};

use failberry_state::BootMillis;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use socket2::SockRef;

use super::{
    listener::AcceptFailure,
    token::{Token, Which},
};
use crate::{
    gate::{Admission, Gate, Id, Next},
    head::MAX_HEAD,
};

/// Largest number of connections accepted in one turn; then the other port and the open connections
/// follow.
const MAX_ACCEPTS: usize = 32;

/// Bytes of one read, and reads of one connection in one turn: together more than the longest head.
const CHUNK: usize = 4096;
const MAX_READS: usize = 3;
const _: () = assert!(CHUNK * MAX_READS > MAX_HEAD);

/// Pause in accepting after an error that would be reported at once again, in milliseconds.
const PAUSE_MS: u64 = 200;

/// Listener and connections of one port.
pub(super) struct Port {
    which: Which,
    /// Name in the log, for instance `port 9000`.
    name: String,
    listener: TcpListener,
    pub(super) gate: Gate,
    connections: Vec<Option<Connection>>,
    /// No accept until then.
    paused: Option<BootMillis>,
    accept_errors: u64,
    /// The count at which malformed requests are logged next.
    log_at: u64,
    overdue: Vec<Id>,
    /// Connections whose request goes to the pages' server.
    pub(super) asks: Vec<Id>,
    /// Connections that have ended.
    pub(super) gone: Vec<Id>,
}

struct Connection {
    id: Id,
    stream: TcpStream,
    out: Out,
    /// Events registered with epoll; none before it is registered.
    armed: Option<EpollFlags>,
}

/// Answer with the part already sent.
enum Out {
    None,
    Fixed(&'static [u8]),
    Page { bytes: Vec<u8>, sent: usize },
}

impl Out {
    fn rest(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Fixed(rest) => rest,
            Self::Page { bytes, sent } => bytes.get(*sent..).unwrap_or_default(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::None => {}
            Self::Fixed(rest) => *rest = rest.get(count..).unwrap_or_default(),
            Self::Page { sent, .. } => *sent = sent.saturating_add(count),
        }
    }
}

impl Port {
    /// Registers `listener` with epoll.
    pub(super) fn new(
        which: Which,
        listener: TcpListener,
        gate: Gate,
        epoll: &Epoll,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let name = format!("port {}", listener.local_addr()?.port());
        let token = Token::Listener(which).pack();
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        Ok(Self {
            which,
            name,
            listener,
            gate,
            connections: Vec::new(),
            paused: None,
            accept_errors: 0,
            log_at: 1,
            overdue: Vec::new(),
            asks: Vec::new(),
            gone: Vec::new(),
        })
    }

    /// Accepts waiting connections, up to the limit of a turn.
    pub(super) fn accept(&mut self, epoll: &Epoll, now: BootMillis) {
        for _ in 0..MAX_ACCEPTS {
            let error = match self.listener.accept() {
                Ok((stream, peer)) => {
                    self.admit(epoll, stream, peer.ip(), now);
                    continue;
                }
                Err(error) => error,
            };
            let trouble = AcceptFailure::of(&error);
            match trouble {
                AcceptFailure::Empty => return,
                AcceptFailure::Connection => continue,
                AcceptFailure::Scarce | AcceptFailure::Other => {}
            }
            self.accept_errors += 1;
            let count = self.accept_errors;
            if count.is_power_of_two() {
                log::warn!("{}: accept failed {count} times, last: {error}", self.name);
            }
            // A connection is evicted if that helps; the next one is then accepted.
            let spare = self
                .gate
                .spare()
                .filter(|_| trouble == AcceptFailure::Scarce);
            if let Some(victim) = spare {
                self.make_room(epoll, victim, now);
            } else {
                self.paused = Some(now.plus(PAUSE_MS));
                self.watch_listener(epoll, EpollFlags::empty());
                return;
            }
        }
    }

    fn admit(&mut self, epoll: &Epoll, stream: TcpStream, peer: IpAddr, now: BootMillis) {
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let id = loop {
            match self.gate.admit(peer, now) {
                Admission::Place(id) => break id,
                Admission::Full(victim) => self.make_room(epoll, victim, now),
                Admission::Refused => return reset(&stream),
            }
        };
        let connection = Connection {
            id,
            stream,
            out: Out::None,
            armed: None,
        };
        let Ok(index) = usize::try_from(id.index) else {
            return;
        };
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, || None);
        }
        if let Some(place) = self.connections.get_mut(index) {
            *place = Some(connection);
        }
        // Its request has often arrived already.
        self.read(epoll, id, now);
    }

    /// Evicts `victim`, unless what it has sent by now is a complete request.
    fn make_room(&mut self, epoll: &Epoll, victim: Id, now: BootMillis) {
        self.read(epoll, victim, now);
        let next = self.gate.evict(victim);
        self.execute(victim, next);
    }

    /// Handles an event of a connection.
    pub(super) fn event(&mut self, epoll: &Epoll, id: Id, flags: EpollFlags, now: BootMillis) {
        if self.gate.reads(id) {
            return self.read(epoll, id, now);
        }
        let Some(connection) = self.connection(id) else {
            return;
        };
        let next = if !connection.out.rest().is_empty() {
            self.write(id)
        } else if flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            self.gate.lost(id)
        } else {
            Next::Wait
        };
        self.execute(id, next);
        self.arm(epoll, id);
    }

    fn read(&mut self, epoll: &Epoll, id: Id, now: BootMillis) {
        let mut chunk = [0; CHUNK];
        for _ in 0..MAX_READS {
            if !self.gate.reads(id) {
                break;
            }
            let Some(connection) = self.connection(id) else {
                return;
            };
            let next = match connection.stream.read(&mut chunk) {
                Ok(0) => self.gate.ended(id, now),
                Ok(count) => {
                    let bytes = chunk.get(..count).unwrap_or_default();
                    self.gate.received(id, bytes, now)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => Next::Wait,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.gate.lost(id),
            };
            self.execute(id, next);
        }
        self.arm(epoll, id);
    }

    /// Executes the gate's decision.
    fn execute(&mut self, id: Id, mut next: Next) {
        loop {
            match next {
                Next::Wait => return,
                Next::Ask => return self.asks.push(id),
                Next::Reply(reply) => {
                    if let Some(connection) = self.connection(id) {
                        connection.out = Out::Fixed(reply.bytes());
                    }
                    next = self.write(id);
                }
                Next::Finish => {
                    if let Some(connection) = self.connection(id) {
                        connection.out = Out::None;
                        // If that fails the connection is lost, which the next read reports.
                        let _ = connection.stream.shutdown(Shutdown::Write);
                    }
                    return;
                }
                Next::Close | Next::Reset => {
                    let index = usize::try_from(id.index).unwrap_or(usize::MAX);
                    let place = self.connections.get_mut(index);
                    let ended =
                        place.and_then(|place| place.take_if(|connection| connection.id == id));
                    if let Some(connection) = ended.filter(|_| next == Next::Reset) {
                        reset(&connection.stream);
                    }
                    if self.which == Which::Lan {
                        self.gone.push(id);
                    }
                    return;
                }
            }
        }
    }

    fn write(&mut self, id: Id) -> Next {
        let Some(connection) = self.connection(id) else {
            return Next::Wait;
        };
        loop {
            let rest = connection.out.rest();
            if rest.is_empty() {
                return self.gate.sent(id);
            }
            match connection.stream.write(rest) {
                Ok(count) => connection.out.advance(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Next::Wait,
                Err(_) => return self.gate.lost(id),
            }
        }
    }

    /// Sends the answer of the pages' server, or that there is none.
    pub(super) fn deliver(
        &mut self,
        epoll: &Epoll,
        id: Id,
        page: Option<Vec<u8>>,
        now: BootMillis,
    ) {
        let next = match page {
            None => self.gate.unavailable(id, now),
            Some(bytes) => {
                if !self.gate.page(id, now) {
                    return;
                }
                if let Some(connection) = self.connection(id) {
                    connection.out = Out::Page { bytes, sent: 0 };
                }
                self.write(id)
            }
        };
        self.execute(id, next);
        self.arm(epoll, id);
    }

    /// Returns when [`expire`](Self::expire) has to be called next.
    pub(super) fn wake(&self) -> Option<BootMillis> {
        [self.gate.wake(), self.paused].into_iter().flatten().min()
    }

    /// Ends connections whose deadline has passed, and a pause that is over.
    pub(super) fn expire(&mut self, epoll: &Epoll, now: BootMillis) {
        if self.paused.is_some_and(|until| until <= now) {
            self.paused = None;
            self.watch_listener(epoll, EpollFlags::EPOLLIN);
        }
        let mut overdue = std::mem::take(&mut self.overdue);
        self.gate.overdue(now, &mut overdue);
        for id in overdue.drain(..) {
            // Data that arrived in time counts, however late it is read.
            self.read(epoll, id, now);
            let next = self.gate.expire(id, now);
            self.execute(id, next);
            self.arm(epoll, id);
        }
        self.overdue = overdue;
    }

    /// Logs malformed requests: the first at once, a flood of them a line a doubling.
    pub(super) fn report(&mut self) {
        let tally = self.gate.tally();
        if tally.malformed >= self.log_at
            && let Some(fault) = tally.fault
        {
            let (name, count) = (&self.name, tally.malformed);
            log::warn!("{name}: {count} malformed requests since the start, last: {fault}");
            self.log_at = (count + 1).next_power_of_two();
        }
    }

    fn connection(&mut self, id: Id) -> Option<&mut Connection> {
        let index = usize::try_from(id.index).ok()?;
        let connection = self.connections.get_mut(index)?.as_mut()?;
        Some(connection).filter(|connection| connection.id == id)
    }

    /// Registers with epoll what the connection waits for.
    fn arm(&mut self, epoll: &Epoll, id: Id) {
        let reads = self.gate.reads(id);
        let which = self.which;
        let Some(connection) = self.connection(id) else {
            return;
        };
        let flags = if reads {
            EpollFlags::EPOLLIN
        } else if connection.out.rest().is_empty() {
            EpollFlags::empty()
        } else {
            EpollFlags::EPOLLOUT
        };
        if connection.armed == Some(flags) {
            return;
        }
        let mut event = EpollEvent::new(flags, Token::Connection(which, id).pack());
        let armed = if connection.armed.is_some() {
            epoll.modify(&connection.stream, &mut event)
        } else {
            epoll.add(&connection.stream, event)
        };
        connection.armed = Some(flags);
        if armed.is_err() {
            // The kernel has no memory to watch it.
            let next = self.gate.lost(id);
            self.execute(id, next);
        }
    }

    fn watch_listener(&self, epoll: &Epoll, flags: EpollFlags) {
        let mut event = EpollEvent::new(flags, Token::Listener(self.which).pack());
        if let Err(error) = epoll.modify(&self.listener, &mut event) {
            log::error!("{}: watching the listener: {error}", self.name);
        }
    }
}

/// Makes the close of `stream` a reset, which leaves nothing of it in the kernel.
fn reset(stream: &TcpStream) {
    // If that fails the close is an orderly one, which costs a little more.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
