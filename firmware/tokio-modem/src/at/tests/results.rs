//! Results that come early, late, or without an echo.

use super::*;

const CSQ: Answer = Answer::Prefixed("+CSQ:");

/// Time from a doubtful result until it counts.
const DOUBT_MS: u64 = 500;

fn ok() -> Event {
    Event::Result(Final::Ok)
}

/// An engine whose stick echoes.
fn echoing() -> Engine {
    let mut engine = Engine::new();
    start(&mut engine, "AT", Answer::Nothing, 0);
    assert_eq!(hear(&mut engine, b"AT\r\r\nOK\r\n").0, [ok()]);
    engine
}

#[test]
fn result_before_the_echo_is_stale() {
    for stale in [
        "NO CARRIER",
        "OK",
        "ERROR",
        "+CME ERROR: 30",
        "BUSY",
        "OK\r\n\r\nNO CARRIER",
    ] {
        let mut engine = echoing();
        start(&mut engine, "ATD*99#", Answer::Call, 0);
        let said = std::format!("\r\n{stale}\r\nATD*99#\r\r\nCONNECT 14400000\r\n");
        let (events, _) = hear(&mut engine, said.as_bytes());
        let connect = Event::Result(Final::Connect(text("14400000")));
        assert_eq!(events, [connect], "{stale}");
    }
    for stale in ["OK", "ERROR", "+CME ERROR: 30"] {
        let mut engine = echoing();
        start(&mut engine, "AT+CSQ", CSQ, 0);
        let said = std::format!("\r\n{stale}\r\nAT+CSQ\r\r\n+CSQ: 3,99\r\n\r\nOK\r\n");
        let (events, _) = hear(&mut engine, said.as_bytes());
        assert_eq!(
            events,
            [Event::Information(line("+CSQ: 3,99")), ok()],
            "{stale}"
        );
        assert_eq!(engine.counters().stray, 1);
    }
}

#[test]
fn result_counts_when_the_echo_never_comes() {
    let mut engine = echoing();
    start(&mut engine, "AT+CFUN=1", Answer::Nothing, 0);
    assert_eq!(hear(&mut engine, b"\r\nOK\r\n").0, []);
    assert_eq!(engine.deadline(), Some(0), "a tick starts its time");
    assert_eq!(engine.tick(40), None);
    assert_eq!(engine.deadline(), Some(40 + DOUBT_MS));
    assert_eq!(engine.tick(39 + DOUBT_MS), None);
    assert_eq!(engine.tick(40 + DOUBT_MS), Some(ok()));
    // The stick seems to echo no longer: the next one is not kept waiting.
    start(&mut engine, "AT+CFUN=1", Answer::Nothing, 0);
    assert_eq!(hear(&mut engine, b"\r\nOK\r\n").0, [ok()]);
    // It does again, and is believed again.
    start(&mut engine, "AT", Answer::Nothing, 0);
    assert_eq!(hear(&mut engine, b"AT\r\r\nOK\r\n").0, [ok()]);
    start(&mut engine, "AT", Answer::Nothing, 0);
    assert_eq!(hear(&mut engine, b"\r\nERROR\r\nAT\r\r\nOK\r\n").0, [ok()]);
}

#[test]
fn doubtful_result_counts_by_the_timeout() {
    let mut engine = echoing();
    start(&mut engine, "AT", Answer::Nothing, 0);
    hear(&mut engine, b"\r\nOK\r\n");
    assert_eq!(engine.tick(TIMEOUT_MS - 1), None);
    assert_eq!(engine.tick(TIMEOUT_MS), Some(ok()));
}

#[test]
fn answer_without_an_echo_ends_at_its_result() {
    let mut engine = echoing();
    start(&mut engine, "AT+CSQ", CSQ, 0);
    let (events, _) = hear(&mut engine, b"\r\n+CSQ: 3,99\r\n\r\nOK\r\n");
    assert_eq!(events, [Event::Information(line("+CSQ: 3,99")), ok()]);
}

#[test]
fn echo_switched_off_is_waited_for_no_longer() {
    for off in ["ATE0", "ATE", "ATQ0V1E0", "ATZ"] {
        let mut engine = echoing();
        start(&mut engine, off, Answer::Nothing, 0);
        let said = std::format!("{off}\r\r\nOK\r\n");
        assert_eq!(hear(&mut engine, said.as_bytes()).0, [ok()], "{off}");
        start(&mut engine, "AT+CFUN=1", Answer::Nothing, 0);
        assert_eq!(hear(&mut engine, b"\r\nOK\r\n").0, [ok()], "{off}");
    }
}

