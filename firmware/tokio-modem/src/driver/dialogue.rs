//! Event loop of both drivers: performs the dialler's outputs with a tty and a timer.

use std::{
    fs::File,
    future::Future,
    io,
    os::fd::{BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use heapless::Vec;

use super::{
    DriverError,
    error::is_hang_up,
    line::{clear_clocal, set_dtr},
};
use crate::{
    at::Counters,
    dial::{Dialer, Output, Progress, Rate, Settings, Step},
    modem::Profile,
};

/// Longest read, in bytes, and so the most that can follow `CONNECT`. An answer has under 200.
pub const EARLY_MAX: usize = 256;

/// Time to write a command's bytes. A stick that accepts none is treated as one that does not
/// answer: its recovery is the same, and is up to the dialler.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// Result of a successful dial: a tty that carries PPP.
#[derive(Debug)]
pub struct Connected {
    /// The modem port, raw and not blocking. Closing it hangs up.
    pub tty: OwnedFd,
    /// Text of the stick after `CONNECT`.
    pub rate: Rate,
    /// Bytes that already followed `CONNECT`: the peer's first, which framing in user space has to
    /// process first. The kernel's cannot be given any, and needs none: a lost first LCP request is
    /// sent again.
    pub early: Vec<u8, EARLY_MAX>,
    /// Counters of lines that could not be parsed.
    pub counters: Counters,
}

/// Operations that a runtime provides.
pub(super) trait Port {
    /// Returns the tty.
    fn tty(&self) -> BorrowedFd<'_>;

    /// Reads once, when input is available.
    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes once, when there is room.
    async fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns the output of `work`, or `None` after `limit`.
    async fn within<W: Future>(&self, limit: Duration, work: W) -> Option<W::Output>;

    /// Returns the tty.
    fn into_tty(self) -> io::Result<File>;
}

/// Runs a dialogue to its end.
pub(super) async fn run<P: Port>(
    port: P,
    profile: &'static Profile,
    settings: Settings,
    mut on_progress: impl FnMut(&Progress),
) -> Result<Connected, DriverError> {
    let begin = Instant::now();
    let now = || u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut dialer = Dialer::new(profile, settings, now());
    let mut step = Step::Synchronise;
    let mut buffer = [0; EARLY_MAX];
    let mut input: &[u8] = &[];
    let (action, result) = loop {
        let (action, done) = match dialer.step(&mut input, now()) {
            Output::Write(bytes) => {
                let written = port.within(WRITE_LIMIT, write_all(&port, bytes)).await;
                ("write", written.unwrap_or(Ok(())))
            }
            Output::Dtr(on) => ("change DTR", set_dtr(port.tty(), on)),
            Output::Progress(progress) => {
                if let Progress::Step(begun) = progress {
                    step = begun;
                }
                on_progress(&progress);
                continue;
            }
            Output::Wait(until) => {
                let limit = Duration::from_millis(until.saturating_sub(now()));
                let read = port.within(limit, read_some(&port, &mut buffer)).await;
                let read = read.unwrap_or(Ok(0));
                let length = *read.as_ref().unwrap_or(&0);
                input = buffer.get(..length).unwrap_or_default();
                ("read", read.map(drop))
            }
            Output::Connected(rate) => match clear_clocal(port.tty()) {
                Ok(()) => break ("give back the port", Ok(rate)),
                Err(error) => ("watch the carrier", Err(error)),
            },
            Output::Failed(source) => {
                let counters = *dialer.counters();
                return Err(DriverError::Dial { source, counters });
            }
        };
        if let Err(error) = done {
            break (action, Err(error));
        }
    };
    let counters = *dialer.counters();
    let done = result.and_then(|rate| Ok((rate, port.into_tty()?)));
    match done {
        Ok((rate, tty)) => Ok(Connected {
            tty: tty.into(),
            rate,
            // It fits: it is part of one read.
            early: Vec::from_slice(input).unwrap_or_default(),
            counters,
        }),
        Err(source) if is_hang_up(&source) => Err(DriverError::HungUp { step, counters }),
        Err(source) => Err(DriverError::Io {
            step,
            action,
            source,
            counters,
        }),
    }
}

/// Reads at least one byte; an empty read means that the tty hung up.
pub(super) async fn read_some(port: &impl Port, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match port.read(buffer).await {
            Ok(0) => return Err(nix::errno::Errno::EIO.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

pub(super) async fn write_all(port: &impl Port, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match port.write(bytes).await {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
