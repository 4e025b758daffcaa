//! The SIM and the care for its PIN.

use super::*;

const ASKS: &str = "+CPIN: SIM PIN\r\n\r\nOK";

fn blocked(outcome: &Outcome) -> &Blocked {
    assert!(outcome.error().is_blocked(), "{:?}", outcome.end);
    match outcome.error() {
        DialError::Blocked(blocked) => blocked,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pin_is_sent_once_and_urcs_suppressed_again() {
    for asks in [ASKS, "+CME ERROR: 11", "+CME ERROR: SIM PIN required"] {
        let mut stick = Stick::new().on("AT+CPIN?", [asks, "+CPIN: READY\r\n\r\nOK"]);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{:?}", outcome.end);
        assert_eq!(stick.count("AT+CPIN="), 1);
        assert_eq!(stick.count("AT+ZPINPUK"), 1);
        assert_eq!(stick.count("AT+CPMS?"), 2);
        assert!(outcome.progress.contains(&Progress::PinAccepted));
    }
}

#[test]
fn a_sim_that_is_slow_after_its_pin_is_waited_for() {
    let mut stick = Stick::new().on(
        "AT+CPIN?",
        [ASKS, "+CME ERROR: 14", ASKS, "+CPIN: READY\r\n\r\nOK"],
    );
    assert!(dial(&mut stick).end.is_ok());
    assert_eq!(stick.count("AT+CPIN="), 1);
}

#[test]
fn a_wrong_pin_is_sent_exactly_once() {
    for said in [
        "+CME ERROR: 16",
        "+CME ERROR: incorrect password",
        "+CME ERROR: 12",
        "ERROR",
    ] {
        let mut stick = Stick::new().on("AT+CPIN?", [ASKS]).on("AT+CPIN=", [said]);
        let outcome = dial(&mut stick);
        let Blocked::PinWrong { got } = blocked(&outcome) else {
            panic!("{:?}", outcome.end)
        };
        assert_eq!(got, said);
        assert!(outcome.error().pin_spent());
        assert_eq!(outcome.error().step(), Step::EnterPin);
        assert_eq!(stick.count("AT+CPIN="), 1);

        let mut spent = settings(Some(PIN));
        spent.withhold_pin();
        let again = dial_with(mf180(), spent, &mut stick);
        assert_eq!(*blocked(&again), Blocked::PinSpent);
        assert_eq!(
            stick.count("AT+CPIN="),
            1,
            "not in the next dialogue either"
        );
    }
}

#[test]
fn a_pin_without_a_clear_answer_is_spent() {
    for said in [
        "",
        "+CME ERROR: 14",
        "COMMAND NOT SUPPORT",
        "+CMS ERROR: 310",
    ] {
        let mut stick = Stick::new().on("AT+CPIN?", [ASKS]).on("AT+CPIN=", [said]);
        let outcome = dial(&mut stick);
        assert!(
            matches!(outcome.error(), DialError::PinUncertain { .. }),
            "{:?}",
            outcome.end
        );
        assert!(outcome.error().pin_spent() && !outcome.error().is_blocked());
        assert_eq!(stick.count("AT+CPIN="), 1);
        assert!(outcome.took_ms < 20_000, "{} ms", outcome.took_ms);
    }
}

#[test]
fn a_pin_taken_and_asked_for_again_is_spent() {
    let mut stick = Stick::new().on("AT+CPIN?", [ASKS]);
    let outcome = dial(&mut stick);
    assert_eq!(*blocked(&outcome), Blocked::PinSpent);
    assert!(outcome.error().pin_spent());
    assert_eq!(stick.count("AT+CPIN="), 1);
}

#[test]
fn pin_is_withheld_for_the_last_try() {
    for (said, left) in [
        ("+ZPINPUK: 1,10\r\n\r\nOK", 1),
        ("+ZPINPUK: 0,10\r\n\r\nOK", 0),
    ] {
        let mut stick = Stick::new().on("AT+CPIN?", [ASKS]).on("AT+ZPINPUK", [said]);
        let outcome = dial(&mut stick);
        assert_eq!(*blocked(&outcome), Blocked::PinLastTry { left });
        assert!(!outcome.error().pin_spent(), "it was not sent");
        assert_eq!(stick.count("AT+CPIN="), 0);
    }
}

#[test]
fn without_a_pin_none_is_sent() {
    let mut stick = Stick::new().on("AT+CPIN?", [ASKS]);
    let outcome = dial_with(mf180(), settings(None), &mut stick);
    assert_eq!(*blocked(&outcome), Blocked::PinMissing);
    assert_eq!(stick.count("AT+CPIN="), 0);
}

#[test]
fn locks_and_missing_sims_block() {
    for said in [
        "+CPIN: SIM PUK\r\n\r\nOK",
        "+CME ERROR: 12",
        "+CME ERROR: SIM PUK required",
    ] {
        let mut stick = Stick::new().on("AT+CPIN?", [said]);
        assert_eq!(*blocked(&dial(&mut stick)), Blocked::Puk);
        assert_eq!((stick.count("AT+CPIN?"), stick.count("AT+CPIN=")), (1, 0));
    }
    let mut stick = Stick::new().on("AT+CPIN?", ["+CPIN: PH-NET PIN\r\n\r\nOK"]);
    let expected = Blocked::Locked(crate::at::text("PH-NET PIN"));
    assert_eq!(*blocked(&dial(&mut stick)), expected);
    for said in [
        "+CME ERROR: 10",
        "+CME ERROR: SIM not inserted",
        "+CME ERROR: SIM_NOT_INSERTED",
        "+CME ERROR: 15",
    ] {
        let mut stick = Stick::new().on("AT+CPIN?", [said]);
        let outcome = dial(&mut stick);
        let Blocked::NoSim { got } = blocked(&outcome) else {
            panic!("{:?}", outcome.end)
        };
        assert_eq!(got, said);
        assert_eq!(stick.count("AT+CPIN?"), 9, "a second apart");
        assert!(outcome.took_ms < 9_500, "{} ms", outcome.took_ms);
    }
}

#[test]
fn a_sim_that_comes_up_slowly_is_waited_for() {
    let mut stick = Stick::new().on(
        "AT+CPIN?",
        [
            "+CME ERROR: 10",
            "+CME ERROR: 14",
            "+CME ERROR: 13",
            "ERROR",
            "+CPIN: READY\r\n\r\nOK",
        ],
    );
    assert!(dial(&mut stick).end.is_ok());
}

#[test]
fn echo_torn_by_urcs_shows_no_pin() {
    for torn in [
        "+ZUSIMR:2AT+CPIN=\"40718263\"\r\nOK",
        "AT+CP\r\n+ZUSIMR:2\r\nIN=\"40718263\"\r\nOK",
        "+CPIN=\"40718263\"\r\nOK",
        "+CME ERROR: AT+CPIN=\"40718263\"\r\n+CME ERROR: 16",
        "+CME ERROR: AT+CPIN=\"40718263\"",
    ] {
        let mut stick = Stick::locked().on("AT+CPIN=", [torn]);
        stick.echo = false;
        // The PIN in an output would be found by the runner.
        let outcome = dial(&mut stick);
        assert_eq!(
            outcome.end.is_ok(),
            torn.ends_with("OK"),
            "{:?}",
            outcome.end
        );
        assert_eq!(stick.count("AT+CPIN="), 1);
    }
}

#[test]
fn an_echo_that_comes_late_shows_no_pin() {
    // The first `OK` was an older command's; the echo follows when nobody waits for it any more.
    let late = "AT+CP\r\n40718263\"\r\n";
    for (command, said) in [
        ("AT+CGMM", "40718263\"\r\nOK"),
        ("AT+CGMM", "+CGMM: MF180 40718263\"\r\nOK"),
        ("AT+COPS?", "+COPS: 0,0,\"40718263\"\r\nOK"),
        ("AT+CGDCONT", "+CME ERROR: =\"40718263\""),
        ("AT+CGDCONT", "+CMS ERROR: =\"40718263\""),
        ("ATD", "CONNECT 40718263"),
        ("ATD", "+CME ERROR: 40718263"),
    ] {
        let mut stick = Stick::locked().on("AT+CPIN=", ["OK"]).on(command, [said]);
        stick.echo = false;
        stick.say(2_000, late.as_bytes());
        // The PIN in an output would be found by the runner.
        let outcome = dial(&mut stick);
        assert_eq!(stick.count("AT+CPIN="), 1);
        assert_eq!(
            outcome.end.is_ok(),
            !said.contains("ERROR"),
            "{:?}",
            outcome.end
        );
    }
    let mut stick = Stick::new().on("AT+CPIN?", ["+CPIN: 40718263\r\n\r\nOK"]);
    assert!(matches!(
        dial(&mut stick).error(),
        DialError::SimNotReady { .. }
    ));
}

#[test]
fn a_short_pin_hides_no_location() {
    let mut stick = Stick::locked()
        .on("AT+CPIN=", ["OK"])
        .on("AT+CREG?", ["+CREG: 2,1,\"1234\",\"00C3\"\r\n\r\nOK"]);
    let outcome = dial_with(mf180(), settings(Some("1234")), &mut stick);
    assert!(
        outcome
            .progress
            .contains(&Progress::Registration(crate::modem::Registration::Home))
    );
}
