//! One address that opens connections as fast as it is asked to: idle ones, halves of a request,
//! and bursts of whole requests.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

const TICK: Duration = Duration::from_millis(10);

/// How long a connection is kept open.
const KEPT: Duration = Duration::from_secs(1);

/// What a connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Idle,
    Half,
    Whole,
}

impl Kind {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Idle => b"",
            Self::Half => b"GET / HTTP/1.1\r\nHost: ",
            Self::Whole => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        }
    }
}

/// So many connections of one kind, once in so many ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    pub(crate) every: u64,
    pub(crate) port: u16,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Flooded {
    pub(crate) opened: usize,
    pub(crate) refused: usize,
    pub(crate) whole: usize,
    pub(crate) answered: usize,
}

struct Open {
    socket: Socket,
    kind: Kind,
    until: Instant,
    sent: bool,
}

/// Opens connections from `from` until `stop` is set.
pub(crate) fn flood(from: Ipv4Addr, streams: &[Stream], stop: &AtomicBool) -> Flooded {
    let mut flooded = Flooded::default();
    let mut open: VecDeque<Open> = VecDeque::new();
    let started = Instant::now();
    let mut tick = 0;
    while !stop.load(Ordering::Relaxed) {
        for stream in streams {
            if tick % stream.every == 0 {
                for _ in 0..stream.count {
                    match begin(from, stream) {
                        Some(begun) => open.push_back(begun),
                        None => flooded.refused += 1,
                    }
                }
                flooded.opened += stream.count;
                if stream.kind == Kind::Whole {
                    flooded.whole += stream.count;
                }
            }
        }
        let now = Instant::now();
        open.retain_mut(|connection| go_on(connection, now, &mut flooded));
        tick += 1;
        let next = started + TICK * u32::try_from(tick).unwrap();
        thread::sleep(next.saturating_duration_since(Instant::now()));
        // A tick that is late is not made up for: that would be another kind of flood.
        tick = tick.max(u64::try_from(started.elapsed().as_millis() / TICK.as_millis()).unwrap());
    }
    flooded
}

fn begin(from: Ipv4Addr, stream: &Stream) -> Option<Open> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.set_nonblocking(true).ok()?;
    // Its end is a reset, so that it leaves no port behind.
    socket.set_linger(Some(Duration::ZERO)).ok()?;
    socket.bind(&SocketAddr::from((from, 0)).into()).ok()?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, stream.port));
    // Under way is as good as done.
    let _ = socket.connect(&to.into());
    let mut open = Open {
        socket,
        kind: stream.kind,
        until: Instant::now() + KEPT,
        sent: false,
    };
    open.say();
    Some(open)
}

impl Open {
    fn say(&mut self) {
        let bytes = self.kind.bytes();
        self.sent = bytes.is_empty() || (&self.socket).write(bytes).is_ok();
    }
}

/// Whether it stays open.
fn go_on(open: &mut Open, now: Instant, flooded: &mut Flooded) -> bool {
    if !open.sent {
        open.say();
    }
    let mut answer = [0; 512];
    match (&open.socket).read(&mut answer) {
        Ok(0) => false,
        Ok(count) => {
            let answered = answer[..count].starts_with(b"HTTP/1.1 200 ");
            flooded.answered += usize::from(answered && open.kind == Kind::Whole);
            false
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => now < open.until,
        Err(error) if error.kind() == ErrorKind::NotConnected => now < open.until,
        Err(_) => false,
    }
}
