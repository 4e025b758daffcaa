//! Health checkers: slow, far away, and of another address than the flood.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

/// After this Route 53 counts a check as failed.
const PATIENCE: Duration = Duration::from_secs(4);

/// Checkers that ask at the same time.
const CHECKERS: usize = 8;

/// From the handshake to the request: a far checker behind a slow link.
const GAP: Duration = Duration::from_millis(300);

pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// What the checkers saw.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) answered: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) slowest: Duration,
}

impl Checks {
    pub(crate) fn all(&self) -> usize {
        self.answered + self.failed.len()
    }
}

/// Asks without a pause until `stop` is set.
pub(crate) fn check(from: Ipv4Addr, port: u16, stop: &AtomicBool) -> Checks {
    let checks = Mutex::new(Checks::default());
    thread::scope(|scope| {
        for _ in 0..CHECKERS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let started = Instant::now();
                    let outcome = slow_get(from, port);
                    let took = started.elapsed().saturating_sub(GAP);
                    let mut checks = checks.lock().unwrap_or_else(PoisonError::into_inner);
                    match outcome {
                        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") && took <= PATIENCE => {
                            checks.answered += 1;
                            checks.slowest = checks.slowest.max(took);
                        }
                        Ok(answer) => checks.failed.push(format!("{answer:?} after {took:?}")),
                        Err(error) => checks.failed.push(format!("{error} after {took:?}")),
                    }
                }
            });
        }
    });
    checks.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn slow_get(from: Ipv4Addr, port: u16) -> io::Result<String> {
    let mut stream = connect(from, port)?;
    thread::sleep(GAP);
    stream.write_all(REQUEST)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A connection from `from` to the service, with a bound on each wait.
pub(crate) fn connect(from: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
