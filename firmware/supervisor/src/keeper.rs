//! What PID 1 does about its services, as a pure state machine.
//!
//! First the one-shot `storage`, bounded; then every supervised service, restarted for ever; at
//! the end an orderly stop, bounded too.

mod heartbeat;

use std::fmt;

use failberry_state::{BootMillis, Service, ServiceState};
use log::Level;

use crate::{backoff::Backoff, pulse::Pulse};

/// Waiting for the card (30 s), reading it and replaying its journal; the services must not wait
/// longer for a card that died.
const STORAGE_BOUND: u64 = 50_000;

/// `uplink` ends its call in agreement with the peer within this.
const TERM_BOUND: u64 = 5_000;

/// A process killed in a sleeping driver may never end.
const KILL_BOUND: u64 = 1_000;

/// A turn that comes later than this after its time was held up together with everybody else.
const STALL: u64 = 5_000;

/// Memory is measured when start-up is over.
const MEASURE_AFTER_CHANGE: u64 = 10_000;

/// And then now and then: it costs some milliseconds.
const MEASURE_EVERY: u64 = 600_000;

/// How the run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Start again.
    Reboot,
    /// Switch off.
    PowerOff,
}

impl fmt::Display for Ending {
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
    NotStarted(Service, String),
    /// A process ended, and how.
    Ended(i32, String),
    /// A process gave a sign of life.
    Alive(Service),
    /// Somebody wants a service to be started anew.
    Restart(Service),
    /// Somebody wants the machine to stop.
    Stop(Ending),
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
    SealRoot,
    /// Tell others how the services stand.
    Publish,
    /// Measure memory.
    Measure,
    /// Write a log line.
    Say(Level, String),
    /// The same, and remember it for the status page.
    Warn(String),
    /// All processes are gone, or as good as.
    Finish(Ending),
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Preparing {
        until: BootMillis,
    },
    Keeping,
    Stopping {
        ending: Ending,
        until: BootMillis,
        killed: bool,
    },
    Finished,
}

#[derive(Debug)]
struct Kept {
    service: Service,
    pid: Option<i32>,
    since: BootMillis,
    start_at: Option<BootMillis>,
    backoff: Backoff,
    pulse: Pulse,
    starts: u32,
    hangs: u32,
    /// Whether it is being ended for its silence.
    hung: bool,
    last_exit: Option<String>,
}

impl Kept {
    fn deadline(&self) -> Option<BootMillis> {
        let pulse = self.pid.and_then(|_| self.pulse.deadline());
        self.start_at.into_iter().chain(pulse).min()
    }
}

/// The services and what is to become of them.
#[derive(Debug)]
pub(crate) struct Keeper {
    patience: u64,
    phase: Phase,
    storage: Option<i32>,
    kept: Vec<Kept>,
    measure_at: Option<BootMillis>,
}

impl Keeper {
    /// Services may be silent for `patience` milliseconds.
    pub(crate) fn new(now: BootMillis, patience: u64) -> Self {
        let kept = Service::SUPERVISED.map(|service| Kept {
            service,
            pid: None,
            since: now,
            start_at: None,
            backoff: Backoff::default(),
            pulse: Pulse::new(now, patience),
            starts: 0,
            hangs: 0,
            hung: false,
            last_exit: None,
        });
        Self {
            patience,
            phase: Phase::Preparing {
                until: now.plus(STORAGE_BOUND),
            },
            storage: None,
            kept: kept.into(),
            measure_at: None,
        }
    }

    /// Takes in what happened; gives out what to do, in order.
    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Vec<Action> {
        let mut todo = Vec::new();
        let late = self.deadline().is_some_and(|at| now.since(at) > STALL);
        match event {
            Event::Begin => todo.push(Action::Start(Service::Storage)),
            Event::Started(service, pid) => self.started(service, pid, now, &mut todo),
            Event::NotStarted(service, why) => self.not_started(service, &why, now, &mut todo),
            Event::Ended(pid, how) => self.ended(pid, &how, now, &mut todo),
            Event::Stop(ending) => self.stop(ending, now, &mut todo),
            Event::Alive(service) => self.alive(service, now, &mut todo),
            Event::Restart(service) => self.restart(service, now, &mut todo),
            Event::Tick if late => self.forgive(now),
            // Only here, when every sign of life that has come is counted.
            Event::Tick => self.feel_pulses(now, &mut todo),
        }
        self.pass_time(now, &mut todo);
        todo
    }

