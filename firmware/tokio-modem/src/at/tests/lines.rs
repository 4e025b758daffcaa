//! Lines with open quotes, odd bytes and names of any maker.

use super::*;

const CSQ: Answer = Answer::Prefixed("+CSQ:");
const COPS: Answer = Answer::Prefixed("+COPS:");
const OPEN: &[u8] = b"\r\n+CUSD: 2,\"Zostalo 50,04zl do 23:59\r\n";

fn open_line() -> Event {
    Event::Unsolicited(line("+CUSD: 2,\"Zostalo 50,04zl do 23:59"))
}

fn ok() -> Event {
    Event::Result(Final::Ok)
}

fn information(text: &str) -> Event {
    Event::Information(line(text))
}

#[test]
fn open_quote_before_an_answer_costs_no_line() {
    for said in [
        "AT+CSQ\r\r\n+CSQ: 17,99\r\n\r\nOK\r\n",
        "\r\n+CSQ: 17,99\r\n\r\nOK\r\n",
        "\n+CSQ: 17,99\nOK\n",
        "\r+CSQ: 17,99\rOK\r",
    ] {
        let mut engine = Engine::new();
        assert_eq!(hear(&mut engine, OPEN).0, []);
        start(&mut engine, "AT+CSQ", CSQ, 0);
        let (events, _) = hear(&mut engine, said.as_bytes());
        let expected = [open_line(), information("+CSQ: 17,99"), ok()];
        assert_eq!(events, expected, "{said:?}");
    }
}

#[test]
fn open_quote_before_a_bare_answer_costs_no_line() {
    for said in [
        "AT+CGMM\r\r\nMF180\r\n\r\nOK\r\n",
        "\r\nMF180\r\n\r\nOK\r\n",
    ] {
        let mut engine = Engine::new();
        hear(&mut engine, OPEN);
        start(&mut engine, "AT+CGMM", Answer::Bare("+CGMM:"), 0);
        let (events, _) = hear(&mut engine, said.as_bytes());
        assert_eq!(
            events,
            [open_line(), information("MF180"), ok()],
            "{said:?}"
        );
    }
}

#[test]
fn open_quote_within_a_bare_answer_costs_no_line() {
    let said = [&b"AT+CGMM\r"[..], OPEN, b"\r\nMF180\r\n\r\nOK\r\n"].concat();
    let mut engine = Engine::new();
    start(&mut engine, "AT+CGMM", Answer::Bare("+CGMM:"), 0);
    let (events, _) = hear(&mut engine, &said);
    assert_eq!(events, [open_line(), information("MF180"), ok()]);
}

#[test]
fn open_quote_before_each_kind_of_line_ends_there() {
    for next in [
        "RING",
        "BOOT",
        "+CREG: 1",
        "^RSSI:19",
        "%NWSTATE: 1",
        "*EMRDY: 1",
        "$QCSQ: 1",
        "_OSIGQ: 9,0",
        "#STN: 1",
        "!GSTATUS: 1",
        "+CME ERROR: 30",
        "NO CARRIER",
    ] {
        let mut engine = Engine::new();
        hear(&mut engine, OPEN);
        let (events, _) = hear(&mut engine, std::format!("{next}\r\n").as_bytes());
        assert_eq!(
            events,
            [open_line(), Event::Unsolicited(line(next))],
            "{next}"
        );
    }
}

#[test]
fn two_open_quotes_in_a_row_are_two_lines() {
    let mut engine = Engine::new();
    let (events, _) = hear(&mut engine, &[OPEN, OPEN, b"RING\r\n"].concat());
    assert_eq!(
        events,
        [open_line(), open_line(), Event::Unsolicited(line("RING"))]
    );
}

#[test]
fn open_quote_without_a_next_line_ends_in_time() {
    let mut engine = Engine::new();
    hear(&mut engine, OPEN);
    assert_eq!(engine.deadline(), Some(0), "a tick starts its time");
    assert_eq!(engine.tick(1_000), None);
    assert_eq!(engine.deadline(), Some(3_000));
    assert_eq!(engine.tick(2_999), None);
    // A further line has its own time.
    hear(&mut engine, b"more\r\n");
    assert_eq!(engine.tick(4_000), None);
    assert_eq!(engine.deadline(), Some(6_000));
    let whole = line("+CUSD: 2,\"Zostalo 50,04zl do 23:59\nmore");
    assert_eq!(engine.tick(6_000), Some(Event::Unsolicited(whole)));
    assert_eq!((engine.tick(u64::MAX), engine.deadline()), (None, None));
}

#[test]
fn open_quote_of_an_answer_precedes_the_timeout() {
    let mut engine = Engine::new();
    start(&mut engine, "AT+COPS?", COPS, 0);
    hear(&mut engine, b"AT+COPS?\r\r\n+COPS: 0,0,\"Carrier\r\n");
    let answer = information("+COPS: 0,0,\"Carrier");
    assert_eq!(engine.tick(TIMEOUT_MS), Some(answer));
    assert_eq!(engine.tick(TIMEOUT_MS), Some(Event::TimedOut));
}