#[test]
fn torn_echo_counts_as_one() {
    for torn in ["+CSQ", "CSQ", "AT+C", "+ZUSIMR:2AT+CSQ", "AT+C\u{fe}SQ"] {
        let mut engine = echoing();
        start(&mut engine, "AT+CSQ", CSQ, 0);
        let said = std::format!("\r\nOK\r\n{torn}\r\r\nERROR\r\n");
        let (events, _) = hear(&mut engine, said.as_bytes());
        assert_eq!(events, [Event::Result(Final::Error)], "{torn}");
    }
}

#[test]
fn late_result_after_echo_does_not_end_a_query() {
    for late in ["OK", "ERROR", "+CME ERROR: 100"] {
        let mut engine = echoing();
        start(&mut engine, "AT+COPS?", Answer::Prefixed("+COPS:"), 0);
        assert_eq!(engine.tick(TIMEOUT_MS), Some(Event::TimedOut));
        start(&mut engine, "AT+CSQ", CSQ, 0);
        let said = std::format!("AT+CSQ\r\r\n{late}\r\n+CSQ: 9,0\r\n\r\nOK\r\n");
        let (events, _) = hear(&mut engine, said.as_bytes());
        assert_eq!(
            events,
            [Event::Information(line("+CSQ: 9,0")), ok()],
            "{late}"
        );
    }
}

#[test]
fn late_result_without_echo_does_not_end_next() {
    for late in ["OK", "ERROR"] {
        let mut engine = Engine::new();
        start(&mut engine, "AT+COPS=0", Answer::Nothing, 0);
        assert_eq!(engine.tick(TIMEOUT_MS), Some(Event::TimedOut));
        start(&mut engine, "AT+CFUN=1", Answer::Nothing, 0);
        let said = std::format!("\r\n{late}\r\n\r\nERROR\r\n");
        let (events, _) = hear(&mut engine, said.as_bytes());
        assert_eq!(events, [Event::Result(Final::Error)], "{late}");
        assert_eq!(engine.counters().stray, 1);
    }
}

#[test]
fn late_name_without_prefix_is_no_answer_to_the_next() {
    let mut engine = echoing();
    start(&mut engine, "AT+CGMI", Answer::Bare("+CGMI:"), 0);
    assert_eq!(engine.tick(TIMEOUT_MS), Some(Event::TimedOut));
    start(&mut engine, "AT+CGMM", Answer::Bare("+CGMM:"), 0);
    let said = b"\r\nZTE\r\n\r\nOK\r\nAT+CGMM\r\r\nMF180\r\n\r\nOK\r\n";
    let (events, _) = hear(&mut engine, said);
    assert_eq!(events, [Event::Information(line("MF180")), ok()]);
}

#[test]
fn error_without_a_command_is_unsolicited() {
    for said in [
        "ERROR",
        "+CME ERROR: 132",
        "+CMS ERROR: 500",
        "COMMAND NOT SUPPORT",
    ] {
        let mut engine = echoing();
        let (events, _) = hear(&mut engine, std::format!("\r\n{said}\r\n").as_bytes());
        assert_eq!(events, [Event::Unsolicited(line(said))]);
        // That of a command that was given up is not.
        start(&mut engine, "AT+COPS?", Answer::Prefixed("+COPS:"), 0);
        assert_eq!(engine.tick(TIMEOUT_MS), Some(Event::TimedOut));
        let (events, _) = hear(&mut engine, std::format!("\r\n{said}\r\n").as_bytes());
        assert_eq!(
            (events, engine.counters().stray),
            (std::vec![], 1),
            "{said}"
        );
    }
}

#[test]
fn end_of_a_call_that_was_left_does_not_end_the_next() {
    let mut engine = Engine::new();
    start(&mut engine, "ATD*99#", Answer::Call, 0);
    hear(&mut engine, b"CONNECT\r\n");
    engine.leave_data();
    start(&mut engine, "ATD*99#", Answer::Call, 0);
    let (events, _) = hear(&mut engine, b"~\r\nNO CARRIER\r\n\r\nCONNECT 9600\r\n");
    assert_eq!(events, [Event::Result(Final::Connect(text("9600")))]);
}
