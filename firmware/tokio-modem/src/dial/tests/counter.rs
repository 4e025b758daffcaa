//! The PIN goes out only where the stick has said that two tries or more are left.

use super::*;
use crate::modem::{PROFILES, VENDORS};

const ASKS: &str = "+CPIN: SIM PIN\r\n\r\nOK";

/// A SIM that asks for its PIN, in a stick that answers these and refuses the rest.
fn asking(answers: &[(&'static str, &'static str)]) -> Stick {
    let mut stick = Stick::locked().on("AT+ZPINPUK", ["ERROR"]);
    for (command, said) in answers {
        stick = stick.on(command, [said]);
    }
    stick
}

fn uncounted() -> Settings {
    let mut settings = settings(Some(PIN));
    settings.allow_pin_without_counter(true);
    settings
}

#[test]
fn tries_in_any_vendors_words_decide() {
    let answer = |command: &str| match command {
        "AT+ZPINPUK=?" => ["+ZPINPUK: 1,10", "+ZPINPUK: 2,10"],
        "AT^CPIN?" => ["^CPIN: SIM PIN,1,10,1,10,3", "^CPIN: SIM PIN,2,10,2,10,3"],
        "AT+CPINC?" => ["+CPINC: 1,3,10,10", "+CPINC: 2,3,10,10"],
        "AT+QPINC=\"SC\"" => ["+QPINC: \"SC\",1,10", "+QPINC: \"SC\",2,10"],
        "AT#PCT" => ["#PCT: 1", "#PCT: 2"],
        "AT^SPIC=\"SC\"" => ["^SPIC: 1", "^SPIC: 2"],
        "AT+SPIC" => ["+SPIC: 1,10,3,10", "+SPIC: 2,10,3,10"],
        "AT+UPINCNT" => ["+UPINCNT: 1,3,10,10", "+UPINCNT: 2,3,10,10"],
        "AT_OERCN?" => ["_OERCN: 1, 10", "_OERCN: 2, 10"],
        "AT$NWPINR?" => ["$NWPINR: PIN1, 1", "$NWPINR: PIN1, 2"],
        "AT*EPIN?" => ["*EPIN: 1, 10, 3, 10", "*EPIN: 2, 10, 3, 10"],
        "AT+CPNNUM" => [
            "PIN1=1; PUK1=10; PIN2=3; PUK2=10",
            "PIN1=2; PUK1=10; PIN2=3; PUK2=10",
        ],
        "AT+EPINC?" => ["+EPINC: 1, 3, 10, 10", "+EPINC: 2, 3, 10, 10"],
        "AT%PINNUM?" => ["%PINNUM: 1, 10, 3, 10", "%PINNUM: 2, 10, 3, 10"],
        "AT%CPININFO" => ["%CPININFO: 1, 10, 3, 10", "%CPININFO: 2, 10, 3, 10"],
        "AT+XPINCNT" => ["+XPINCNT: 1, 3, 10, 10", "+XPINCNT: 2, 3, 10, 10"],
        other => panic!("{other}"),
    };
    for profile in VENDORS.iter().chain(PROFILES) {
        let command = profile.pin_tries.unwrap().command;
        for (said, sent) in answer(command).into_iter().zip([0, 1]) {
            let said: &str = format!("{said}\r\n\r\nOK").leak();
            let mut stick = Stick::locked().on(command, [said]);
            let outcome = dial_with(profile, settings(Some(PIN)), &mut stick);
            assert_eq!(stick.count("AT+CPIN="), sent, "{} {said}", profile.name);
            if sent == 0 {
                let kept = Blocked::PinLastTry { left: 1 }.into();
                assert_eq!(*outcome.error(), kept, "{}", profile.name);
            }
        }
    }
}

#[test]
fn an_unknown_product_keeps_the_last_try() {
    let profile = profile_for(0x19d2, 0x0016).unwrap();
    let mut stick = asking(&[("AT+ZPINPUK=?", "+ZPINPUK: 1,10\r\n\r\nOK")]);
    let outcome = dial_with(profile, settings(Some(PIN)), &mut stick);
    assert_eq!(*outcome.error(), Blocked::PinLastTry { left: 1 }.into());
    assert_eq!((stick.count("AT+CPIN="), stick.count("AT+CPMS?")), (0, 1));
}

