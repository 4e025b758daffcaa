//! Life cycle of the services, as a pure state machine: start, restart, stop.
//!
//! First runs the one-shot `storage`, with a timeout. Then starts every supervised service and
//! restarts it whenever it exits. At the end stops them all in order, with a timeout.

mod heartbeat;

use std::fmt;

use failberry_state::{BootMillis, Service, ServiceState};
use log::Level;

use crate::{backoff::Backoff, liveness::LivenessMonitor};

/// Time from the start until the services start without `storage`, in milliseconds. It covers
/// waiting for the card (30 s), reading it and replaying its journal; the services must not wait
/// longer for a dead card.
const STORAGE_TIMEOUT_MS: u64 = 50_000;

/// Time from SIGTERM to SIGKILL, in milliseconds: enough for `uplink` to terminate its call with
/// the peer.
const TERM_TIMEOUT_MS: u64 = 5_000;

/// Time from SIGKILL to the end without the remaining processes, in milliseconds. One that sleeps
/// in a driver may never exit.
const KILL_TIMEOUT_MS: u64 = 1_000;

/// Lateness of a turn at which PID 1 counts as stalled, in milliseconds. Heartbeats were not read
/// then, and their deadlines start again.
const STALL_THRESHOLD_MS: u64 = 5_000;

/// Time from the last start or exit to the measurement of memory, in milliseconds: start-up is over
/// by then.
const MEASURE_DELAY_MS: u64 = 10_000;

/// Interval of further measurements, in milliseconds. One takes some milliseconds.
const MEASURE_INTERVAL_MS: u64 = 600_000;

/// How the machine is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// Restart.
    Reboot,
    /// Power off.
    PowerOff,
}

impl fmt::Display for ShutdownMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reboot => "reboot",
            Self::PowerOff => "power off",
        })
    }
}

/// Input of the state machine.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The event loop has started.
    Begin,
    /// A process was spawned: service and process id.
    Started(Service, i32),
    /// A process could not be spawned: service and reason.
    StartFailed(Service, String),
    /// A process exited: its id and how.
    Exited(i32, String),
    /// A service sent a heartbeat.
    Heartbeat(Service),
    /// A restart of a service was requested.
    Restart(Service),
    /// A shutdown was requested.
    Stop(ShutdownMode),
    /// Time has passed.
    Tick,
}

/// Output of the state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Spawn the process of a service.
    Start(Service),
    /// Send SIGTERM.
    Terminate(i32),
    /// Send SIGABRT, so that the process can report where it was.
    Abort(i32),
    /// Send SIGKILL.
    Kill(i32),
    /// `storage` is done or given up: read its results, make the root read-only.
    StorageDone,
    /// Publish the state of the services.
    Publish,
    /// Measure the use of memory.
    MeasureMemory,
    /// Write a log line.
    Log(Level, String),
    /// Write a warning to the log and add it to the status page.
    Warn(String),
    /// Leave the event loop: all processes are gone, or stuck.
    Finish(ShutdownMode),
}

/// Phase of the whole run.
#[derive(Clone, Copy, Debug)]
enum Phase {
    WaitingForStorage {
        until: BootMillis,
    },
    Running,
    Stopping {
        mode: ShutdownMode,
        until: BootMillis,
        killed: bool,
    },
    Finished,
}

/// One supervised service and its process.
#[derive(Debug)]
struct ManagedService {
    service: Service,
    pid: Option<i32>,
    /// Start of the present or last process.
    since: BootMillis,
    /// When to spawn it, if that is due.
    start_at: Option<BootMillis>,
    backoff: Backoff,
    liveness: LivenessMonitor,
    starts: u32,
    /// Times that it missed its heartbeat deadline.
    hangs: u32,
    /// Whether it is being ended for a missed heartbeat.
    hung: bool,
    last_exit: Option<String>,
}

impl ManagedService {
    /// Returns when to start the service or to act on its process.
    fn deadline(&self) -> Option<BootMillis> {
        let liveness = self.pid.and_then(|_| self.liveness.next_deadline());
        self.start_at.into_iter().chain(liveness).min()
    }
}

/// State machine of all services.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    heartbeat_timeout: u64,
    phase: Phase,
    storage: Option<i32>,
    services: Vec<ManagedService>,
    measure_at: Option<BootMillis>,
}

impl ServiceManager {
    /// Creates the manager; `heartbeat_timeout` is in milliseconds.
    pub(crate) fn new(now: BootMillis, heartbeat_timeout: u64) -> Self {
        let services = Service::SUPERVISED.map(|service| ManagedService {
            service,
            pid: None,
            since: now,
            start_at: None,
            backoff: Backoff::default(),
            liveness: LivenessMonitor::new(now, heartbeat_timeout),
            starts: 0,
            hangs: 0,
            hung: false,
            last_exit: None,
        });
        Self {
            heartbeat_timeout,
            phase: Phase::WaitingForStorage {
                until: now.plus(STORAGE_TIMEOUT_MS),
            },
            storage: None,
            services: services.into(),
            measure_at: None,
        }
    }

