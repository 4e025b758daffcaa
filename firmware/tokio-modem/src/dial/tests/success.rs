//! Dialogues that end in a call.

use super::*;
use crate::modem::Registration;

#[test]
fn healthy_stick_connects_and_reports_progress() {
    let mut stick = Stick::new();
    let outcome = dial(&mut stick);
    assert_eq!(outcome.end.as_ref().unwrap(), "7200000");
    assert_eq!(
        stick.heard,
        [
            "AT",
            "ATZ",
            "ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0",
            "AT+CPMS?",
            "AT+CFUN?",
            "AT+CPIN?",
            "AT+CGMM",
            "AT+CSQ",
            "AT+CREG?",
            "AT+COPS?",
            "AT+CGDCONT=1,\"IP\",\"internet\"",
            "ATD*99#",
        ]
    );
    assert_eq!(
        outcome.told(),
        [
            "synchronise (AT)",
            "initialise (ATZ)",
            "stop chatter",
            "ask the radio (AT+CFUN?)",
            "ask the SIM (AT+CPIN?)",
            "ask the model (AT+CGMM)",
            "model MF180",
            "ask the signal (AT+CSQ)",
            "signal -79 dBm",
            "ask registration (AT+CREG?)",
            "registration: registered, home network",
            "ask the operator (AT+COPS?)",
            "operator MegaFon, UMTS",
            "set the access point (AT+CGDCONT)",
            "dial (ATD)",
        ]
    );
    assert!(outcome.took_ms < 500, "{} ms", outcome.took_ms);
    assert!(outcome.dtr.is_empty());
}

#[test]
fn a_stick_without_echo_connects() {
    let mut stick = Stick::new();
    stick.echo = false;
    assert!(dial(&mut stick).end.is_ok());
}

#[test]
fn a_stick_that_is_not_in_the_table_connects() {
    let mut stick = Stick::new();
    let outcome = dial_with(&GENERIC, settings(None), &mut stick);
    assert!(outcome.end.is_ok());
    assert_eq!(stick.count("AT+CPMS?") + stick.count("AT+ZPINPUK"), 0);
}

#[test]
fn what_follows_connect_is_left_for_ppp() {
    let mut stick = Stick::new().on("ATD*99#", ["CONNECT\r\n~\u{7f}}#"]);
    let outcome = dial(&mut stick);
    assert_eq!(outcome.end.unwrap(), "");
    assert_eq!(outcome.rest, b"~\x7f}#\r\n");
}

#[test]
fn urc_flood_is_suppressed() {
    for (outlives, asked) in [(0, 1), (1, 2), (2, 3), (99, 3)] {
        let mut stick = Stick::new();
        stick.flood = Some((10, outlives));
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{:?}", outcome.end);
        // One more try where lines came in before the first.
        let tries = stick.count("AT+CPMS?");
        assert!((asked..=3).contains(&tries), "{tries} for {outlives}");
        let attempts = outcome
            .told()
            .iter()
            .filter(|told| told.contains("chatters"))
            .count();
        assert_eq!(attempts, tries - 1);
    }
}

#[test]
fn searching_then_home_or_roaming() {
    for (last, expected) in [
        ("+CREG: 0,1\r\n\r\nOK", Registration::Home),
        ("+CREG: 0,5\r\n\r\nOK", Registration::Roaming),
    ] {
        let searching = "+CREG: 0,2\r\n\r\nOK";
        let mut stick = Stick::new()
            .on("AT+CREG?", [searching, searching, searching, last])
            .on("AT+CGREG?", ["+CGREG: 0,2\r\n\r\nOK"]);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok());
        let states = outcome
            .progress
            .iter()
            .filter_map(|progress| match progress {
                Progress::Registration(state) => Some(*state),
                _ => None,
            });
        assert_eq!(
            states.collect::<Vec<_>>(),
            [Registration::Searching, expected]
        );
        let steps = outcome.told();
        let asked = steps
            .iter()
            .filter(|told| told.starts_with("ask registration"))
            .count();
        assert_eq!(asked, 1, "{steps:?}");
        assert_eq!(stick.count("AT+CSQ"), 4, "the signal is asked every round");
        assert!(
            (6_000..8_000).contains(&outcome.took_ms),
            "{} ms",
            outcome.took_ms
        );
    }
}

