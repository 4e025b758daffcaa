//! What passes by itself is waited for, with a bound, and latches nothing.

use super::*;

const READY: &str = "+CPIN: READY\r\n\r\nOK";

/// How a SIM answers that is not ready.
const WORDS: [&str; 12] = [
    "+CPIN: NOT READY\r\n\r\nOK",
    "+CPIN: SIM BUSY\r\n\r\nOK",
    "+CPIN: WHATEVER\r\n\r\nOK",
    "+CPIN: PH-UNHEARD-OF PIN\r\n\r\nOK",
    "+CME ERROR: 13",
    "+CME ERROR: 14",
    "+CME ERROR: SIM_BUSY",
    "+CME ERROR: 515",
    "+CME ERROR: 9999",
    "+CME ERROR: what",
    "ERROR",
    "OK",
];

#[test]
fn a_sim_not_ready_for_ten_seconds_is_waited_for() {
    for words in WORDS {
        let mut said = [words; 11];
        said[10] = READY;
        let mut stick = Stick::new().on("AT+CPIN?", said);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{words}: {:?}", outcome.end);
        assert_eq!(stick.count("AT+CPIN?"), 11, "{words}");
    }
}

#[test]
fn sim_never_ready_ends_unblocked() {
    for words in WORDS {
        let mut stick = Stick::new().on("AT+CPIN?", [words]);
        let outcome = dial(&mut stick);
        let DialError::SimNotReady { waited_ms, got } = outcome.error() else {
            panic!("{words}: {:?}", outcome.end);
        };
        assert!((30_000..32_000).contains(waited_ms), "{words}: {waited_ms}");
        assert!(words.contains(got.as_str()), "{words}: {got}");
        assert!(!outcome.error().is_blocked(), "{words}");
        assert_eq!(outcome.error().step(), Step::SimState);
    }
}

#[test]
fn no_sim_for_a_moment_is_transient() {
    for words in [
        "+CME ERROR: 10",
        "+CME ERROR: SIM_NOT_INSERTED",
        "+CPIN: NOT INSERTED\r\n\r\nOK",
        "+CME ERROR: 15",
    ] {
        let mut stick = Stick::new().on("AT+CPIN?", [words, words, words, words, READY]);
        assert!(dial(&mut stick).end.is_ok(), "{words}");
    }
}

#[test]
fn only_the_standards_locks_need_a_person() {
    for (said, by) in [
        ("+CPIN: PH-SIM PIN\r\n\r\nOK", "PH-SIM PIN"),
        ("+CPIN: PH-NETSUB PUK\r\n\r\nOK", "PH-NETSUB PUK"),
        ("+CME ERROR: 5", "+CME ERROR: 5"),
        ("+CME ERROR: PH-SIM PIN required", "PH-SIM PIN required"),
    ] {
        let outcome = dial(&mut Stick::new().on("AT+CPIN?", [said]));
        let locked = Blocked::Locked(crate::at::text(by)).into();
        assert_eq!(*outcome.error(), locked, "{said}");
    }
    for said in ["+CME ERROR: 17", "+CME ERROR: SIM PUK2 required"] {
        assert!(dial(&mut Stick::new().on("AT+CPIN?", [said])).end.is_ok());
    }
}

#[test]
fn denied_in_one_domain_waits_while_another_searches() {
    for (calls, packets) in [
        ("+CREG: 0,3\r\n\r\nOK", "+CGREG: 0,2\r\n\r\nOK"),
        ("+CREG: 0,2\r\n\r\nOK", "+CGREG: 0,3\r\n\r\nOK"),
    ] {
        let home = "+CREG: 0,1\r\n\r\nOK";
        let mut stick = Stick::new()
            .on("AT+CREG?", [calls, calls, calls, calls, calls, home])
            .on("AT+CGREG?", [packets]);
        let outcome = dial(&mut stick);
        assert!(outcome.end.is_ok(), "{:?}", outcome.end);
    }
}

#[test]
fn a_dialogue_too_slow_in_sum_ends_before_the_dial() {
    // Each answer is in time, and none is what is hoped for.
    let mut stick = Stick::new()
        .on("AT+CPMS?", [""])
        .on("AT+CFUN?", ["+CFUN: 4\r\n\r\nOK"])
        .on("AT+CFUN=1", [""])
        .on("AT+CPIN?", ["+CPIN: NOT READY"])
        .on("AT+CREG?", ["+CREG: 0,2"])
        .on("AT+CGREG?", ["+CGREG: 0,2"])
        .on("AT+CEREG?", ["+CEREG: 0,2"]);
    let outcome = dial(&mut stick);
    assert!(outcome.end.is_err());
    assert!(
        outcome.took_ms < BEFORE_DIAL_MS + 25_000,
        "{}",
        outcome.took_ms
    );
}