    /// When the next [`Event::Tick`] is due.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        let phase = match self.phase {
            Phase::Preparing { until } | Phase::Stopping { until, .. } => Some(until),
            Phase::Keeping => self.kept.iter().filter_map(Kept::deadline).min(),
            Phase::Finished => return None,
        };
        phase.into_iter().chain(self.measure_at).min()
    }

    /// How the services stand.
    pub(crate) fn services(&self) -> Vec<ServiceState> {
        let state = |kept: &Kept| ServiceState {
            service: kept.service,
            pid: kept.pid,
            ready: kept.pid.is_some() && kept.pulse.ready(),
            starts: kept.starts,
            hangs: kept.hangs,
            last_exit: kept.last_exit.clone(),
            last_words: None,
        };
        self.kept.iter().map(state).collect()
    }

    /// The service that `pid` is.
    pub(crate) fn service_of(&self, pid: i32) -> Option<Service> {
        let kept = self.kept.iter().find(|kept| kept.pid == Some(pid));
        kept.map(|kept| kept.service)
            .or((self.storage == Some(pid)).then_some(Service::Storage))
    }

    /// Whether a process of `service` is there.
    pub(crate) fn service_is_there(&self, service: Service) -> bool {
        self.running().any(|(running, _)| running == service)
    }

    fn find(&mut self, service: Service) -> Option<&mut Kept> {
        self.kept.iter_mut().find(|kept| kept.service == service)
    }

    fn started(&mut self, service: Service, pid: i32, now: BootMillis, todo: &mut Vec<Action>) {
        if service == Service::Storage {
            self.storage = Some(pid);
            return;
        }
        let patience = self.patience;
        if let Some(kept) = self.find(service) {
            kept.pid = Some(pid);
            kept.since = now;
            kept.pulse = Pulse::new(now, patience);
            kept.hung = false;
            kept.starts = kept.starts.saturating_add(1);
            self.changed(now, todo);
        }
    }

    fn not_started(
        &mut self,
        service: Service,
        why: &str,
        now: BootMillis,
        todo: &mut Vec<Action>,
    ) {
        let how = format!("cannot be started: {why}");
        if service == Service::Storage {
            todo.push(Action::Warn(format!("storage {how}")));
            self.keep(todo, now);
        } else {
            self.down(service, &how, 0, now, todo);
        }
    }

    fn ended(&mut self, pid: i32, how: &str, now: BootMillis, todo: &mut Vec<Action>) {
        if self.storage == Some(pid) {
            self.storage = None;
            if how != CLEAN_EXIT {
                todo.push(Action::Warn(format!("storage ended: {how}")));
            }
            if matches!(self.phase, Phase::Preparing { .. }) {
                self.keep(todo, now);
            }
        }
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.pid == Some(pid)) {
            kept.pid = None;
            let (service, lived) = (kept.service, now.since(kept.since));
            let how = if kept.hung {
                format!("hung and was ended: {how}")
            } else {
                format!("ended: {how}")
            };
            self.down(service, &how, lived, now, todo);
        }
        if let Phase::Stopping { ending, .. } = self.phase
            && self.running().next().is_none()
        {
            self.finish(ending, todo);
        }
    }

    fn down(
        &mut self,
        service: Service,
        how: &str,
        lived: u64,
        now: BootMillis,
        todo: &mut Vec<Action>,
    ) {
        let restart = matches!(self.phase, Phase::Keeping);
        let Some(kept) = self.find(service) else {
            return;
        };
        kept.last_exit = Some(how.to_owned());
        if restart {
            let delay = kept.backoff.after(lived);
            kept.start_at = Some(now.plus(delay));
            let text = format!(
                "{} {how}; starting it again in {} s",
                service.name(),
                delay / 1000
            );
            todo.push(Action::Say(Level::Warn, text));
        }
        self.changed(now, todo);
    }

    fn keep(&mut self, todo: &mut Vec<Action>, now: BootMillis) {
        if matches!(self.phase, Phase::Preparing { .. }) {
            self.phase = Phase::Keeping;
            todo.push(Action::SealRoot);
            for kept in &mut self.kept {
                kept.start_at = Some(now);
            }
        }
    }

    fn stop(&mut self, ending: Ending, now: BootMillis, todo: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Finished) {
            return;
        }
        let what = match ending {
            Ending::Reboot => "rebooting",
            Ending::PowerOff => "switching off",
        };
        todo.push(Action::Say(
            Level::Info,
            format!("{what}, stopping services"),
        ));
        for kept in &mut self.kept {
            kept.start_at = None;
        }
        self.measure_at = None;
        todo.extend(self.running().map(|(_, pid)| Action::Terminate(pid)));
        self.phase = Phase::Stopping {
            ending,
            until: now.plus(TERM_BOUND),
            killed: false,
        };
        if self.running().next().is_none() {
            self.finish(ending, todo);
        }
    }

    fn pass_time(&mut self, now: BootMillis, todo: &mut Vec<Action>) {
        match self.phase {
            Phase::Preparing { until } if now >= until => {
                let seconds = STORAGE_BOUND / 1000;
                todo.push(Action::Warn(format!(
                    "storage is not done after {seconds} s, going on without it"
                )));
                todo.extend(self.storage.map(Action::Kill));
                self.keep(todo, now);
            }
            Phase::Stopping {
                ending,
                until,
                killed: false,
            } if now >= until => {
                let late: Vec<_> = self.running().collect();
                let names: Vec<_> = late.iter().map(|(service, _)| service.name()).collect();
                let text = format!(
                    "killing {}: still there after {} s",
                    names.join(", "),
                    TERM_BOUND / 1000
                );
                todo.push(Action::Say(Level::Warn, text));
                todo.extend(late.iter().map(|(_, pid)| Action::Kill(*pid)));
                self.phase = Phase::Stopping {
                    ending,
                    until: now.plus(KILL_BOUND),
                    killed: true,
                };
            }
            Phase::Stopping {
                ending,
                until,
                killed: true,
            } if now >= until => self.finish(ending, todo),
            _ => {}
        }
        if matches!(self.phase, Phase::Keeping) {
            for kept in &mut self.kept {
                if kept.start_at.is_some_and(|at| now >= at) {
                    kept.start_at = None;
                    todo.push(Action::Start(kept.service));
                }
            }
            if self.measure_at.is_some_and(|at| now >= at) {
                self.measure_at = Some(now.plus(MEASURE_EVERY));
                todo.extend([Action::Measure, Action::Publish]);
            }
        }
    }

    fn restart(&mut self, service: Service, now: BootMillis, todo: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Keeping) {
            return;
        }
        let Some(kept) = self.find(service) else {
            return;
        };
        match kept.pid {
            Some(pid) => {
                kept.pulse.end_within(now, TERM_BOUND);
                todo.push(Action::Terminate(pid));
            }
            None => kept.start_at = Some(now),
        }
    }

    fn changed(&mut self, now: BootMillis, todo: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Keeping) {
            self.measure_at = Some(now.plus(MEASURE_AFTER_CHANGE));
        }
        todo.push(Action::Publish);
    }

    fn finish(&mut self, ending: Ending, todo: &mut Vec<Action>) {
        self.phase = Phase::Finished;
        todo.push(Action::Finish(ending));
    }

    fn running(&self) -> impl Iterator<Item = (Service, i32)> {
        let storage = self.storage.map(|pid| (Service::Storage, pid));
        self.kept
            .iter()
            .filter_map(|kept| Some((kept.service, kept.pid?)))
            .chain(storage)
    }
}

/// How a process ends that has nothing to complain about.
pub(crate) const CLEAN_EXIT: &str = "exit code 0";

#[cfg(test)]
mod tests;
