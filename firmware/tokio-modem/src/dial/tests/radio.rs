//! Sticks whose radio was left off.

use super::*;

const OFF: &str = "+CFUN: 4\r\n\r\nOK";

/// Searches nothing, so that only switching the radio on can help.
fn dark() -> Stick {
    Stick::new()
        .on("AT+CFUN?", [OFF])
        .on("AT+CREG?", ["+CREG: 0,0\r\n\r\nOK"])
        .on("AT+CGREG?", ["+CGREG: 0,0\r\n\r\nOK"])
}

#[test]
fn a_radio_that_is_off_is_switched_on() {
    for off in ["+CFUN: 0", "+CFUN: 4", "+CFUN: 7", "+CFUN: 4,0", "+CFUN:0"] {
        let off: &str = format!("{off}\r\n\r\nOK").leak();
        let mut stick = Stick::new()
            .on("AT+CFUN?", [off, "+CFUN: 1\r\n\r\nOK"])
            .on("AT+CFUN=1", ["OK"]);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{off}: {:?}", outcome.end);
        assert_eq!(stick.count("AT+CFUN=1"), 1, "{off}");
        assert_eq!(stick.count("AT+CPMS?"), 2, "chatter is stopped again");
        assert!(outcome.progress.contains(&Progress::RadioOn));
        let at = |command: &str| stick.heard.iter().position(|heard| heard == command);
        assert!(
            at("AT+CFUN=1") < at("AT+CPIN?"),
            "the SIM may have no power"
        );
        assert!(outcome.took_ms < 2_000, "{} ms", outcome.took_ms);
    }
}

#[test]
fn a_radio_that_is_on_is_left_alone() {
    for on in ["+CFUN: 1\r\n\r\nOK", "+CFUN: 1,0\r\n\r\nOK", "ERROR", "OK"] {
        let mut stick = Stick::locked().on("AT+CFUN?", [on]);
        assert!(dial(&mut stick).end.is_ok(), "{on}");
        assert_eq!(stick.count("AT+CFUN="), 0, "{on}");
    }
}

#[test]
fn radio_reported_off_after_ok_is_switched_once() {
    let mut stick = Stick::locked()
        .on("AT+CFUN?", [OFF])
        .on("AT+CFUN=1", ["OK"]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert_eq!(stick.count("AT+CFUN=1"), 1);
}

#[test]
fn a_refusal_before_the_pin_is_tried_again_after_it() {
    for refusal in [
        "ERROR",
        "+CME ERROR: 11",
        "+CME ERROR: 14",
        "+CME ERROR: SIM_PIN_REQUIRED",
    ] {
        let mut stick = Stick::locked()
            .on("AT+CFUN?", [OFF, OFF, "+CFUN: 1\r\n\r\nOK"])
            .on("AT+CFUN=1", [refusal, refusal, "OK"]);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{refusal}: {:?}", outcome.end);
        assert_eq!((stick.count("AT+CFUN=1"), stick.count("AT+CPIN=")), (3, 1));
    }
}

#[test]
fn a_sim_without_power_gets_it_with_the_radio() {
    let mut stick = Stick::new()
        .on("AT+CFUN?", ["+CFUN: 0\r\n\r\nOK"])
        .on("AT+CFUN=1", ["+CME ERROR: 14", "OK"])
        .on("AT+CPIN?", ["+CME ERROR: 10", "+CPIN: READY\r\n\r\nOK"]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert_eq!(stick.count("AT+CFUN=1"), 2);
}

#[test]
fn radio_that_stays_off_ends_in_bounded_time() {
    for (said, got) in [("+CME ERROR: 3", "+CME ERROR: 3"), ("", "no answer")] {
        let mut stick = dark().on("AT+CFUN=1", [said]);
        let outcome = dial(&mut stick);
        let expected = DialError::RadioOff {
            got: crate::at::text(got),
        };
        assert_eq!(*outcome.error(), expected);
        assert!(!outcome.error().is_blocked());
        assert_eq!(outcome.error().step(), Step::RadioOn);
        assert!(outcome.took_ms < 50_000, "{} ms", outcome.took_ms);
        assert!(stick.count("AT+CFUN=1") <= 4);
    }
    let mut stick = dark()
        .on("AT+CFUN=1", ["ERROR"])
        .on("AT+CPIN?", ["+CME ERROR: 10"]);
    let outcome = dial(&mut stick);
    assert!(
        matches!(outcome.error(), DialError::RadioOff { .. }),
        "not blocked by a SIM without power"
    );
}

#[test]
fn registration_despite_radio_off_is_enough() {
    let mut stick = Stick::new()
        .on("AT+CFUN?", [OFF])
        .on("AT+CFUN=1", ["ERROR"]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
}
