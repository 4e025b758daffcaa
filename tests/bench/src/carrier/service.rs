//! What tests hold in their hands.

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

/// The machine boots in 3 s on an idle computer, and tests may run beside it.
const BOOT: Duration = Duration::from_secs(90);

/// A command takes the guest some milliseconds.
const COMMAND: Duration = Duration::from_secs(20);

/// The mobile carrier. It ends with this value, and with this process.
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
    /// Starts the carrier in a world and waits until it answers calls. `dir` takes its sockets and
    /// logs; it is made where it is missing.
    ///
    /// # Errors
    /// When a part is missing, the settings cannot be used, or the machine does not come up.
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

    /// The Unix socket on which the stick calls: to connect is to dial, to close is to hang up. A
    /// caller that comes during a call is answered after it. When pppd ends the call the socket
    /// is closed.
    pub fn line(&self) -> &Path {
        &self.path
    }

    /// How the calls from the next one on are answered.
    ///
    /// # Errors
    /// When pppd's files cannot hold the settings.
    pub fn set(&self, settings: CarrierSettings) -> Result<(), CarrierError> {
        settings.check()?;
        self.state.with(|known| known.settings = settings);
        Ok(())
    }

    /// How many calls have come in, the present one included.
    pub fn calls(&self) -> u32 {
        self.state.with(|known| known.calls)
    }

    /// Waits until IPCP is open, and gives the subscriber's address.
    ///
    /// # Errors
    /// When it is not within `bound`, or the machine complains.
    pub fn wait_up(&self, bound: Duration) -> Result<Ipv4Addr, CarrierError> {
        self.state.wait("the link being up", bound, |known| {
            known.up.map(Ok).or_else(|| known.complaint())
        })
    }

    /// Waits until the present call is over, and gives pppd's exit status: 5 for its own
    /// termination, 11 for a wrong password, 16 for a hang-up or the peer's termination. None
    /// where there was no call, or a next one is there already.
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

    /// Waits until the log of all calls says this for the `times`th time.
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

    /// Swallows everything that pppd says, until switched off: the line is there, and nobody on it.
    pub fn mute(&self, on: bool) {
        self.state.mute.store(on, Ordering::Relaxed);
    }

    /// pppd's debug log so far, of all calls.
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
        // The waiting `accept` returns; then the machine's end lets go of a call that is going on.
        let _ = shutdown(self.line.as_raw_fd(), Shutdown::Both);
        self.machine = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
