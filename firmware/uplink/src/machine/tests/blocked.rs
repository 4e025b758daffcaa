//! What only a person can help with, and what of that is kept in mind.

use tokio_modem::dial::{Blocked, DialError, Step};

use super::*;

#[test]
fn a_wrong_pin_is_sent_once() {
    let blocked = "blocked: the SIM and the PIN; dialling again in 600 s";
    let again = "dialling again: the SIM and the PIN";
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .expect(1, pin_lost(true), &["remember", blocked])
        .phase(UplinkPhase::Blocked)
        .expect(2, Event::Deadline, &[])
        .due(600_001)
        .expect(
            600_001,
            Event::Deadline,
            &[again, "attempt ttyUSB2 without PIN"],
        )
        .expect(600_002, pin_lost(true), &[blocked])
        .expect(600_003, ABSENT, &["stick is gone", "waiting for a stick"])
        .expect(600_004, plugged(2), &[FOUND, "attempt ttyUSB2 without PIN"])
        .expect(600_005, pin_lost(true), &[blocked]);
}

#[test]
fn a_pin_whose_fate_is_unknown_waits_for_the_sim_to_lose_power() {
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .expect(
            1,
            pin_lost(false),
            &[
                "remember doubt",
                "no carrier link: the SIM and the PIN",
                "dialling again in 1 s",
            ],
        )
        .expect(1_001, Event::Deadline, &["attempt ttyUSB2 without PIN"]);
    run.machine.step(pin_lost(true), BootMillis(1_002));
    let restart = "telling the stick to start anew (AT+CFUN=1,1): the SIM and the PIN";
    let counted = "attempt ttyUSB2 with a counted PIN";
    run.phase(UplinkPhase::Blocked)
        .due(601_002)
        .expect(601_002, Event::Deadline, &[restart, "reset ttyUSB2"])
        .expect(602_000, ABSENT, &["stick is gone"])
        .expect(610_000, plugged(2), &[FOUND, counted])
        .expect(
            610_001,
            pin_lost(true),
            &[
                "remember",
                "blocked: the SIM and the PIN; dialling again in 600 s",
            ],
        );
}

#[test]
fn a_pin_doubted_before_this_process_is_counted() {
    let mut run = Run {
        machine: UplinkMachine::new(None, PinState::UsableIfCounted, BootMillis(0)),
    };
    let counted = "attempt ttyUSB2 with a counted PIN";
    run.expect(0, plugged(2), &[FOUND, counted]);
}

/// A stick's words are never the last word: whatever a person has to do may be done without the
/// stick being pulled.
#[test]
fn every_block_but_the_configuration_is_dialled_again() {
    for blocked in [
        Blocked::PinMissing,
        Blocked::PinLastTry { left: 1 },
        Blocked::PinTriesUnknown,
        Blocked::PinWrong { got: text("ERROR") },
        Blocked::PinSpent,
        Blocked::Puk,
        Blocked::NoSim { got: text("ERROR") },
        Blocked::Locked(text("PH-NET PIN")),
    ] {
        let ending = AttemptFailure::from(&DialError::from(blocked));
        let mut run = Run::new();
        run.machine.step(plugged(2), BootMillis(0));
        run.machine.step(Event::Ended(ending), BootMillis(1));
        run.phase(UplinkPhase::Blocked).due(600_001);
    }
}

#[test]
fn what_blocks_says_what_to_do() {
    for (blocked, words) in [
        (Blocked::PinMissing, "set carrier.pin in failberrypi.toml"),
        (
            Blocked::PinTriesUnknown,
            "set carrier.pin_without_counter = true in failberrypi.toml",
        ),
        (Blocked::PinSpent, "correct carrier.pin in failberrypi.toml"),
        (
            Blocked::PinLastTry { left: 1 },
            "enter the right PIN in a phone",
        ),
        (Blocked::Puk, "enter the PUK and a new PIN in a phone"),
        (
            Blocked::Locked(text("PH-NET PIN")),
            "use another stick or SIM",
        ),
    ] {
        let reason = AttemptFailure::from(&DialError::from(blocked)).reason;
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn what_passes_by_itself_does_not_block() {
    for error in [
        DialError::SimNotReady {
            got: text("NOT READY"),
            waited_ms: 30_000,
        },
        DialError::RadioOff { got: text("ERROR") },
        DialError::Denied,
        DialError::TooSlow {
            step: Step::Signal,
            waited_ms: 240_000,
        },
    ] {
        let ending = AttemptFailure::from(&error);
        assert!(
            !ending.blocked && !ending.kind.rules().is_empty(),
            "{error}"
        );
    }
}

#[test]
fn a_pin_refused_before_this_process_is_not_sent() {
    let mut run = Run {
        machine: UplinkMachine::new(None, PinState::Rejected, BootMillis(0)),
    };
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2 without PIN"]);
}

#[test]
fn without_configuration_nothing_is_dialled() {
    let config_error = Some("no [carrier]".to_owned());
    let mut run = Run {
        machine: UplinkMachine::new(config_error, PinState::Usable, BootMillis(0)),
    };
    let blocked = "blocked: no [carrier]; nothing is dialled until that is corrected in failberrypi.toml \
                   and the box started again";
    run.expect(0, plugged(2), &[FOUND, blocked])
        .phase(UplinkPhase::Blocked)
        .expect(1, plugged(2), &[]);
    assert_eq!(
        run.machine.state().last_error.as_deref(),
        Some("no [carrier]")
    );
}
