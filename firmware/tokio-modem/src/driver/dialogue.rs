//! The loop that both drivers share: what the dialler says is done, with a tty and a timer.

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
    line::{heed_carrier, set_dtr},
};
use crate::{
    at::Counters,
    dial::{Dialer, Output, Progress, Rate, Settings, Step},
    modem::Profile,
};

/// Bytes read at once, and so the most that can be found behind `CONNECT`. An answer has under 200.
pub const EARLY_MAX: usize = 256;

/// How long the stick may take a command's bytes. One that takes none is not told from one that
/// does not answer: what revives it is the same, and the dialler has it.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// A tty that carries PPP.
#[derive(Debug)]
pub struct Online {
    /// The modem port, raw and not blocking. Closing it hangs up.
    pub tty: OwnedFd,
    /// What the stick said after `CONNECT`.
    pub rate: Rate,
    /// What came behind `CONNECT` already: the peer's first bytes, which a framing in user space
    /// must be given first. The kernel's cannot be given any, and needs none: a first LCP request
    /// that is lost is sent again.
    pub early: Vec<u8, EARLY_MAX>,
    /// Lines that made no sense on the way.
    pub counters: Counters,
}

/// What a runtime has to offer.
pub(super) trait Port {
    /// The tty.
    fn tty(&self) -> BorrowedFd<'_>;

    /// Reads once, when something is there.
    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes once, when there is room.
    async fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// What comes of `work` in this time.
    async fn within<W: Future>(&self, limit: Duration, work: W) -> Option<W::Output>;

    /// Gives the tty back.
    fn into_tty(self) -> io::Result<File>;
}

/// Dials to the end.
pub(super) async fn run<P: Port>(
    port: P,
    profile: &'static Profile,
    settings: Settings,
    mut told: impl FnMut(&Progress),
) -> Result<Online, DriverError> {
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
                told(&progress);
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
            Output::Connected(rate) => match heed_carrier(port.tty()) {
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
        Ok((rate, tty)) => Ok(Online {
            tty: tty.into(),
            rate,
            // It fits: it is a part of what was read at once.
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

/// Reads at least one byte; a tty that hung up has none to give.
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
