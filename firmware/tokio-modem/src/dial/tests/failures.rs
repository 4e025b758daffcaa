//! Dialogues that end without a call: always typed, always in bounded time.

use super::*;
use crate::modem::Registration;

#[test]
fn an_error_where_ok_is_needed_is_told_with_its_step() {
    for (command, step) in [("AT+CGDCONT", Step::Context), ("ATD", Step::Dial)] {
        for said in ["ERROR", "+CME ERROR: 100", "COMMAND NOT SUPPORT"] {
            let mut stick = Stick::new().on(command, [said]);
            let outcome = dial(&mut stick);
            let DialError::Unexpected { step: at, got, .. } = outcome.error() else {
                panic!("{command}: {:?}", outcome.end);
            };
            assert_eq!((*at, got.as_str()), (step, said), "{command}");
            assert_eq!(outcome.error().step(), step);
            assert!(
                outcome.took_ms < 12_000,
                "{command}: {} ms",
                outcome.took_ms
            );
        }
    }
}

#[test]
fn silent_stick_fails_in_bounded_time() {
    for (command, step, bound_ms) in [
        ("ATZ", Step::Initialise, 12_000),
        ("ATQ0 V1 E1 S0=0", Step::Initialise, 12_000),
        ("AT+CPIN?", Step::SimState, 32_000),
        ("AT+CREG?", Step::Registration, 12_000),
        ("AT+CGDCONT", Step::Context, 12_000),
    ] {
        let mut stick = Stick::new().on(command, [""]);
        let outcome = dial(&mut stick);
        let DialError::NoAnswer {
            step: at,
            waited_ms,
        } = *outcome.error()
        else {
            panic!("{command}: {:?}", outcome.end);
        };
        assert_eq!(at, step, "{command}");
        assert!(waited_ms <= outcome.took_ms && waited_ms >= 5_000);
        assert!(
            outcome.took_ms < bound_ms,
            "{command}: {} ms",
            outcome.took_ms
        );
    }
}

/// The stick dies for good after it answered so many commands.
#[test]
fn stick_dying_at_any_point_fails_within_70_s() {
    let mut alive = Stick::locked();
    dial(&mut alive);
    for commands in 0..alive.heard.len() {
        let mut stick = Stick::locked();
        stick.dies_after = Some(commands);
        let outcome = dial(&mut stick);
        let error = outcome.error();
        assert!(
            matches!(
                error,
                DialError::NoAnswer { .. } | DialError::PinUncertain { .. }
            ),
            "after {commands}: {error}"
        );
        assert!(
            outcome.took_ms <= 67_000,
            "after {commands}: {} ms",
            outcome.took_ms
        );
        assert!(stick.count("AT+CPIN=") <= 1);
    }
}

#[test]
fn no_carrier_at_dial_says_so() {
    for said in ["NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"] {
        let mut stick = Stick::new().on("ATD", [said]);
        let outcome = dial(&mut stick);
        let DialError::Unexpected {
            step: Step::Dial,
            expected: "CONNECT",
            got,
        } = outcome.error()
        else {
            panic!("{:?}", outcome.end);
        };
        assert_eq!(got, said);
        assert!(!outcome.error().is_blocked());
    }
}

#[test]
fn denied_by_the_network() {
    let mut stick = Stick::new()
        .on("AT+CREG?", ["+CREG: 0,2\r\n\r\nOK", "+CREG: 0,3\r\n\r\nOK"])
        .on("AT+CGREG?", ["+CGREG: 0,0\r\n\r\nOK"]);
    let outcome = dial(&mut stick);
    assert_eq!(*outcome.error(), DialError::Denied);
    assert_eq!(stick.count("AT+CREG?"), 4, "once searching, thrice denied");
    assert_eq!(outcome.error().step(), Step::Registration);
    assert!(
        outcome
            .progress
            .contains(&Progress::Registration(Registration::Denied))
    );
}

#[test]
fn a_network_that_is_never_found_is_given_up() {
    for (voice, packets, expected) in [
        (
            "+CREG: 0,2\r\n\r\nOK",
            "+CGREG: 0,2\r\n\r\nOK",
            Registration::Searching,
        ),
        (
            "+CREG: 0,0\r\n\r\nOK",
            "+CGREG: 0,4\r\n\r\nOK",
            Registration::Idle,
        ),
        (
            "+CREG: 0,2\r\n\r\nOK",
            "+CGREG: 0,3\r\n\r\nOK",
            Registration::Searching,
        ),
        ("ERROR", "+CGREG: 0,2\r\n\r\nOK", Registration::Searching),
        ("ERROR", "ERROR", Registration::Unknown),
        ("+CREG: what\r\n\r\nOK", "OK", Registration::Unknown),
        ("+CREG: 0,2\r\n\r\nOK", "", Registration::Searching),
    ] {
        let mut stick = Stick::new()
            .on("AT+CREG?", [voice])
            .on("AT+CGREG?", [packets]);
        let outcome = dial(&mut stick);
        let DialError::NotRegistered { last, waited_ms } = *outcome.error() else {
            panic!("{voice}: {:?}", outcome.end);
        };
        assert_eq!(last, expected);
        assert!((90_000..100_000).contains(&waited_ms), "{waited_ms} ms");
    }
}

#[test]
fn every_error_is_one_line_with_its_step() {
    for (said, expected) in [
        ("NO CARRIER", "dial (ATD): expected CONNECT, got NO CARRIER"),
        (
            "",
            "dial (ATD): expected CONNECT within 60000 ms, got none; the stick lives and says OK",
        ),
    ] {
        let mut stick = Stick::new().on("ATD", [said]);
        assert_eq!(format!("{}", dial(&mut stick).error()), expected);
    }
}
