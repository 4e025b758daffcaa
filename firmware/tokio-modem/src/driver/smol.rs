//! Driver for smol.

use std::{
    fs::File,
    future::Future,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use ::smol::{
    Async, Timer,
    future::{self, FutureExt},
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
pub async fn dial(
    tty: OwnedFd,
    profile: &'static Profile,
    settings: Settings,
    on_progress: impl FnMut(&Progress),
) -> Result<Connected, DriverError> {
    let port = Async::new(File::from(tty)).map_err(|source| DriverError::Configure {
        action: "wait for the port",
        source,
    })?;
    dialogue::run(port, profile, settings, on_progress).await
}

/// A session with a stick under smol.
pub type Session = super::Session<Async<File>>;

/// Opens a session with the stick behind `tty`, an [opened](super::open) port that carries no call.
///
/// # Errors
/// The stick does not answer.
pub async fn session(tty: OwnedFd, profile: &'static Profile) -> Result<Session, SessionError> {
    Session::begin(
        Async::new(File::from(tty)).map_err(SessionError::Io)?,
        profile,
    )
    .await
}

impl Port for Async<File> {
    fn tty(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Endless URCs must not keep the other futures from running.
        future::yield_now().await;
        self.read_with(|mut tty| tty.read(buffer)).await
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(|mut tty| tty.write(bytes)).await
    }

    async fn within<W: Future>(&self, limit: Duration, work: W) -> Option<W::Output> {
        let late = async {
            Timer::after(limit).await;
            None
        };
        async { Some(work.await) }.or(late).await
    }

    fn into_tty(self) -> io::Result<File> {
        self.into_inner()
    }
}
