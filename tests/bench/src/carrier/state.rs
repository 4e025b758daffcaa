//! Shared state of the calls, with waiting for changes.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicBool, mpsc::SyncSender},
    time::{Duration, Instant},
};

use super::{CarrierError, CarrierSettings, link::FromGuest};

/// Longest log in bytes; older text is dropped, as tests read the end.
const MAX_LOG: usize = 1024 * 1024;

/// State of line, calls and guest.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Settings of the next call.
    pub(super) settings: CarrierSettings,
    pub(super) ready: bool,
    /// The machine or its link ended.
    pub(super) gone: bool,
    /// Number of calls so far, the present one included; also the number of the last one.
    pub(super) calls: u32,
    /// Channel to the caller, during a call.
    pub(super) caller: Option<SyncSender<Vec<u8>>>,
    /// The subscriber's address, while IPCP is open.
    pub(super) up: Option<Ipv4Addr>,
    /// Exit status of the last pppd.
    pub(super) status: Option<i32>,
    pub(super) blackhole: bool,
    /// Problem reported by the guest since the last command.
    pub(super) problem: Option<String>,
    log: String,
}

/// State shared between threads.
#[derive(Debug, Default)]
pub(super) struct State {
    known: Mutex<Known>,
    changed: Condvar,
    /// Whether pppd's output is discarded.
    pub(super) mute: AtomicBool,
    /// Path of the guest's console log, for errors.
    pub(super) console: PathBuf,
}

impl State {
    pub(super) fn new(settings: CarrierSettings, console: PathBuf) -> Self {
        let known = Mutex::new(Known {
            settings,
            ..Known::default()
        });
        Self {
            known,
            changed: Condvar::new(),
            mute: AtomicBool::new(false),
            console,
        }
    }

    /// Reads or changes the state under its lock.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        let value = f(&mut self.lock());
        self.changed.notify_all();
        value
    }

    /// Applies an event of the guest.
    pub(super) fn apply(&self, event: FromGuest) {
        self.with(|known| match event {
            FromGuest::Ready => known.ready = true,
            FromGuest::Log(line) => known.append(&line),
            FromGuest::Up { call, remote, .. } if call == known.calls => known.up = Some(remote),
            FromGuest::Down { call, status } if call == known.calls => {
                known.up = None;
                known.caller = None;
                known.status = status;
            }
            FromGuest::Up { .. } | FromGuest::Down { .. } => {}
            FromGuest::Blackhole(on) => known.blackhole = on,
            FromGuest::Problem(message) => known.problem = Some(message),
        });
    }

    /// Waits until `f` returns a result.
    pub(super) fn wait<T>(
        &self,
        what: &'static str,
        bound: Duration,
        f: impl Fn(&Known) -> Option<Result<T, CarrierError>>,
    ) -> Result<T, CarrierError> {
        let end = Instant::now() + bound;
        let mut known = self.lock();
        loop {
            if let Some(found) = f(&known) {
                return found;
            }
            if known.gone {
                return Err(CarrierError::Gone {
                    console: self.console.clone(),
                });
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(CarrierError::Late {
                    what,
                    bound,
                    log: known.log.clone(),
                });
            }
            known = self
                .changed
                .wait_timeout(known, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(super) fn log(&self) -> String {
        self.lock().log.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Each change is one assignment, so a panicked thread left the state consistent.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Returns the guest's problem as a result for [`State::wait`].
    pub(super) fn complaint<T>(&self) -> Option<Result<T, CarrierError>> {
        let message = self.problem.clone()?;
        Some(Err(CarrierError::Guest { message }))
    }

    /// Returns pppd's log so far.
    pub(super) fn log(&self) -> &str {
        &self.log
    }

    fn append(&mut self, line: &str) {
        self.log.push_str(line);
        self.log.push('\n');
        if self.log.len() > MAX_LOG {
            let half = self.log.len() / 2;
            let cut = self.log.bytes().skip(half).position(|byte| byte == b'\n');
            self.log
                .drain(..cut.map_or(self.log.len(), |at| half + at + 1));
        }
    }
}
