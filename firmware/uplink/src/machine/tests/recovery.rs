//! Rungs of the ladder, CD-ROM ejects, several sticks.

use failberry_state::{
    PastStep,
    RecoveryRung::{Reboot, Redial, Reset, UsbPowerCycle},
    RecoveryStep,
};

use super::*;

fn failed(kind: FailureKind, reason: &str) -> Event {
    Event::Ended(AttemptFailure::new(kind, reason))
}

fn silent() -> Event {
    failed(FailureKind::Unresponsive, "no answer")
}

#[test]
fn hung_stick_escalates_reset_power_cycle_reboot() {
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .expect(
            13_000,
            silent(),
            &[
                "no carrier link: no answer",
                "telling the stick to start anew (AT+CFUN=1,1): no answer",
                "reset ttyUSB2",
            ],
        )
        .phase(UplinkPhase::Recovering)
        .due(33_000)
        .expect(
            21_000,
            Event::Recovered(Outcome::ResetUnanswered("ttyUSB2: no answer".into())),
            &[
                "cutting the power of the USB sockets: the stick does not hear: ttyUSB2: no answer",
                "cut power",
            ],
        )
        .expect(21_500, ABSENT, &["stick is gone"])
        .phase(UplinkPhase::Recovering)
        .expect(
            24_500,
            Event::Recovered(Outcome::PowerCycled("sysfs".into())),
            &["the USB sockets have power again (by sysfs)", "look"],
        )
        .expect(24_501, ABSENT, &[])
        .due(44_500)
        .expect(30_000, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .expect(
            43_000,
            silent(),
            &["no carrier link: no answer", "dialling again in 1 s"],
        )
        .expect(44_000, Event::Deadline, &["attempt ttyUSB2"])
        .expect(
            57_000,
            silent(),
            &[
                "no carrier link: no answer",
                "asking for a reboot: no answer",
                "reboot",
            ],
        )
        .expect(
            57_010,
            Event::Recovered(Outcome::RebootRefused("the budget is used up".into())),
            &["no reboot: the budget is used up", "dialling again in 1 s"],
        )
        .phase(UplinkPhase::BackingOff);
    let recovery = &run.machine.state().recovery;
    assert_eq!(
        (recovery.resets, recovery.usb_power_cycles, recovery.reboots),
        (1, 1, 1)
    );
    let rungs: Vec<_> = recovery.history.iter().map(|step| step.rung).collect();
    assert_eq!(rungs, [Reset, UsbPowerCycle, Redial, Reboot, Redial]);
}

#[test]
fn reset_stick_is_dialled_when_it_returns() {
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"]);
    run.machine.step(silent(), BootMillis(13_000));
    run.expect(14_000, ABSENT, &["stick is gone"])
        .due(34_000)
        .expect(
            14_100,
            Event::Recovered(Outcome::ResetAccepted),
            &["the stick starts anew"],
        )
        .due(34_000)
        .expect(20_000, plugged(2), &[FOUND, "attempt ttyUSB2"])
        // Too late to say anything.
        .expect(20_001, Event::Recovered(Outcome::ResetAccepted), &[]);
}

#[test]
fn reset_without_leaving_the_bus_times_out_soon() {
    let mut run = Run::new();
    run.machine.step(plugged(2), BootMillis(0));
    run.machine.step(silent(), BootMillis(13_000));
    run.expect(
        14_000,
        Event::Recovered(Outcome::ResetAccepted),
        &["the stick starts anew"],
    )
    .due(20_000)
    .expect(15_000, plugged(2), &[])
    .expect(20_000, Event::Deadline, &["attempt ttyUSB2"]);
}

#[test]
fn stick_not_returning_is_power_cycled() {
    let mut run = Run::new();
    run.machine.step(plugged(2), BootMillis(0));
    run.machine.step(silent(), BootMillis(13_000));
    run.machine.step(ABSENT, BootMillis(14_000));
    let back = "the stick did not come back within 20 s";
    let cut = format!("cutting the power of the USB sockets: {back}");
    run.expect(34_000, Event::Deadline, &[back, &cut, "cut power"])
        .expect(
            40_000,
            Event::Recovered(Outcome::PowerCycleFailed("no hub".into())),
            &[
                "the power of the USB sockets cannot be cut: no hub",
                "waiting for a stick",
            ],
        )
        .phase(UplinkPhase::NoStick)
        .due(70_000);
}

#[test]
fn missing_stick_is_power_cycled_hourly() {
    let mut run = Run::new();
    run.machine.step(plugged(2), BootMillis(0));
    run.machine.step(ABSENT, BootMillis(1_000));
    let mut cuts = Vec::new();
    let mut reboots = 0;
    let mut now = 1_000;
    while now < 6 * 3_600_000 {
        let actions = run.machine.step(Event::Deadline, BootMillis(now));
        if actions.contains(&Action::PowerCycle) {
            cuts.push(now);
            let outcome = Event::Recovered(Outcome::PowerCycled("x".into()));
            run.machine.step(outcome, BootMillis(now + 3_000));
        }
        if actions
            .iter()
            .any(|action| matches!(action, Action::Reboot(_)))
        {
            reboots += 1;
            let refused = Outcome::RebootRefused("x".into());
            run.machine.step(Event::Recovered(refused), BootMillis(now));
        }
        now = run.machine.deadline().unwrap().0;
    }
    assert_eq!(cuts.first(), Some(&31_000));
    // Refused each time, and so requested every half hour from the first on.
    assert_eq!((cuts.len(), reboots), (6, 11), "{cuts:?}");
}

fn past(boot: u32) -> PastStep {
    PastStep {
        boot,
        step: RecoveryStep {
            at: BootMillis(1),
            rung: Reboot,
            reason: "x".into(),
            times: 1,
        },
    }
}

#[test]
fn history_is_written_before_power_cycle_and_at_exit() {
    let mut run = Run::new();
    run.expect(
        0,
        Event::HistoryLoaded(LoadedHistory::Read(vec![past(4)])),
        &[],
    );
    assert_eq!(run.machine.state().recovery.earlier, [past(4)]);
    run.machine.step(plugged(2), BootMillis(0));
    let writes = |run: &mut Run, event, at| {
        let actions = run.machine.step(event, BootMillis(at));
        actions
            .iter()
            .filter(|action| **action == Action::PersistHistory)
            .count()
    };
    let unheard = || Event::Recovered(Outcome::ResetUnanswered("x".into()));
    // Redials and restarts are left for later.
    assert_eq!(writes(&mut run, ended("dropped"), 1_000), 0);
    assert_eq!(writes(&mut run, Event::Deadline, 2_000), 0);
    assert_eq!(writes(&mut run, silent(), 13_000), 0);
    assert_eq!(writes(&mut run, unheard(), 21_000), 1);
    // The next cut within an hour is not worth a write.
    let cut = Event::Recovered(Outcome::PowerCycled("x".into()));
    assert_eq!(writes(&mut run, cut, 24_000), 0);
    run.machine.step(Event::Deadline, BootMillis(44_500));
    run.machine.step(silent(), BootMillis(50_000));
    run.machine.step(Event::Deadline, BootMillis(60_000));
    run.machine.step(silent(), BootMillis(70_000));
    assert_eq!(run.machine.state().recovery.reboots, 1);
    let refused = Event::Recovered(Outcome::RebootRefused("x".into()));
    assert_eq!(writes(&mut run, refused, 70_010), 0);
    assert_eq!(writes(&mut run, Event::Stop, 710_000), 1);
    assert_eq!(writes(&mut run, Event::Stop, 710_001), 0);
}

#[test]
fn unread_history_is_not_overwritten_corrupt_one_is() {
    let lost = "what was done in earlier lives is lost: x";
    for (earlier, told, kept) in [
        (None, &[][..], false),
        (
            Some(LoadedHistory::Unreadable("x".into())),
            &[lost][..],
            false,
        ),
        (Some(LoadedHistory::Corrupt("x".into())), &[lost][..], true),
    ] {
        let mut run = Run::new();
        if let Some(earlier) = earlier {
            run.expect(0, Event::HistoryLoaded(earlier), told);
        }
        let error = run.machine.state().recovery.earlier_error.clone();
        assert_eq!(error.is_some(), !told.is_empty());
        run.up(0, 2)
            .machine
            .step(ended("dropped"), BootMillis(1_000));
        let end = run.machine.step(Event::Stop, BootMillis(1_500));
        assert_eq!(end.contains(&Action::PersistHistory), kept);
        assert_eq!(end.last(), Some(&Action::Exit));
    }
}

#[test]
fn clean_history_is_not_written() {
    let mut run = Run::new();
    run.machine.step(
        Event::HistoryLoaded(LoadedHistory::Read(Vec::new())),
        BootMillis(0),
    );
    run.up(0, 2);
    let end = run.machine.step(Event::Stop, BootMillis(9_000_000));
    assert!(!end.contains(&Action::PersistHistory), "{end:?}");
}

/// Returns the dial timeout of the next attempt.
fn granted(actions: &[Action]) -> u64 {
    match actions.last() {
        Some(Action::Attempt { dial_ms, .. }) => *dial_ms,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn slow_dial_is_aborted_once_then_gets_more_time() {
    let mut run = Run::new();
    let mut step = |event, at| {
        let actions = run.machine.step(event, BootMillis(at));
        (actions, run.machine.deadline().map(|at| at.0))
    };
    let dial = || Event::Dial(Progress::Step(Step::Dial));
    assert_eq!(granted(&step(plugged(2), 0).0), 20_000);
    step(Event::PortOpen, 1);
    assert_eq!(step(dial(), 5_000).1, Some(35_000));
    step(ended("it lives"), 25_000);
    let (again, _) = step(Event::Deadline, 26_000);
    assert_eq!(granted(&again), 75_000);
    step(Event::PortOpen, 26_001);
    assert_eq!(step(dial(), 27_000).1, Some(112_000));
    // It counts as slow until a dial is quick.
    assert_eq!(step(Event::Connected("x".into()), 87_000).1, Some(387_000));
    step(ended("dropped"), 90_000);
    let (again, _) = step(Event::Deadline, 92_000);
    assert_eq!(granted(&again), 75_000);
    step(Event::PortOpen, 92_001);
    step(dial(), 93_000);
    step(Event::Connected("x".into()), 94_000);
    step(ended("dropped"), 95_000);
    let (again, _) = step(Event::Deadline, 99_000);
    assert_eq!(granted(&again), 20_000);
}

#[test]
fn cdrom_is_ejected_then_modem_is_dialled() {
    let mut run = Run::new();
    let shown = "stick 19d2:2003 at 1-1.2 shows its CD-ROM, ejecting it";
    run.expect(0, unready(NotReady::CdRom), &[shown, "eject 1-1.2"])
        .due(15_000)
        .expect(
            400,
            Event::Ejected(Ok(())),
            &["CD-ROM ejected, waiting for the modem"],
        )
        .expect(900, ABSENT, &["waiting for a stick"]);
    let actions = run.machine.step(plugged(2), BootMillis(4_000));
    let had = matches!(
        actions.last(),
        Some(Action::Attempt {
            had_cdrom: true,
            ..
        })
    );
    assert!(had, "{actions:?}");
    assert_eq!(run.machine.state().recovery.ejects, 1);
    run.machine.step(ended("NO CARRIER"), BootMillis(5_000));
    let again = run.machine.step(Event::Deadline, BootMillis(6_000));
    let asked_again = matches!(
        again.last(),
        Some(Action::Attempt {
            had_cdrom: true,
            ..
        })
    );
    assert!(!asked_again, "{again:?}");
}

#[test]
fn cdrom_is_power_cycled_after_three_ejects() {
    let mut run = Run::new();
    let mut now = 0;
    let mut done = Vec::new();
    let mut event = unready(NotReady::CdRom);
    while now < 600_000 && !done.contains(&"cut power".to_owned()) {
        let actions = run.machine.step(event, BootMillis(now));
        event = if actions.contains(&Action::LookAtBus) {
            unready(NotReady::CdRom)
        } else if actions.iter().any(|a| matches!(a, Action::Eject(_))) {
            Event::Ejected(Err("it is stuck".into()))
        } else {
            now = run.machine.deadline().unwrap().0;
            Event::Deadline
        };
        done.extend(actions.iter().filter_map(shown));
    }
    let ejects = done.iter().filter(|a| a.starts_with("eject")).count();
    assert_eq!(ejects, 3);
    assert_eq!(done.last().map(String::as_str), Some("cut power"));
    assert!(now < 60_000, "{now}");
}

#[test]
fn missing_sim_is_power_cycled_puk_is_not() {
    let blocked = |kind| {
        Event::Ended(AttemptFailure {
            blocked: true,
            ..AttemptFailure::new(kind, "there is no SIM")
        })
    };
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .expect(
            1_000,
            blocked(FailureKind::NoSim),
            &["blocked: there is no SIM; dialling again in 600 s"],
        )
        .phase(UplinkPhase::Blocked)
        .due(601_000)
        .expect(
            601_000,
            Event::Deadline,
            &[
                "cutting the power of the USB sockets: there is no SIM",
                "cut power",
            ],
        );
    let mut locked = Run::new();
    locked.machine.step(plugged(2), BootMillis(0));
    locked
        .machine
        .step(blocked(FailureKind::BadResponse), BootMillis(1_000));
    let again = "dialling again: there is no SIM";
    locked
        .due(601_000)
        .expect(601_000, Event::Deadline, &[again, "attempt ttyUSB2"]);
}

#[test]
fn used_one_of_several_sticks_is_logged() {
    let mut run = Run::new();
    let sight = |others: Vec<Device>| {
        let presence = Presence::Ready(stick_at("1-1.2", 2));
        Event::Bus(ScanResult { presence, others })
    };
    let other = stick_at("1-1.4", 5).device;
    let told = "several sticks: using 19d2:2003 at 1-1.2, not using 19d2:2003 at 1-1.4";
    run.expect(
        0,
        sight(vec![other.clone()]),
        &[told, FOUND, "attempt ttyUSB2"],
    )
    .expect(1, sight(vec![other]), &[]);
    assert_eq!(run.machine.state().unused, ["1-1.4"]);
    run.expect(2, sight(vec![]), &[]);
    assert!(run.machine.state().unused.is_empty());
}

#[test]
fn port_silent_twice_is_replaced_until_another_stick() {
    let mut machine = UplinkMachine::new(None, PinState::Usable, BootMillis(0));
    let mut attempts = Vec::new();
    let mut now = 0;
    let mut event = plugged(0);
    // Nothing answers the reset, the power is cycled, and the stick remains.
    for _ in 0..40 {
        let actions = machine.step(event, BootMillis(now));
        let attempted = |action: &Action| matches!(action, Action::Attempt { .. });
        let asked = |action: &Action| match action {
            Action::Reset(_) => Some(Outcome::ResetUnanswered("no answer".into())),
            Action::PowerCycle => Some(Outcome::PowerCycled("hub".into())),
            Action::Reboot(_) => Some(Outcome::RebootRefused("budget".into())),
            _ => None,
        };
        event = if actions.iter().any(attempted) {
            attempts.push(machine.port_turn());
            silent()
        } else if let Some(outcome) = actions.iter().find_map(asked) {
            Event::Recovered(outcome)
        } else {
            now = machine.deadline().unwrap().0;
            Event::Deadline
        };
    }
    assert_eq!(attempts[..5], [0, 0, 1, 1, 2], "{attempts:?}");
    machine.step(bus(Presence::Ready(stick_at("1-1.3", 5))), BootMillis(now));
    assert_eq!(machine.port_turn(), 0);
}
