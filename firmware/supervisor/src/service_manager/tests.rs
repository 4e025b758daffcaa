//! The service manager on virtual time.

use proptest::prelude::*;

use super::*;

/// A manager with simulated processes, numbered from 100.
struct Simulation {
    manager: ServiceManager,
    now: u64,
    next_pid: i32,
    log: Vec<Action>,
    /// Services that send no heartbeats.
    silent: Vec<Service>,
}

impl Simulation {
    fn new() -> Self {
        let mut sim = Self {
            manager: ServiceManager::new(BootMillis(0), 60_000),
            now: 0,
            next_pid: 100,
            log: Vec::new(),
            silent: Vec::new(),
        };
        sim.send(Event::Begin);
        sim
    }

    /// Returns a simulation in which `storage` has finished.
    fn prepared() -> Self {
        let mut sim = Self::new();
        sim.send(Event::Exited(100, CLEAN_EXIT.into()));
        sim.log.clear();
        sim
    }

    fn send(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.manager.step(event, BootMillis(self.now)) {
                if let Action::Start(service) = action {
                    events.push(Event::Started(service, self.next_pid));
                    self.next_pid += 1;
                }
                self.log.push(action);
            }
        }
    }

    fn advance(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(at) = self.manager.deadline().filter(|at| at.0 <= end) {
            self.now = self.now.max(at.0);
            self.send_heartbeats();
            self.send(Event::Tick);
        }
        self.now = end;
        self.send(Event::Tick);
    }

    fn send_heartbeats(&mut self) {
        for service in Service::SUPERVISED {
            if self.pid(service).is_some() && !self.silent.contains(&service) {
                self.send(Event::Heartbeat(service));
            }
        }
    }

    fn state(&self, service: Service) -> ServiceState {
        let states = self.manager.service_states();
        let found = states.into_iter().find(|state| state.service == service);
        found.unwrap_or_else(|| panic!("no {}", service.name()))
    }

    fn pid(&self, service: Service) -> Option<i32> {
        self.manager
            .service_states()
            .iter()
            .find(|state| state.service == service)
            .and_then(|state| state.pid)
    }

    fn exit(&mut self, service: Service) {
        let pid = self.pid(service).unwrap_or_default();
        self.send(Event::Exited(pid, "exit code 1".into()));
    }

    fn count(&self, action: &Action) -> usize {
        self.log.iter().filter(|seen| *seen == action).count()
    }
}

#[test]
fn services_start_after_storage_is_done() {
    let mut sim = Simulation::new();
    assert_eq!(sim.log, [Action::Start(Service::Storage)]);
    sim.advance(3_000);
    assert_eq!(sim.log.len(), 1);
    sim.log.clear();
    sim.send(Event::Exited(100, CLEAN_EXIT.into()));
    let order: Vec<_> = sim
        .log
        .iter()
        .filter(|action| !matches!(action, Action::Publish))
        .cloned()
        .collect();
    let mut expected = vec![Action::StorageDone];
    expected.extend(Service::SUPERVISED.map(Action::Start));
    assert_eq!(order, expected);
    assert!(
        Service::SUPERVISED
            .iter()
            .all(|service| sim.pid(*service).is_some())
    );
}

#[test]
fn hung_storage_is_killed_and_services_start_once() {
    let mut sim = Simulation::new();
    sim.advance(49_999);
    assert_eq!(sim.count(&Action::StorageDone), 0);
    sim.advance(1);
    assert_eq!(sim.count(&Action::Kill(100)), 1);
    assert_eq!(sim.count(&Action::StorageDone), 1);
    let warned = |sim: &Simulation| {
        sim.log
            .iter()
            .filter(|a| matches!(a, Action::Warn(_)))
            .count()
    };
    assert_eq!(warned(&sim), 1);
    sim.send(Event::Exited(100, "signal SIGKILL".into()));
    assert_eq!(sim.count(&Action::StorageDone), 1);
    assert_eq!(sim.count(&Action::Start(Service::Network)), 1);
}