#[test]
fn line_ends_in_quotes_are_joined_in_any_result() {
    for (said, answer, joined) in [
        (
            &b"+COPS: 0,0,\"Mobile Vikings\r\r\n\",7"[..],
            COPS,
            "+COPS: 0,0,\"Mobile Vikings\n\",7",
        ),
        (
            b"+COPS: 0,0,\"Two\n\rlines\",7",
            COPS,
            "+COPS: 0,0,\"Two\nlines\",7",
        ),
        (
            b"+COPS: 0,0,\"A \"b\r\nc\" d\",7",
            COPS,
            "+COPS: 0,0,\"A \"b\nc\" d\",7",
        ),
        (
            b"^X: \"*100# info\r\n*Tip: 5\r\n+Tel: 1\"",
            Answer::Prefixed("^X:"),
            "^X: \"*100# info\n*Tip: 5\n+Tel: 1\"",
        ),
    ] {
        let mut engine = Engine::new();
        start(&mut engine, "AT", answer, 0);
        let (events, _) = hear(
            &mut engine,
            &[b"AT\r\r\n", said, b"\r\n\r\nOK\r\n"].concat(),
        );
        assert_eq!(events, [information(joined), ok()], "{joined}");
    }
}

#[test]
fn quotes_of_messages_are_not_joined() {
    let said = "AT+CMGL=\"ALL\"\r\r\n+CMGL: 1,\"REC READ\",\"+316\",,\"11\r\nHe said \"no\r\n+CMGL: 2,\"REC\r\nb\r\nOK\r\n";
    let events = ask("AT+CMGL=\"ALL\"", Answer::Text("+CMGL:"), said);
    assert_eq!(events.len(), 5, "{events:?}");
}

#[test]
fn words_within_a_message_stay_in_it() {
    let said = "AT+CMGL=\"ALL\"\r\r\n+CMGL: 1,\"REC READ\",\"+316\",,\r\nSTART\r\n*Tip: 5\r\n*EMRDY: 1\r\nRING\r\nOK\r\n";
    let events = ask("AT+CMGL=\"ALL\"", Answer::Text("+CMGL:"), said);
    let unsolicited = |text| Event::Unsolicited(line(text));
    assert_eq!(
        events,
        [
            information("+CMGL: 1,\"REC READ\",\"+316\",,"),
            information("START"),
            information("*Tip: 5"),
            unsolicited("*EMRDY: 1"),
            unsolicited("RING"),
            ok(),
        ]
    );
}

#[test]
fn line_with_odd_bytes_keeps_its_characters() {
    for (said, answer, text) in [
        (
            &b"+COPS: 0,0,\"Telef\xf3nica\",2"[..],
            COPS,
            "+COPS: 0,0,\"Telefónica\",2",
        ),
        (
            "+COPS: 0,0,\"Телеком\",2".as_bytes(),
            COPS,
            "+COPS: 0,0,\"Телеком\",2",
        ),
        (b"\0\0+CSQ: 17,99\0", CSQ, "+CSQ: 17,99"),
        (b"+CSQ: 17,99\xa0", CSQ, "+CSQ: 17,99"),
        (b"+CSQ: 17,\x11", CSQ, "+CSQ: 17,\u{fffd}"),
    ] {
        let mut engine = Engine::new();
        start(&mut engine, "AT", answer, 0);
        let (events, _) = hear(
            &mut engine,
            &[b"AT\r\r\n", said, b"\r\n\0\r\nOK\0\r\n"].concat(),
        );
        assert_eq!(events, [information(text), ok()], "{text}");
        assert_eq!(engine.counters().total(), 0);
    }
}

#[test]
fn line_too_long_once_decoded_costs_a_counter() {
    let mut engine = Engine::new();
    start(&mut engine, "AT+CSQ", CSQ, 0);
    let long = [
        b"+CSQ: ",
        &[0xe0; LINE_MAX - 6][..],
        b"\r\n+CSQ: 1\r\nOK\r\n",
    ]
    .concat();
    assert_eq!(hear(&mut engine, &long).0, [information("+CSQ: 1"), ok()]);
    assert_eq!(engine.counters().overlong, 1);
}

#[test]
fn unsolicited_line_of_any_maker_is_no_bare_answer() {
    for said in [
        "BOOT",
        "RDY",
        "Call Ready",
        "*EMRDY: 1",
        "#STN: 1",
        "$GPGGA,1",
        "%CTZV: 1",
        "\u{91}\u{fe}",
    ] {
        let said = std::format!("AT+CGMM\r\r\n{said}\r\n\r\nMF180\r\n\r\nOK\r\n");
        let mut events = ask("AT+CGMM", Answer::Bare("+CGMM:"), &said);
        events.retain(|event| !matches!(event, Event::Unsolicited(_)));
        assert_eq!(events, [information("MF180"), ok()], "{said:?}");
    }
}

#[test]
fn answer_under_another_name_belongs_to_the_command() {
    let answer = Answer::AnyOf(&["+ZPAS:", "+BEARTYPE:"]);
    for said in ["+ZPAS: \"UMTS\"", "+BEARTYPE: \"UMTS\""] {
        let events = ask("AT+ZPAS?", answer, &std::format!("{said}\r\nOK\r\n"));
        assert_eq!(events, [information(said), ok()]);
    }
}