#[test]
fn the_standards_questions_stand_in_for_the_vendors() {
    for (answers, sent) in [
        (
            &[(
                "AT+CPINR",
                "+CPINR: SIM PIN,3,3\r\n+CPINR: SIM PUK,10,10\r\n\r\nOK",
            )][..],
            1,
        ),
        (
            &[(
                "AT+CPINR",
                "+CPINR: SIM PIN,1,3\r\n+CPINR: SIM PUK,10,10\r\n\r\nOK",
            )],
            0,
        ),
        (&[("AT+CSIM", "+CSIM: 4,\"63C3\"\r\n\r\nOK")], 1),
        (&[("AT+CSIM", "+CSIM: 4,\"63C1\"\r\n\r\nOK")], 0),
        (&[("AT+CSIM", "+CSIM: 4,\"6983\"\r\n\r\nOK")], 0),
        // Fewer is what counts, whichever was first.
        (
            &[(
                "AT+CPINR",
                "+CPINR: SIM PIN,3\r\n+CPINR: SIM PIN,1\r\n\r\nOK",
            )],
            0,
        ),
        // A stick that knows the first and is silent to the second.
        (
            &[("AT+CPINR", ""), ("AT+CSIM", "+CSIM: 4,\"63C2\"\r\n\r\nOK")],
            1,
        ),
    ] {
        for profile in [mf180(), &GENERIC] {
            let mut stick = asking(answers);
            let outcome = dial_with(profile, settings(Some(PIN)), &mut stick);
            assert_eq!(stick.count("AT+CPIN="), sent, "{answers:?}");
            assert_eq!(outcome.end.is_ok(), sent == 1, "{:?}", outcome.end);
        }
    }
}

#[test]
fn without_a_count_no_pin_is_sent() {
    for (command, said) in [
        ("AT+ZPINPUK=?", "ERROR"),
        ("AT+ZPINPUK=?", "OK"),
        ("AT+ZPINPUK=?", ""),
        ("AT+ZPINPUK=?", "+ZPINPUK: 255,255\r\n\r\nOK"),
        ("AT+CPINR", "+CPINR: SIM PUK,10,10\r\n\r\nOK"),
        ("AT+CSIM", "+CSIM: 4,\"6E00\"\r\n\r\nOK"),
        ("AT+CSIM", "+CME ERROR: 14"),
    ] {
        let mut stick = asking(&[(command, said)]);
        let outcome = dial(&mut stick);
        let unknown = Blocked::PinTriesUnknown.into();
        assert_eq!(*outcome.error(), unknown, "{command} {said}");
        assert_eq!(outcome.error().step(), Step::PinTries);
        assert!(!outcome.error().pin_spent(), "it was not sent");
        assert_eq!(stick.count("AT+CPIN="), 0, "{command} {said}");
        assert_eq!(stick.count("AT+CSIM"), 2, "all are asked twice");
        assert!(outcome.took_ms < 30_000, "{} ms", outcome.took_ms);
    }
}

#[test]
fn a_count_that_comes_late_is_taken() {
    let mut stick = asking(&[]).on(
        "AT+ZPINPUK=?",
        ["+CME ERROR: 14", "+ZPINPUK: 3,10\r\n\r\nOK"],
    );
    assert!(dial(&mut stick).end.is_ok());
    assert_eq!(stick.count("AT+ZPINPUK"), 2);
}

#[test]
fn pin_without_counter_is_sent_if_allowed() {
    let mut stick = asking(&[]);
    let outcome = dial_with(mf180(), uncounted(), &mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert_eq!(stick.count("AT+CPIN="), 1);
    // Not against a count.
    let mut stick = asking(&[("AT+ZPINPUK=?", "+ZPINPUK: 1,10\r\n\r\nOK")]);
    let outcome = dial_with(mf180(), uncounted(), &mut stick);
    assert_eq!(*outcome.error(), Blocked::PinLastTry { left: 1 }.into());
    // Nor twice.
    let mut stick = asking(&[("AT+CPIN?", ASKS)]);
    let outcome = dial_with(mf180(), uncounted(), &mut stick);
    assert_eq!(*outcome.error(), Blocked::PinSpent.into());
    assert_eq!(stick.count("AT+CPIN="), 1);
}