#[test]
fn failed_storage_warns_and_services_start() {
    let mut manager = ServiceManager::new(BootMillis(0), 60_000);
    manager.step(Event::Begin, BootMillis(0));
    let actions = manager.step(
        Event::StartFailed(Service::Storage, "no such file".into()),
        BootMillis(0),
    );
    assert!(
        matches!(actions.first(), Some(Action::Warn(text)) if text == "storage cannot be started: no such file")
    );
    assert!(actions.contains(&Action::Start(Service::Dyndns)));

    let mut sim = Simulation::new();
    sim.send(Event::Exited(100, "signal SIGSEGV".into()));
    assert_eq!(
        sim.count(&Action::Warn("storage ended: signal SIGSEGV".into())),
        1
    );
    assert_eq!(sim.count(&Action::Start(Service::Uplink)), 1);
}

#[test]
fn exited_service_restarts_alone() {
    let mut sim = Simulation::prepared();
    sim.advance(5_000);
    sim.exit(Service::Uplink);
    let said = Action::Log(
        Level::Warn,
        "uplink ended: exit code 1; starting it again in 1 s".into(),
    );
    assert_eq!(sim.count(&said), 1);
    sim.advance(999);
    assert_eq!(sim.pid(Service::Uplink), None);
    sim.advance(1);
    assert!(sim.pid(Service::Uplink).is_some());
    assert_eq!(sim.count(&Action::Start(Service::Uplink)), 1);
    assert_eq!(sim.count(&Action::Start(Service::Network)), 0);
    let state = sim
        .manager
        .service_states()
        .into_iter()
        .find(|s| s.service == Service::Uplink);
    assert_eq!(
        state.map(|s| (s.starts, s.last_exit)),
        Some((2, Some("ended: exit code 1".into())))
    );
}

#[test]
fn backoff_doubles_and_resets_after_a_minute() {
    let mut sim = Simulation::prepared();
    let mut delays = Vec::new();
    for uptime in [0, 0, 0, 0, 0, 0, 60_000, 0] {
        sim.advance(uptime);
        sim.exit(Service::Health);
        let from = sim.now;
        while sim.pid(Service::Health).is_none() {
            sim.advance(1_000);
        }
        delays.push((sim.now - from) / 1000);
    }
    assert_eq!(delays, [1, 2, 4, 8, 16, 30, 1, 2]);
}

#[test]
fn failed_start_is_retried() {
    let mut sim = Simulation::prepared();
    let pid = sim.pid(Service::Clock).unwrap_or_default();
    sim.manager
        .step(Event::Exited(pid, "signal SIGKILL".into()), BootMillis(0));
    let actions = sim.manager.step(Event::Tick, BootMillis(1_000));
    assert!(actions.contains(&Action::Start(Service::Clock)));
    sim.manager.step(
        Event::StartFailed(Service::Clock, "out of memory".into()),
        BootMillis(1_000),
    );
    assert_eq!(sim.manager.deadline(), Some(BootMillis(3_000)));
    assert!(
        sim.manager
            .step(Event::Tick, BootMillis(3_000))
            .contains(&Action::Start(Service::Clock))
    );
}

#[test]
fn memory_is_measured_after_changes_and_periodically() {
    let mut sim = Simulation::prepared();
    sim.advance(9_999);
    assert_eq!(sim.count(&Action::MeasureMemory), 0);
    sim.advance(1);
    assert_eq!(sim.count(&Action::MeasureMemory), 1);
    sim.advance(600_000);
    assert_eq!(sim.count(&Action::MeasureMemory), 2);
    sim.exit(Service::Clock);
    sim.advance(10_999);
    assert_eq!(sim.count(&Action::MeasureMemory), 2);
    sim.advance(1);
    assert_eq!(sim.count(&Action::MeasureMemory), 3);
}

