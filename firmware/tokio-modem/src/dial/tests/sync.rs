//! Sticks that do not listen at first.

use super::{stick::Call, *};

/// The ladder with all its waits, and a little.
const LADDER_MS: u64 = 15_000;

#[test]
fn a_call_left_open_is_ended() {
    for (call, dtr) in [
        (Call::UntilEscape, &[][..]),
        (Call::UntilTerminate, &[]),
        (Call::UntilDtr, &[false, true]),
    ] {
        let mut stick = Stick::new().with_call(call);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{:?}", outcome.end);
        assert!(outcome.progress.contains(&Progress::Escaping));
        assert_eq!(outcome.dtr, dtr);
        assert!(
            outcome.took_ms < LADDER_MS + 2_000,
            "{} ms",
            outcome.took_ms
        );
    }
}

#[test]
fn open_call_that_never_ends_fails_in_bounded_time() {
    let mut stick = Stick::new().with_call(Call::ForEver);
    let outcome = dial(&mut stick);
    let DialError::NoAnswer {
        step: Step::Synchronise,
        waited_ms,
    } = *outcome.error()
    else {
        panic!("{:?}", outcome.end);
    };
    assert_eq!(waited_ms, outcome.took_ms);
    assert!(
        (10_000..LADDER_MS).contains(&outcome.took_ms),
        "{} ms",
        outcome.took_ms
    );
    assert_eq!(outcome.dtr, [false, true], "DTR is up again");
}

#[test]
fn numeric_results_are_switched_to_verbose() {
    let mut stick = Stick::new()
        .on("AT", ["0", "0", "0", "OK"])
        .on("ATQ0 V1", ["OK"]);
    // `AT` is a prefix of all: what follows has rules of its own.
    for (command, said) in [
        ("ATZ", "OK"),
        ("AT+CPMS?", "OK"),
        ("AT+CPIN?", "+CPIN: READY\r\n\r\nOK"),
        ("AT+CREG?", "+CREG: 0,1\r\n\r\nOK"),
        ("ATD", "CONNECT"),
    ] {
        stick = stick.on(command, [said]);
    }
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert!(!outcome.progress.contains(&Progress::Escaping));
}

#[test]
fn late_sync_answer_is_discarded() {
    let mut stick = Stick::new()
        .on("AT", ["", "OK"])
        .on("ATZ", ["", "OK"])
        .on("ATQ0 V1", ["OK"])
        .on("AT+CPIN?", ["+CPIN: READY\r\n\r\nOK"])
        .on("AT+CREG?", ["+CREG: 0,1\r\n\r\nOK"])
        .on("ATD", ["CONNECT"]);
    stick.echo = false;
    // The first `AT` is answered when the second is under way, the second a moment later.
    stick.say(1_010, b"\r\nOK\r\n");
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    // With the second `OK` taken for that of `ATZ`, which had none, it would not be said again.
    assert_eq!((stick.count("ATZ"), stick.count("ATQ0")), (2, 1));
}

#[test]
fn stick_that_only_refuses_is_reported_as_refusing() {
    let mut stick = Stick::new().on("AT", ["ERROR"]);
    let outcome = dial(&mut stick);
    let DialError::Unexpected {
        step: Step::Synchronise,
        got,
        ..
    } = outcome.error()
    else {
        panic!("{:?}", outcome.end);
    };
    assert_eq!(got, "ERROR");
    assert!(outcome.took_ms < LADDER_MS);
}
