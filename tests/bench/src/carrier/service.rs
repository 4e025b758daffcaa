//! Handle to the running carrier, as used by tests.

use std::{
    net::Ipv4Addr,
    os::{fd::AsRawFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sys::socket::{Shutdown, shutdown};

use super::{
    CarrierError, CarrierSettings,
    line_mux::{self, Guest},
    link::{Frame, ToGuest},
    machine,
    state::State,
};
use crate::net::{ChildGuard, TestNetwork};

/// Longest boot time of the machine; 3 s on an idle host, and tests may run in parallel.
const BOOT: Duration = Duration::from_secs(90);

/// Longest time from a command to its reply; the guest takes some milliseconds.
const COMMAND: Duration = Duration::from_secs(20);

/// Running mobile carrier. It ends when dropped, and with this process.
#[derive(Debug)]
pub struct Carrier {
    path: PathBuf,
    line: Arc<UnixListener>,
    guest: Guest,
    state: Arc<State>,
    machine: Option<ChildGuard>,
    threads: Vec<JoinHandle<()>>,
}

impl Carrier {
    /// Starts the carrier in a test network and waits until it answers calls. `dir` gets its
    /// sockets and logs; it is created if missing.
    ///
    /// # Errors
    /// A part is missing, the settings are invalid, or the machine does not start.
    pub fn start(
        network: &TestNetwork,
        dir: &Path,
        settings: CarrierSettings,
    ) -> Result<Self, CarrierError> {
        settings.check()?;
        std::fs::create_dir_all(dir).map_err(CarrierError::file(dir))?;
        let path = dir.join("carrier-line");
        let line = Arc::new(machine::listen(&path)?);
        let (machine, to_guest) = machine::start(network, dir)?;
        let from_guest = to_guest.try_clone().map_err(CarrierError::file(dir))?;
        let guest: Guest = Arc::new(Mutex::new(to_guest));
        let state = Arc::new(State::new(settings, machine::console(dir)));
        let listening = Arc::clone(&state);
        let answering = (Arc::clone(&line), Arc::clone(&guest), Arc::clone(&state));
        let threads = vec![
            thread::spawn(move || line_mux::listen(from_guest, &listening)),
            thread::spawn(move || line_mux::answer(&answering.0, &answering.1, &answering.2)),
        ];
        let carrier = Self {
            path,
            line,
            guest,
            state,
            machine: Some(machine),
            threads,
        };
        carrier.state.wait("the carrier's start", BOOT, |known| {
            known.ready.then_some(Ok(())).or_else(|| known.complaint())
        })?;
        Ok(carrier)
    }

    /// Returns the Unix socket of the line: connecting dials, closing hangs up. A second caller is
    /// answered after the present call. When pppd ends the call the socket is closed.
    pub fn line(&self) -> &Path {
        &self.path
    }

    /// Sets the settings of the next and later calls.
    ///
    /// # Errors
    /// When pppd's files cannot hold the settings.
    pub fn set(&self, settings: CarrierSettings) -> Result<(), CarrierError> {
        settings.check()?;
        self.state.with(|known| known.settings = settings);
        Ok(())
    }

    /// Returns the number of calls received, the present one included.
    pub fn calls(&self) -> u32 {
        self.state.with(|known| known.calls)
    }

    /// Waits until IPCP is open and returns the subscriber's address.
    ///
    /// # Errors
    /// When it is not within `bound`, or the machine complains.
    pub fn wait_up(&self, bound: Duration) -> Result<Ipv4Addr, CarrierError> {
        self.state.wait("the link being up", bound, |known| {
            known.up.map(Ok).or_else(|| known.complaint())
        })
    }

    /// Waits until the present call is over and returns pppd's exit status: 5 for its own
    /// termination, 11 for a wrong password, 16 for a hang-up or the peer's termination. `None` if
    /// there was no call, or the next one has begun.
    ///
    /// # Errors
    /// When the call still goes on after `bound`.
    pub fn wait_down(&self, bound: Duration) -> Result<Option<i32>, CarrierError> {
        let call = self.calls();
        self.state.wait("the end of the call", bound, |known| {
            known.complaint().or_else(|| {
                (known.caller.is_none() || known.calls != call).then_some(Ok(known.status))
            })
        })
    }

    /// Waits until the log of all calls contains `words` `times` times.
    ///
    /// # Errors
    /// When it does not within `bound`, or the machine complains.
    pub fn wait_log(&self, words: &str, times: usize, bound: Duration) -> Result<(), CarrierError> {
        self.state.wait("a line of the log", bound, |known| {
            (known.log().matches(words).count() >= times)
                .then_some(Ok(()))
                .or_else(|| known.complaint())
        })
    }

    /// Ends the call from the carrier's side: pppd sends LCP Terminate, then the line drops.
    ///
    /// # Errors
    /// When there is no call.
    pub fn terminate_call(&self) -> Result<(), CarrierError> {
        if self.state.with(|known| known.caller.is_none()) {
            return Err(CarrierError::NoCall);
        }
        self.send_command(ToGuest::Terminate)
    }

    /// Drops IP packets both ways while PPP stays up and answers LCP echo, until switched off. It
    /// is in force when this returns, and for later calls too.
    ///
    /// # Errors
    /// When the machine cannot do it.
    pub fn blackhole(&self, on: bool) -> Result<(), CarrierError> {
        self.send_command(ToGuest::Blackhole(on))?;
        self.state.wait("the black hole", COMMAND, |known| {
            (known.blackhole == on)
                .then_some(Ok(()))
                .or_else(|| known.complaint())
        })
    }

    /// Discards everything that pppd sends, until switched off: the line is connected, but silent.
    pub fn mute(&self, on: bool) {
        self.state.mute.store(on, Ordering::Relaxed);
    }

    /// Returns pppd's debug log of all calls so far.
    pub fn log(&self) -> String {
        self.state.log()
    }

    fn send_command(&self, command: ToGuest) -> Result<(), CarrierError> {
        self.state.with(|known| known.problem = None);
        line_mux::send(&self.guest, &Frame::Message(command)).map_err(|_| CarrierError::Gone {
            console: self.state.console.clone(),
        })
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // Makes the waiting `accept` return; the machine's end then ends a call in progress.
        let _ = shutdown(self.line.as_raw_fd(), Shutdown::Both);
        self.machine = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