#[test]
fn stop_waits_for_all_and_restarts_none() {
    let mut sim = Simulation::prepared();
    sim.exit(Service::Clock);
    sim.log.clear();
    sim.send(Event::Stop(ShutdownMode::Reboot));
    let terminated = sim
        .log
        .iter()
        .filter(|a| matches!(a, Action::Terminate(_)))
        .count();
    assert_eq!(terminated, Service::SUPERVISED.len() - 1);
    sim.send(Event::Stop(ShutdownMode::PowerOff));
    let others = [Service::Clock, Service::Dyndns];
    for service in Service::SUPERVISED {
        if !others.contains(&service) {
            sim.exit(service);
        }
    }
    sim.advance(2_000);
    assert_eq!(sim.count(&Action::Finish(ShutdownMode::Reboot)), 0);
    sim.exit(Service::Dyndns);
    assert_eq!(sim.log.last(), Some(&Action::Finish(ShutdownMode::Reboot)));
    sim.advance(100_000);
    assert_eq!(
        sim.log
            .iter()
            .filter(|a| matches!(a, Action::Start(_) | Action::Kill(_)))
            .count(),
        0
    );
    assert_eq!(sim.count(&Action::Finish(ShutdownMode::PowerOff)), 0);
}

#[test]
fn stop_timeout_kills_then_finishes() {
    let mut sim = Simulation::prepared();
    let uplink = sim.pid(Service::Uplink).unwrap_or_default();
    sim.send(Event::Stop(ShutdownMode::PowerOff));
    for service in Service::SUPERVISED
        .into_iter()
        .filter(|s| *s != Service::Uplink)
    {
        sim.exit(service);
    }
    sim.advance(4_999);
    assert_eq!(sim.count(&Action::Kill(uplink)), 0);
    sim.advance(1);
    assert_eq!(sim.count(&Action::Kill(uplink)), 1);
    let said = Action::Log(Level::Warn, "killing uplink: still there after 5 s".into());
    assert_eq!(sim.count(&said), 1);
    sim.advance(999);
    assert_eq!(sim.count(&Action::Finish(ShutdownMode::PowerOff)), 0);
    sim.advance(1);
    assert_eq!(sim.count(&Action::Finish(ShutdownMode::PowerOff)), 1);
    assert_eq!(sim.manager.deadline(), None);
}

#[test]
fn stop_during_storage_terminates_it() {
    let mut sim = Simulation::new();
    sim.send(Event::Stop(ShutdownMode::Reboot));
    assert_eq!(sim.count(&Action::Terminate(100)), 1);
    sim.send(Event::Exited(100, "signal SIGTERM".into()));
    assert_eq!(sim.log.last(), Some(&Action::Finish(ShutdownMode::Reboot)));
    assert_eq!(sim.count(&Action::Start(Service::Network)), 0);
}

#[test]
fn missed_heartbeat_aborts_kills_and_restarts() {
    let mut sim = Simulation::prepared();
    sim.send_heartbeats();
    assert!(sim.state(Service::Uplink).ready);
    sim.silent.push(Service::Uplink);
    let pid = sim.pid(Service::Uplink).unwrap_or_default();
    sim.advance(59_999);
    assert_eq!(sim.count(&Action::Abort(pid)), 0);
    sim.advance(1);
    assert_eq!(sim.count(&Action::Abort(pid)), 1);
    // A stopped process does not handle SIGABRT.
    sim.advance(1_999);
    assert_eq!(sim.count(&Action::Kill(pid)), 0);
    sim.advance(1);
    assert_eq!(sim.count(&Action::Kill(pid)), 1);
    sim.send(Event::Exited(pid, "signal SIGKILL".into()));
    sim.advance(1_000);
    assert_ne!(sim.pid(Service::Uplink), Some(pid));
    let state = sim.state(Service::Uplink);
    assert_eq!((state.hangs, state.starts, state.ready), (1, 2, false));
    let how = "hung and was ended: signal SIGKILL";
    assert_eq!(state.last_exit.as_deref(), Some(how));
    sim.silent.clear();
    sim.send_heartbeats();
    assert!(sim.state(Service::Uplink).ready);
    assert_eq!(sim.state(Service::Network).hangs, 0);
    assert_eq!(sim.manager.stuck_service(BootMillis(sim.now)), None);
}

