//! The keeper on virtual time.

use proptest::prelude::*;

use super::*;

/// A keeper with the processes that its actions would make, numbered from 100.
struct World {
    manager: ServiceManager,
    now: u64,
    next_pid: i32,
    log: Vec<Action>,
    /// Services that give no signs of life.
    silent: Vec<Service>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            manager: ServiceManager::new(BootMillis(0), 60_000),
            now: 0,
            next_pid: 100,
            log: Vec::new(),
            silent: Vec::new(),
        };
        world.give(Event::Begin);
        world
    }

    /// Where `storage` has done its work.
    fn prepared() -> Self {
        let mut world = Self::new();
        world.give(Event::Exited(100, CLEAN_EXIT.into()));
        world.log.clear();
        world
    }

    fn give(&mut self, event: Event) {
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
            self.beat();
            self.give(Event::Tick);
        }
        self.now = end;
        self.give(Event::Tick);
    }

    fn beat(&mut self) {
        for service in Service::SUPERVISED {
            if self.pid(service).is_some() && !self.silent.contains(&service) {
                self.give(Event::Heartbeat(service));
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

    fn end(&mut self, service: Service) {
        let pid = self.pid(service).unwrap_or_default();
        self.give(Event::Exited(pid, "exit code 1".into()));
    }

    fn count(&self, action: &Action) -> usize {
        self.log.iter().filter(|seen| *seen == action).count()
    }
}

#[test]
fn services_start_after_storage_and_the_seal() {
    let mut world = World::new();
    assert_eq!(world.log, [Action::Start(Service::Storage)]);
    world.advance(3_000);
    assert_eq!(world.log.len(), 1);
    world.log.clear();
    world.give(Event::Exited(100, CLEAN_EXIT.into()));
    let order: Vec<_> = world
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
            .all(|service| world.pid(*service).is_some())
    );
}

#[test]
fn a_storage_that_hangs_is_left_behind_once() {
    let mut world = World::new();
    world.advance(49_999);
    assert_eq!(world.count(&Action::StorageDone), 0);
    world.advance(1);
    assert_eq!(world.count(&Action::Kill(100)), 1);
    assert_eq!(world.count(&Action::StorageDone), 1);
    let warned = |world: &World| {
        world
            .log
            .iter()
            .filter(|a| matches!(a, Action::Warn(_)))
            .count()
    };
    assert_eq!(warned(&world), 1);
    world.give(Event::Exited(100, "signal SIGKILL".into()));
    assert_eq!(world.count(&Action::StorageDone), 1);
    assert_eq!(world.count(&Action::Start(Service::Network)), 1);
}

#[test]
fn a_storage_that_cannot_start_or_fails_does_not_stop_the_rest() {
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

    let mut world = World::new();
    world.give(Event::Exited(100, "signal SIGSEGV".into()));
    assert_eq!(
        world.count(&Action::Warn("storage ended: signal SIGSEGV".into())),
        1
    );
    assert_eq!(world.count(&Action::Start(Service::Uplink)), 1);
}

#[test]
fn a_service_that_ends_comes_back_alone() {
    let mut world = World::prepared();
    world.advance(5_000);
    world.end(Service::Uplink);
    let said = Action::Log(
        Level::Warn,
        "uplink ended: exit code 1; starting it again in 1 s".into(),
    );
    assert_eq!(world.count(&said), 1);
    world.advance(999);
    assert_eq!(world.pid(Service::Uplink), None);
    world.advance(1);
    assert!(world.pid(Service::Uplink).is_some());
    assert_eq!(world.count(&Action::Start(Service::Uplink)), 1);
    assert_eq!(world.count(&Action::Start(Service::Network)), 0);
    let state = world
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
fn failing_again_and_again_slows_down_and_a_good_minute_is_forgiven() {
    let mut world = World::prepared();
    let mut delays = Vec::new();
    for uptime in [0, 0, 0, 0, 0, 0, 60_000, 0] {
        world.advance(uptime);
        world.end(Service::Health);
        let from = world.now;
        while world.pid(Service::Health).is_none() {
            world.advance(1_000);
        }
        delays.push((world.now - from) / 1000);
    }
    assert_eq!(delays, [1, 2, 4, 8, 16, 30, 1, 2]);
}

#[test]
fn a_service_that_cannot_start_is_tried_again() {
    let mut world = World::prepared();
    let pid = world.pid(Service::Clock).unwrap_or_default();
    world
        .manager
        .step(Event::Exited(pid, "signal SIGKILL".into()), BootMillis(0));
    let actions = world.manager.step(Event::Tick, BootMillis(1_000));
    assert!(actions.contains(&Action::Start(Service::Clock)));
    world.manager.step(
        Event::StartFailed(Service::Clock, "out of memory".into()),
        BootMillis(1_000),
    );
    assert_eq!(world.manager.deadline(), Some(BootMillis(3_000)));
    assert!(
        world
            .manager
            .step(Event::Tick, BootMillis(3_000))
            .contains(&Action::Start(Service::Clock))
    );
}

#[test]
fn memory_is_measured_after_the_last_change_and_then_now_and_then() {
    let mut world = World::prepared();
    world.advance(9_999);
    assert_eq!(world.count(&Action::MeasureMemory), 0);
    world.advance(1);
    assert_eq!(world.count(&Action::MeasureMemory), 1);
    world.advance(600_000);
    assert_eq!(world.count(&Action::MeasureMemory), 2);
    world.end(Service::Clock);
    world.advance(10_999);
    assert_eq!(world.count(&Action::MeasureMemory), 2);
    world.advance(1);
    assert_eq!(world.count(&Action::MeasureMemory), 3);
}

#[test]
fn stopping_waits_for_everybody_and_starts_nobody() {
    let mut world = World::prepared();
    world.end(Service::Clock);
    world.log.clear();
    world.give(Event::Stop(ShutdownMode::Reboot));
    let terminated = world
        .log
        .iter()
        .filter(|a| matches!(a, Action::Terminate(_)))
        .count();
    assert_eq!(terminated, Service::SUPERVISED.len() - 1);
    world.give(Event::Stop(ShutdownMode::PowerOff));
    let others = [Service::Clock, Service::Dyndns];
    for service in Service::SUPERVISED {
        if !others.contains(&service) {
            world.end(service);
        }
    }
    world.advance(2_000);
    assert_eq!(world.count(&Action::Finish(ShutdownMode::Reboot)), 0);
    world.end(Service::Dyndns);
    assert_eq!(
        world.log.last(),
        Some(&Action::Finish(ShutdownMode::Reboot))
    );
    world.advance(100_000);
    assert_eq!(
        world
            .log
            .iter()
            .filter(|a| matches!(a, Action::Start(_) | Action::Kill(_)))
            .count(),
        0
    );
    assert_eq!(world.count(&Action::Finish(ShutdownMode::PowerOff)), 0);
}

#[test]
fn stopping_kills_the_deaf_and_does_not_wait_for_the_dead() {
    let mut world = World::prepared();
    let uplink = world.pid(Service::Uplink).unwrap_or_default();
    world.give(Event::Stop(ShutdownMode::PowerOff));
    for service in Service::SUPERVISED
        .into_iter()
        .filter(|s| *s != Service::Uplink)
    {
        world.end(service);
    }
    world.advance(4_999);
    assert_eq!(world.count(&Action::Kill(uplink)), 0);
    world.advance(1);
    assert_eq!(world.count(&Action::Kill(uplink)), 1);
    let said = Action::Log(Level::Warn, "killing uplink: still there after 5 s".into());
    assert_eq!(world.count(&said), 1);
    world.advance(999);
    assert_eq!(world.count(&Action::Finish(ShutdownMode::PowerOff)), 0);
    world.advance(1);
    assert_eq!(world.count(&Action::Finish(ShutdownMode::PowerOff)), 1);
    assert_eq!(world.manager.deadline(), None);
}

#[test]
fn stopping_while_storage_runs() {
    let mut world = World::new();
    world.give(Event::Stop(ShutdownMode::Reboot));
    assert_eq!(world.count(&Action::Terminate(100)), 1);
    world.give(Event::Exited(100, "signal SIGTERM".into()));
    assert_eq!(
        world.log.last(),
        Some(&Action::Finish(ShutdownMode::Reboot))
    );
    assert_eq!(world.count(&Action::Start(Service::Network)), 0);
}

#[test]
fn a_service_that_is_silent_is_ended_and_comes_back() {
    let mut world = World::prepared();
    world.beat();
    assert!(world.state(Service::Uplink).ready);
    world.silent.push(Service::Uplink);
    let pid = world.pid(Service::Uplink).unwrap_or_default();
    world.advance(59_999);
    assert_eq!(world.count(&Action::Abort(pid)), 0);
    world.advance(1);
    assert_eq!(world.count(&Action::Abort(pid)), 1);
    // SIGSTOP keeps SIGABRT from it.
    world.advance(1_999);
    assert_eq!(world.count(&Action::Kill(pid)), 0);
    world.advance(1);
    assert_eq!(world.count(&Action::Kill(pid)), 1);
    world.give(Event::Exited(pid, "signal SIGKILL".into()));
    world.advance(1_000);
    assert_ne!(world.pid(Service::Uplink), Some(pid));
    let state = world.state(Service::Uplink);
    assert_eq!((state.hangs, state.starts, state.ready), (1, 2, false));
    let how = "hung and was ended: signal SIGKILL";
    assert_eq!(state.last_exit.as_deref(), Some(how));
    world.silent.clear();
    world.beat();
    assert!(world.state(Service::Uplink).ready);
    assert_eq!(world.state(Service::Network).hangs, 0);
    assert_eq!(world.manager.stuck_service(BootMillis(world.now)), None);
}

#[test]
fn one_that_cannot_be_killed_is_told_as_stuck() {
    let mut world = World::prepared();
    world.silent.push(Service::Health);
    world.advance(60_000 + 2_000 + 29_999);
    assert_eq!(world.manager.stuck_service(BootMillis(world.now)), None);
    world.advance(1);
    let stuck = world.manager.stuck_service(BootMillis(world.now));
    assert_eq!(stuck, Some(Service::Health));
    world.end(Service::Health);
    assert_eq!(world.manager.stuck_service(BootMillis(world.now)), None);
}

#[test]
fn a_supervisor_that_stood_still_blames_nobody() {
    let mut world = World::prepared();
    world.beat();
    world.now += 300_000;
    world.give(Event::Tick);
    world.advance(30_000);
    let ended = |action: &&Action| matches!(action, Action::Abort(_) | Action::Kill(_));
    assert_eq!(world.log.iter().filter(ended).count(), 0);
    // Nor does one that hears of signs of life and of time in one turn.
    world.now += 31_000;
    for event in [
        Event::Heartbeat(Service::Clock),
        Event::Heartbeat(Service::Network),
    ] {
        world.manager.step(event, BootMillis(world.now));
    }
    assert_eq!(world.state(Service::Uplink).hangs, 0);
}

#[test]
fn a_restart_that_is_asked_for_is_polite_and_bounded() {
    let mut world = World::prepared();
    let pid = world.pid(Service::Clock).unwrap_or_default();
    world.give(Event::Restart(Service::Clock));
    assert_eq!(world.count(&Action::Terminate(pid)), 1);
    world.advance(4_999);
    assert_eq!(world.count(&Action::Kill(pid)), 0);
    world.advance(1);
    assert_eq!(world.count(&Action::Kill(pid)), 1);
    world.give(Event::Exited(pid, "signal SIGKILL".into()));
    assert_eq!(world.state(Service::Clock).hangs, 0);
    // One that waits for its start waits no longer.
    world.give(Event::Restart(Service::Clock));
    assert!(world.pid(Service::Clock).is_some());
    world.give(Event::Stop(ShutdownMode::Reboot));
    world.log.clear();
    world.give(Event::Restart(Service::Clock));
    assert_eq!(world.log, []);
}

proptest! {
    /// Whatever ends when: nothing runs twice, everything comes back, and a stop is bounded.
    #[test]
    fn services_are_kept(ends in proptest::collection::vec((0usize..5, 0u64..100_000), 0..60), strangers: Vec<i32>) {
        let mut world = World::prepared();
        for (which, wait) in ends {
            if let Some(service) = Service::SUPERVISED.get(which)
                && world.pid(*service).is_some()
            {
                world.end(*service);
            }
            world.advance(wait);
        }
        for stranger in strangers.into_iter().filter(|pid| *pid < 100) {
            world.give(Event::Exited(stranger, CLEAN_EXIT.into()));
        }
        world.advance(30_000);
        for state in world.manager.service_states() {
            prop_assert!(state.pid.is_some());
            let starts = world.count(&Action::Start(state.service));
            prop_assert_eq!(usize::try_from(state.starts).ok(), Some(starts + 1));
        }
        world.give(Event::Stop(ShutdownMode::Reboot));
        world.advance(6_000);
        prop_assert_eq!(world.count(&Action::Finish(ShutdownMode::Reboot)), 1);
    }
}
