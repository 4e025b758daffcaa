//! TCP stream with one deadline for the next exchange.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// TCP stream; every read and write ends by the deadline, however slowly bytes trickle in.
pub(super) struct Timed {
    socket: TcpStream,
    until: Instant,
}

impl Timed {
    pub(super) fn new(socket: TcpStream, timeout: Duration) -> Self {
        Self {
            socket,
            until: Instant::now() + timeout,
        }
    }

    /// Sets the deadline to `timeout` from now.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.until = Instant::now() + timeout;
    }

    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

/// Maps a socket's timeout, which looks like "try again", to `TimedOut`.
fn map_timeout(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(into).map_err(map_timeout)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(bytes).map_err(map_timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