#[test]
fn process_surviving_sigkill_is_stuck() {
    let mut sim = Simulation::prepared();
    sim.silent.push(Service::Health);
    sim.advance(60_000 + 2_000 + 29_999);
    assert_eq!(sim.manager.stuck_service(BootMillis(sim.now)), None);
    sim.advance(1);
    let stuck = sim.manager.stuck_service(BootMillis(sim.now));
    assert_eq!(stuck, Some(Service::Health));
    sim.exit(Service::Health);
    assert_eq!(sim.manager.stuck_service(BootMillis(sim.now)), None);
}

#[test]
fn stall_of_pid1_resets_deadlines() {
    let mut sim = Simulation::prepared();
    sim.send_heartbeats();
    sim.now += 300_000;
    sim.send(Event::Tick);
    sim.advance(30_000);
    let ended = |action: &&Action| matches!(action, Action::Abort(_) | Action::Kill(_));
    assert_eq!(sim.log.iter().filter(ended).count(), 0);
    // Nor if heartbeats and the tick come in one turn.
    sim.now += 31_000;
    for event in [
        Event::Heartbeat(Service::Clock),
        Event::Heartbeat(Service::Network),
    ] {
        sim.manager.step(event, BootMillis(sim.now));
    }
    assert_eq!(sim.state(Service::Uplink).hangs, 0);
}

#[test]
fn requested_restart_terminates_then_kills() {
    let mut sim = Simulation::prepared();
    let pid = sim.pid(Service::Clock).unwrap_or_default();
    sim.send(Event::Restart(Service::Clock));
    assert_eq!(sim.count(&Action::Terminate(pid)), 1);
    sim.advance(4_999);
    assert_eq!(sim.count(&Action::Kill(pid)), 0);
    sim.advance(1);
    assert_eq!(sim.count(&Action::Kill(pid)), 1);
    sim.send(Event::Exited(pid, "signal SIGKILL".into()));
    assert_eq!(sim.state(Service::Clock).hangs, 0);
    // A service that waits for its restart is started at once.
    sim.send(Event::Restart(Service::Clock));
    assert!(sim.pid(Service::Clock).is_some());
    sim.send(Event::Stop(ShutdownMode::Reboot));
    sim.log.clear();
    sim.send(Event::Restart(Service::Clock));
    assert_eq!(sim.log, []);
}

proptest! {
    /// For any exits at any time: no service runs twice, each is restarted, and a stop is bounded.
    #[test]
    fn any_exits_leave_all_running_and_stop_is_bounded(ends in proptest::collection::vec((0usize..5, 0u64..100_000), 0..60), strangers: Vec<i32>) {
        let mut sim = Simulation::prepared();
        for (which, wait) in ends {
            if let Some(service) = Service::SUPERVISED.get(which)
                && sim.pid(*service).is_some()
            {
                sim.exit(*service);
            }
            sim.advance(wait);
        }
        for stranger in strangers.into_iter().filter(|pid| *pid < 100) {
            sim.send(Event::Exited(stranger, CLEAN_EXIT.into()));
        }
        sim.advance(30_000);
        for state in sim.manager.service_states() {
            prop_assert!(state.pid.is_some());
            let starts = sim.count(&Action::Start(state.service));
            prop_assert_eq!(usize::try_from(state.starts).ok(), Some(starts + 1));
        }
        sim.send(Event::Stop(ShutdownMode::Reboot));
        sim.advance(6_000);
        prop_assert_eq!(sim.count(&Action::Finish(ShutdownMode::Reboot)), 1);
    }
}
