//! Failures that need a person, and the PIN state that is persisted.

use tokio_modem::dial::{Blocked, DialError, Step};

use super::*;

#[test]
fn wrong_pin_is_sent_once() {
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
fn uncertain_pin_is_withheld_until_sim_power_loss() {
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
fn persisted_uncertain_pin_needs_a_counter() {
    let mut run = Run {
        machine: UplinkMachine::new(None, PinState::UsableIfCounted, BootMillis(0)),
    };
    let counted = "attempt ttyUSB2 with a counted PIN";
    run.expect(0, plugged(2), &[FOUND, counted]);
}

/// No answer of a stick is final: a person may act without unplugging it.
#[test]
fn every_block_but_configuration_is_redialled() {
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
fn block_reasons_name_the_remedy() {
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
fn temporary_failures_do_not_block() {
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
fn persisted_rejected_pin_is_withheld() {
    let mut run = Run {
        machine: UplinkMachine::new(None, PinState::Rejected, BootMillis(0)),
    };
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2 without PIN"]);
}

#[test]
fn missing_configuration_blocks_dialling() {
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