#[test]
fn packets_alone_are_enough() {
    let mut stick = Stick::new()
        .on("AT+CREG?", ["+CREG: 0,3\r\n\r\nOK"])
        .on("AT+CGREG?", ["+CGREG: 0,5\r\n\r\nOK"]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok());
    assert!(
        outcome
            .progress
            .contains(&Progress::Registration(Registration::Roaming))
    );
}

#[test]
fn what_is_not_needed_may_fail() {
    for said in ["ERROR", "+CME ERROR: 100", "COMMAND NOT SUPPORT", "OK", ""] {
        for command in ["AT+CPMS?", "AT+CFUN?", "AT+CGMM", "AT+CSQ", "AT+COPS?"] {
            let mut stick = Stick::new().on(command, [said]);
            let outcome = dial(&mut stick);
            assert!(outcome.end.is_ok(), "{command} {said}: {:?}", outcome.end);
        }
    }
    for said in ["ERROR", "+CME ERROR: 100", "COMMAND NOT SUPPORT"] {
        for command in ["ATZ", "ATQ0 V1"] {
            let mut stick = Stick::new().on(command, [said]);
            let outcome = dial(&mut stick);
            assert!(outcome.end.is_ok(), "{command} {said}: {:?}", outcome.end);
        }
    }
}

#[test]
fn settings_refused_before_the_pin_are_sent_after_it() {
    let mut stick = Stick::locked().on("ATZ", ["ERROR", "OK"]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert_eq!((stick.count("ATZ"), stick.count("ATQ0 V1")), (2, 2));
    assert_eq!(stick.count("AT+CPIN="), 1);
}

#[test]
fn an_answer_without_its_ok_goes_on_soon() {
    for (command, said) in [
        ("AT+CPIN?", "+CPIN: READY"),
        ("AT+CFUN?", "+CFUN: 1"),
        ("AT+CGMM", "MF180"),
        ("AT+CSQ", "+CSQ: 17,99"),
        ("AT+CREG?", "+CREG: 0,1"),
        ("AT+COPS?", "+COPS: 0,0,\"MegaFon\",2"),
    ] {
        let mut stick = Stick::new().on(command, [said]);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{command}: {:?}", outcome.end);
        assert_eq!(stick.count(command), 1, "{command}");
        let took = outcome.took_ms;
        assert!((2_000..3_000).contains(&took), "{command}: {took} ms");
    }
    // All of them, without the echo that separates a late result: the next one of each counts 0.5 s
    // after it came.
    let mut stick = Stick::locked()
        .on("AT+CPIN?", ["+CPIN: SIM PIN", "+CPIN: READY"])
        .on("AT+ZPINPUK=?", ["+ZPINPUK: 3,10"])
        .on("AT+CSQ", ["+CSQ: 17,99"])
        .on("AT+CREG?", ["+CREG: 0,1"]);
    stick.echo = false;
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    assert!(outcome.took_ms < 15_000, "{} ms", outcome.took_ms);
}

#[test]
fn lte_alone_is_enough_unsupported_cereg_sent_once() {
    let searching = ("+CREG: 0,2\r\n\r\nOK", "+CGREG: 0,2\r\n\r\nOK");
    let stick = || {
        let stick = Stick::new().on(
            "AT+CREG?",
            [searching.0, searching.0, "+CREG: 0,1\r\n\r\nOK"],
        );
        stick.on("AT+CGREG?", [searching.1])
    };
    let mut lte = stick().on("AT+CEREG?", ["+CEREG: 0,5\r\n\r\nOK"]);
    assert!(dial(&mut lte).end.is_ok());
    assert_eq!((lte.count("AT+CREG?"), lte.count("AT+CEREG?")), (1, 1));
    for said in ["ERROR", "COMMAND NOT SUPPORT", "+CME ERROR: 100", ""] {
        let mut old = stick().on("AT+CEREG?", [said]);
        assert!(dial(&mut old).end.is_ok(), "{said}");
        assert_eq!(
            (old.count("AT+CREG?"), old.count("AT+CEREG?")),
            (3, 1),
            "{said}"
        );
    }
}

#[test]
fn lost_command_is_repeated() {
    for (command, good) in [
        ("ATZ", "OK"),
        ("AT+CPIN?", "+CPIN: READY\r\n\r\nOK"),
        ("AT+CREG?", "+CREG: 0,1\r\n\r\nOK"),
        ("AT+CGDCONT", "OK"),
    ] {
        let mut stick = Stick::new().on(command, ["", good]);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{command}: {:?}", outcome.end);
        assert_eq!(stick.count(command), 2, "{command}");
    }
}
