//! What PID 1 does about its services, as a pure state machine.
//!
//! First the one-shot `storage`, bounded; then every supervised service, restarted for ever; at
//! the end an orderly stop, bounded too.

mod heartbeat;

use std::fmt;

use failberry_state::{BootMillis, Service, ServiceState};
use log::Level;

use crate::{backoff::Backoff, liveness::LivenessMonitor};

/// Waiting for the card (30 s), reading it and replaying its journal; the services must not wait
/// longer for a card that died.
const STORAGE_TIMEOUT_MS: u64 = 50_000;

/// `uplink` ends its call in agreement with the peer within this.
const TERM_TIMEOUT_MS: u64 = 5_000;

/// A process killed in a sleeping driver may never end.
const KILL_TIMEOUT_MS: u64 = 1_000;

/// A turn that comes later than this after its time was held up together with everybody else.
const STALL_THRESHOLD_MS: u64 = 5_000;

/// Memory is measured when start-up is over.
const MEASURE_DELAY_MS: u64 = 10_000;

/// And then now and then: it costs some milliseconds.
const MEASURE_INTERVAL_MS: u64 = 600_000;

/// How the run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// Start again.
    Reboot,
    /// Switch off.
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

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// PID 1 is ready to keep services.
    Begin,
    /// A process was started.
    Started(Service, i32),
    /// It could not be.
    StartFailed(Service, String),
    /// A process ended, and how.
    Exited(i32, String),
    /// A process gave a sign of life.
    Heartbeat(Service),
    /// Somebody wants a service to be started anew.
    Restart(Service),
    /// Somebody wants the machine to stop.
    Stop(ShutdownMode),
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a service's process.
    Start(Service),
    /// Ask a process to end.
    Terminate(i32),
    /// End it at once, and let it tell where it was if it can.
    Abort(i32),
    /// End it.
    Kill(i32),
    /// Everything that needs a writable root is done.
    StorageDone,
    /// Tell others how the services stand.
    Publish,
    /// Measure memory.
    MeasureMemory,
    /// Write a log line.
    Log(Level, String),
    /// The same, and remember it for the status page.
    Warn(String),
    /// All processes are gone, or as good as.
    Finish(ShutdownMode),
}

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

#[derive(Debug)]
struct ManagedService {
    service: Service,
    pid: Option<i32>,
    since: BootMillis,
    start_at: Option<BootMillis>,
    backoff: Backoff,
    liveness: LivenessMonitor,
    starts: u32,
    hangs: u32,
    /// Whether it is being ended for its silence.
    hung: bool,
    last_exit: Option<String>,
}

impl ManagedService {
    fn deadline(&self) -> Option<BootMillis> {
        let liveness = self.pid.and_then(|_| self.liveness.next_deadline());
        self.start_at.into_iter().chain(liveness).min()
    }
}

/// The services and what is to become of them.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    heartbeat_timeout: u64,
    phase: Phase,
    storage: Option<i32>,
    services: Vec<ManagedService>,
    measure_at: Option<BootMillis>,
}

impl ServiceManager {
    /// Services may be silent for `heartbeat_timeout` milliseconds.
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

    /// Takes in what happened; gives out what to do, in order.
    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Vec<Action> {
        let mut actions = Vec::new();
        let late = self
            .deadline()
            .is_some_and(|at| now.since(at) > STALL_THRESHOLD_MS);
        match event {
            Event::Begin => actions.push(Action::Start(Service::Storage)),
            Event::Started(service, pid) => self.on_started(service, pid, now, &mut actions),
            Event::StartFailed(service, why) => {
                self.on_start_failed(service, &why, now, &mut actions)
            }
            Event::Exited(pid, how) => self.on_exited(pid, &how, now, &mut actions),
            Event::Stop(mode) => self.stop(mode, now, &mut actions),
            Event::Heartbeat(service) => self.record_heartbeat(service, now, &mut actions),
            Event::Restart(service) => self.restart(service, now, &mut actions),
            Event::Tick if late => self.reset_deadlines(now),
            // Only here, when every sign of life that has come is counted.
            Event::Tick => self.check_heartbeats(now, &mut actions),
        }
        self.run_due(now, &mut actions);
        actions
    }

    /// When the next [`Event::Tick`] is due.
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

    /// How the services stand.
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

    /// The service that `pid` is.
    pub(crate) fn service_of(&self, pid: i32) -> Option<Service> {
        let managed = self
            .services
            .iter()
            .find(|managed| managed.pid == Some(pid));
        managed
            .map(|managed| managed.service)
            .or((self.storage == Some(pid)).then_some(Service::Storage))
    }

    /// Whether a process of `service` is there.
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

    fn running(&self) -> impl Iterator<Item = (Service, i32)> {
        let storage = self.storage.map(|pid| (Service::Storage, pid));
        self.services
            .iter()
            .filter_map(|managed| Some((managed.service, managed.pid?)))
            .chain(storage)
    }
}

/// How a process ends that has nothing to complain about.
pub(crate) const CLEAN_EXIT: &str = "exit code 0";

#[cfg(test)]
mod tests;
