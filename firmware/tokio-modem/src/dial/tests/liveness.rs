//! Sticks that leave a long command without answer: dead ones, busy ones, slow ones.

use super::*;

/// A healthy stick that hears nothing any more from this command on.
fn dead_from(command: &str) -> Stick {
    let mut alive = Stick::new();
    dial(&mut alive);
    let place = alive
        .heard
        .iter()
        .position(|heard| heard.starts_with(command));
    let mut stick = Stick::new();
    stick.dies_after = place;
    assert!(place.is_some(), "{command}");
    stick
}

fn dial_within(ms: u64, stick: &mut Stick) -> Outcome {
    let mut settings = settings(None);
    settings.dial_within(ms);
    dial_with(mf180(), settings, stick)
}

#[test]
fn hung_stick_is_detected_in_5_s_after_a_long_command() {
    for (command, step) in [
        ("AT+CPIN?", Step::SimState),
        ("AT+COPS?", Step::Operator),
        ("ATD", Step::Dial),
    ] {
        let outcome = dial_within(20_000, &mut dead_from(command));
        let DialError::NoAnswer {
            step: at,
            waited_ms,
        } = *outcome.error()
        else {
            panic!("{command}: {:?}", outcome.end);
        };
        assert_eq!(at, step, "{command}");
        let took = outcome.took_ms - waited_ms;
        assert!((5_000..6_000).contains(&took), "{command}: {took} ms");
    }
}

#[test]
fn responsive_stick_gets_the_command_once_more() {
    let mut stick = Stick::new().on("AT+CPIN?", ["", "+CPIN: READY\r\n\r\nOK"]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert!((15_000..16_000).contains(&outcome.took_ms));

    let mut stick = Stick::new().on("AT+CPIN?", [""]);
    let outcome = dial(&mut stick);
    assert_eq!(outcome.error().step(), Step::SimState);
    assert_eq!(stick.count("AT+CPIN?"), 2);

    let mut stick = Stick::new().on("AT+COPS?", [""]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert_eq!(stick.count("AT+COPS?"), 1);
}

#[test]
fn slow_dial_is_aborted_and_stick_is_responsive() {
    let mut stick = Stick::new().on("ATD", [""]);
    let outcome = dial_within(20_000, &mut stick);
    let expected = DialError::NotConnected {
        waited_ms: 20_000,
        got: crate::at::text("OK"),
    };
    assert_eq!(*outcome.error(), expected);
    assert_eq!(outcome.error().step(), Step::Dial);
    assert!(outcome.took_ms < 21_000, "{} ms", outcome.took_ms);
}

#[test]
fn connect_during_the_probe_is_accepted() {
    for late_ms in [19_500, 20_200, 23_000] {
        let mut stick = dead_from("ATD");
        let began = dial_within(1, &mut dead_from("ATD")).took_ms - 5_001;
        stick.say(began + late_ms, b"\r\nCONNECT 7200000\r\n");
        let outcome = dial_within(20_000, &mut stick);
        assert_eq!(outcome.end.unwrap(), "7200000", "{late_ms}");
        assert_eq!(outcome.took_ms, began + late_ms);
    }
}