    /// Handles an event and returns the actions to carry out, in order.
    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Vec<Action> {
        let mut actions = Vec::new();
        let late = self
            .deadline()
            .is_some_and(|at| now.since(at) > STALL_THRESHOLD_MS);
        match event {
            Event::Begin => actions.push(Action::Start(Service::Storage)),
            Event::Started(service, pid) => self.on_started(service, pid, now, &mut actions),
            Event::StartFailed(service, why) => {
                self.on_start_failed(service, &why, now, &mut actions);
            }
            Event::Exited(pid, how) => self.on_exited(pid, &how, now, &mut actions),
            Event::Stop(mode) => self.stop(mode, now, &mut actions),
            Event::Heartbeat(service) => self.record_heartbeat(service, now, &mut actions),
            Event::Restart(service) => self.restart(service, now, &mut actions),
            Event::Tick if late => self.reset_deadlines(now),
            // Only at a tick, when all heartbeats of this turn have been recorded.
            Event::Tick => self.check_heartbeats(now, &mut actions),
        }
        self.run_due(now, &mut actions);
        actions
    }

    /// Returns when the next [`Event::Tick`] is due.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        let phase = match self.phase {
            Phase::WaitingForStorage { until } | Phase::Stopping { until, .. } => Some(until),
            Phase::Running => self
                .services
                .iter()
                .filter_map(ManagedService::deadline)
                .min(),
            Phase::Finished => return None,
        };
        phase.into_iter().chain(self.measure_at).min()
    }

    /// Returns the state of the services, to be published.
    pub(crate) fn service_states(&self) -> Vec<ServiceState> {
        let state = |managed: &ManagedService| ServiceState {
            service: managed.service,
            pid: managed.pid,
            ready: managed.pid.is_some() && managed.liveness.is_ready(),
            starts: managed.starts,
            hangs: managed.hangs,
            last_exit: managed.last_exit.clone(),
            last_words: None,
        };
        self.services.iter().map(state).collect()
    }

    /// Returns the service that runs as process `pid`.
    pub(crate) fn service_of(&self, pid: i32) -> Option<Service> {
        let managed = self
            .services
            .iter()
            .find(|managed| managed.pid == Some(pid));
        managed
            .map(|managed| managed.service)
            .or((self.storage == Some(pid)).then_some(Service::Storage))
    }

    /// Returns whether `service` has a process.
    pub(crate) fn is_running(&self, service: Service) -> bool {
        self.running().any(|(running, _)| running == service)
    }

    fn find(&mut self, service: Service) -> Option<&mut ManagedService> {
        self.services
            .iter_mut()
            .find(|managed| managed.service == service)
    }

    fn on_started(
        &mut self,
        service: Service,
        pid: i32,
        now: BootMillis,
        actions: &mut Vec<Action>,
    ) {
        if service == Service::Storage {
            self.storage = Some(pid);
            return;
        }
        let heartbeat_timeout = self.heartbeat_timeout;
        if let Some(managed) = self.find(service) {
            managed.pid = Some(pid);
            managed.since = now;
            managed.liveness = LivenessMonitor::new(now, heartbeat_timeout);
            managed.hung = false;
            managed.starts = managed.starts.saturating_add(1);
            self.on_changed(now, actions);
        }
    }

    fn on_start_failed(
        &mut self,
        service: Service,
        why: &str,
        now: BootMillis,
        actions: &mut Vec<Action>,
    ) {
        let how = format!("cannot be started: {why}");
        if service == Service::Storage {
            actions.push(Action::Warn(format!("storage {how}")));
            self.start_services(actions, now);
        } else {
            self.record_down(service, &how, 0, now, actions);
        }
    }

    fn on_exited(&mut self, pid: i32, how: &str, now: BootMillis, actions: &mut Vec<Action>) {
        if self.storage == Some(pid) {
            self.storage = None;
            if how != CLEAN_EXIT {
                actions.push(Action::Warn(format!("storage ended: {how}")));
            }
            if matches!(self.phase, Phase::WaitingForStorage { .. }) {
                self.start_services(actions, now);
            }
        }
        if let Some(managed) = self
            .services
            .iter_mut()
            .find(|managed| managed.pid == Some(pid))
        {
            managed.pid = None;
            let (service, uptime) = (managed.service, now.since(managed.since));
            let how = if managed.hung {
                format!("hung and was ended: {how}")
            } else {
                format!("ended: {how}")
            };
            self.record_down(service, &how, uptime, now, actions);
        }
        if let Phase::Stopping { mode, .. } = self.phase
            && self.running().next().is_none()
        {
            self.finish(mode, actions);
        }
    }

    /// Records the exit or failed start of a service, and schedules its restart.
    fn record_down(
        &mut self,
        service: Service,
        how: &str,
        uptime: u64,
        now: BootMillis,
        actions: &mut Vec<Action>,
    ) {
        let restart = matches!(self.phase, Phase::Running);
        let Some(managed) = self.find(service) else {
            return;
        };
        managed.last_exit = Some(how.to_owned());
        if restart {
            let delay = managed.backoff.next_delay(uptime);
            managed.start_at = Some(now.plus(delay));
            let text = format!(
                "{} {how}; starting it again in {} s",
                service.name(),
                delay / 1000
            );
            actions.push(Action::Log(Level::Warn, text));
        }
        self.on_changed(now, actions);
    }

    /// Starts all services, once `storage` is done or given up.
    fn start_services(&mut self, actions: &mut Vec<Action>, now: BootMillis) {
        if matches!(self.phase, Phase::WaitingForStorage { .. }) {
            self.phase = Phase::Running;
            actions.push(Action::StorageDone);
            for managed in &mut self.services {
                managed.start_at = Some(now);
            }
        }
    }

    fn stop(&mut self, mode: ShutdownMode, now: BootMillis, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Finished) {
            return;
        }
        let what = match mode {
            ShutdownMode::Reboot => "rebooting",
            ShutdownMode::PowerOff => "switching off",
        };
        actions.push(Action::Log(
            Level::Info,
            format!("{what}, stopping services"),
        ));
        for managed in &mut self.services {
            managed.start_at = None;
        }
        self.measure_at = None;
        actions.extend(self.running().map(|(_, pid)| Action::Terminate(pid)));
        self.phase = Phase::Stopping {
            mode,
            until: now.plus(TERM_TIMEOUT_MS),
            killed: false,
        };
        if self.running().next().is_none() {
            self.finish(mode, actions);
        }
    }

    /// Acts on timeouts and starts that are due.
    fn run_due(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::WaitingForStorage { until } if now >= until => {
                let seconds = STORAGE_TIMEOUT_MS / 1000;
                actions.push(Action::Warn(format!(
                    "storage is not done after {seconds} s, going on without it"
                )));
                actions.extend(self.storage.map(Action::Kill));
                self.start_services(actions, now);
            }
            Phase::Stopping {
                mode,
                until,
                killed: false,
            } if now >= until => {
                let late: Vec<_> = self.running().collect();
                let names: Vec<_> = late.iter().map(|(service, _)| service.name()).collect();
                let text = format!(
                    "killing {}: still there after {} s",
                    names.join(", "),
                    TERM_TIMEOUT_MS / 1000
                );
                actions.push(Action::Log(Level::Warn, text));
                actions.extend(late.iter().map(|(_, pid)| Action::Kill(*pid)));
                self.phase = Phase::Stopping {
                    mode,
                    until: now.plus(KILL_TIMEOUT_MS),
                    killed: true,
                };
            }
            Phase::Stopping {
                mode,
                until,
                killed: true,
            } if now >= until => self.finish(mode, actions),
            _ => {}
        }
        if matches!(self.phase, Phase::Running) {
            for managed in &mut self.services {
                if managed.start_at.is_some_and(|at| now >= at) {
                    managed.start_at = None;
                    actions.push(Action::Start(managed.service));
                }
            }
            if self.measure_at.is_some_and(|at| now >= at) {
                self.measure_at = Some(now.plus(MEASURE_INTERVAL_MS));
                actions.extend([Action::MeasureMemory, Action::Publish]);
            }
        }
    }

    fn restart(&mut self, service: Service, now: BootMillis, actions: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Running) {
            return;
        }
        let Some(managed) = self.find(service) else {
            return;
        };
        match managed.pid {
            Some(pid) => {
                managed.liveness.stop_within(now, TERM_TIMEOUT_MS);
                actions.push(Action::Terminate(pid));
            }
            None => managed.start_at = Some(now),
        }
    }

    /// Publishes a change of a service, and schedules the measurement of memory.
    fn on_changed(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Running) {
            self.measure_at = Some(now.plus(MEASURE_DELAY_MS));
        }
        actions.push(Action::Publish);
    }

    fn finish(&mut self, mode: ShutdownMode, actions: &mut Vec<Action>) {
        self.phase = Phase::Finished;
        actions.push(Action::Finish(mode));
    }

    /// Returns the processes that have not exited.
    fn running(&self) -> impl Iterator<Item = (Service, i32)> {
        let storage = self.storage.map(|pid| (Service::Storage, pid));
        self.services
            .iter()
            .filter_map(|managed| Some((managed.service, managed.pid?)))
            .chain(storage)
    }
}

/// How a process that succeeded has exited, as in [`Event::Exited`].
pub(crate) const CLEAN_EXIT: &str = "exit code 0";

#[cfg(test)]
mod tests;
