//! Driver for tokio.

use std::{
    fs::File,
    future::Future,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use ::tokio::{
    io::{Interest, unix::AsyncFd},
    time::timeout,
};

use super::{
    Connected, DriverError, SessionError,
    dialogue::{self, Port},
};
use crate::{
    dial::{Progress, Settings},
    modem::Profile,
};

/// Dials with the stick behind `tty`, an [opened](super::open) modem port, and reports the
/// progress. If dropped before its end, it closes the port.
///
/// # Errors
/// There is no call; the port is closed then.
///
/// # Panics
/// Outside a runtime with I/O and time enabled.
pub async fn dial(
    tty: OwnedFd,
    profile: &'static Profile,
    settings: Settings,
    on_progress: impl FnMut(&Progress),
) -> Result<Connected, DriverError> {
    let port = register(tty.into()).map_err(|source| DriverError::Configure {
        action: "wait for the port",
        source,
    })?;
    dialogue::run(port, profile, settings, on_progress).await
}

#[allow(unsafe_code)]
fn register(tty: File) -> io::Result<AsyncFd<File>> {
    // SAFETY: a `File` owns its descriptor, and this one is neither replaced nor closed before it
    // is taken out or dropped together with its registration.
    Ok(unsafe { AsyncFd::register(tty) }?)
}

/// A session with a stick under tokio.
pub type Session = super::Session<AsyncFd<File>>;

/// Opens a session with the stick behind `tty`, an [opened](super::open) port that carries no call.
///
/// # Errors
/// The stick does not answer.
///
/// # Panics
/// Outside a runtime with I/O and time enabled.
pub async fn session(tty: OwnedFd, profile: &'static Profile) -> Result<Session, SessionError> {
    Session::begin(register(tty.into()).map_err(SessionError::Io)?, profile).await
}

impl Port for AsyncFd<File> {
    fn tty(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = |mut tty: &File| tty.read(buffer);
        self.async_io(Interest::READABLE, read).await
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let write = |mut tty: &File| tty.write(bytes);
        self.async_io(Interest::WRITABLE, write).await
    }

    async fn within<W: Future>(&self, limit: Duration, work: W) -> Option<W::Output> {
        timeout(limit, work).await.ok()
    }

    fn into_tty(self) -> io::Result<File> {
        Ok(self.into_inner())
    }
}
