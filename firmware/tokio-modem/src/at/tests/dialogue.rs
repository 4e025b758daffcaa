//! Echo, answers, results, chatter, time.

use super::*;

const CSQ: Answer = Answer::Prefixed("+CSQ:");

#[test]
fn with_and_without_echo_the_events_are_the_same() {
    let answer = "\r\n+CSQ: 17,99\r\n\r\nOK\r\n";
    let expected = [
        Event::Information(line("+CSQ: 17,99")),
        Event::Result(Final::Ok),
    ];
    assert_eq!(ask("AT+CSQ", CSQ, answer), expected);
    assert_eq!(ask("AT+CSQ", CSQ, &["AT+CSQ\r", answer].concat()), expected);
    assert_eq!(
        ask("AT+CSQ", CSQ, &["AT+CSQ\r\r\n", answer].concat()),
        expected
    );
}

#[test]
fn every_final_result_ends_its_command() {
    for (said, result) in [
        ("OK", Final::Ok),
        ("ERROR", Final::Error),
        ("+CME ERROR: 10", Final::Cme(Fault::Code(10))),
        (
            "+CME ERROR: SIM not inserted",
            Final::Cme(Fault::Text(text("SIM not inserted"))),
        ),
        ("+CME ERROR: 70000", Final::Cme(Fault::Text(text("70000")))),
        ("+CMS ERROR:310", Final::Cms(Fault::Code(310))),
        ("COMMAND NOT SUPPORT", Final::NotSupported),
    ] {
        let mut engine = Engine::new();
        start(&mut engine, "AT", Answer::Nothing, 0);
        let (events, _) = hear(&mut engine, std::format!("\r\n{said}\r\n").as_bytes());
        assert_eq!(events, [Event::Result(result)], "{said}");
        assert!(!engine.is_busy() && engine.deadline().is_none(), "{said}");
    }
}

#[test]
fn a_call_that_fails_says_why() {
    for (said, result) in [
        ("NO CARRIER", Final::NoCarrier),
        ("BUSY", Final::Busy),
        ("NO ANSWER", Final::NoAnswer),
        ("NO DIALTONE", Final::NoDialtone),
        ("NO DIAL TONE", Final::NoDialtone),
        ("ERROR", Final::Error),
    ] {
        let events = ask("ATD*99#", Answer::Call, &std::format!("\r\n{said}\r\n"));
        assert_eq!(events, [Event::Result(result)], "{said}");
    }
}

#[test]
fn results_show_as_they_were_said() {
    for said in [
        "OK",
        "ERROR",
        "+CME ERROR: 10",
        "+CMS ERROR: busy",
        "COMMAND NOT SUPPORT",
        "CONNECT",
        "CONNECT 7200000",
        "NO CARRIER",
        "BUSY",
        "NO ANSWER",
        "NO DIALTONE",
    ] {
        assert_eq!(std::format!("{}", Final::parse(said).unwrap()), said);
    }
    for said in ["", "OKAY", "ok", "CONNECTED", "CARRIER", "+CME ERROR"] {
        assert_eq!(Final::parse(said), None, "{said}");
    }
}

#[test]
fn unsolicited_lines_are_recognised() {
    let said = "AT+CSQ\r\r\n+ZUSIMR:2\r\n\r\nRING\r\n\r\n^MODE: 5\r\n\r\n+CSQ: 3,99\r\n\
                \r\nNO CARRIER\r\n\r\nOK\r\n";
    assert_eq!(
        ask("AT+CSQ", CSQ, said),
        [
            Event::Unsolicited(line("+ZUSIMR:2")),
            Event::Unsolicited(line("RING")),
            Event::Unsolicited(line("^MODE: 5")),
            Event::Information(line("+CSQ: 3,99")),
            Event::Unsolicited(line("NO CARRIER")),
            Event::Result(Final::Ok),
        ]
    );
}

#[test]
fn a_bare_answer_comes_with_or_without_its_name() {
    let model = Answer::Bare("+CGMM:");
    for said in ["MF180", "+CGMM: \"MF180\""] {
        let events = ask(
            "AT+CGMM",
            model,
            &std::format!("AT+CGMM\r\r\n{said}\r\n\r\nOK\r\n"),
        );
        let expected = [Event::Information(line(said)), Event::Result(Final::Ok)];
        assert_eq!(events, expected);
    }
    let chatter = ask("AT+CGMM", model, "+ZUSIMR:2\r\n");
    assert_eq!(chatter, [Event::Unsolicited(line("+ZUSIMR:2"))]);
}

#[test]
fn connect_enters_data_mode_and_keeps_the_rest() {
    for (said, rate, rest) in [
        (
            &b"ATD*99#\r\r\nCONNECT 7200000\r\n~\xff}#"[..],
            "7200000",
            &b"~\xff}#"[..],
        ),
        (b"\r\nCONNECT\r\n", "", b""),
        (b"\r\nCONNECT\r~\xff", "", b"~\xff"),
        (b"\nCONNECT 9600\n\nOK\r\n", "9600", b"\nOK\r\n"),
    ] {
        let mut engine = Engine::new();
        start(&mut engine, "ATD*99#", Answer::Call, 0);
        let (events, left) = hear(&mut engine, said);
        assert_eq!(events, [Event::Result(Final::Connect(text(rate)))]);
        assert_eq!(left, rest);
        assert!(engine.is_data() && !engine.is_busy());
        let command = Command {
            text: "AT",
            answer: Answer::Nothing,
            timeout_ms: 1,
        };
        assert_eq!(engine.start(&command, 0).unwrap_err(), StartError::Data);
        assert_eq!(engine.tick(u64::MAX), None, "a call has no time limit");
    }
}

#[test]
fn connect_without_line_feed_counts_at_timeout() {
    let mut engine = Engine::new();
    start(&mut engine, "ATD*99#", Answer::Call, 0);
    assert_eq!(hear(&mut engine, b"CONNECT\r").0, []);
    assert_eq!(engine.tick(TIMEOUT_MS - 1), None);
    let event = engine.tick(TIMEOUT_MS);
    assert_eq!(event, Some(Event::Result(Final::Connect(text("")))));
    assert!(engine.is_data());
}

#[test]
fn after_a_call_the_rest_of_a_frame_is_no_line() {
    let mut engine = Engine::new();
    start(&mut engine, "ATD*99#", Answer::Call, 0);
    hear(&mut engine, b"CONNECT\r\n");
    engine.leave_data();
    start(&mut engine, "AT", Answer::Nothing, 0);
    let (events, _) = hear(&mut engine, b"half a frame OK\r\nOK\r\n");
    assert_eq!(events, [Event::Result(Final::Ok)]);
    assert_eq!(engine.counters().noisy, 1);
}

#[test]
fn connect_is_not_for_other_commands() {
    let mut engine = Engine::new();
    start(&mut engine, "AT", Answer::Nothing, 0);
    assert_eq!(
        hear(&mut engine, b"CONNECT 9600\r\nOK\r\n").0,
        [Event::Result(Final::Ok)]
    );
    assert!(!engine.is_data());
    assert_eq!(engine.counters().stray, 1);
}

#[test]
fn silence_gives_the_command_up_in_time() {
    let mut engine = Engine::new();
    start(&mut engine, "AT", Answer::Nothing, 500);
    assert_eq!(engine.deadline(), Some(500 + TIMEOUT_MS));
    assert_eq!(engine.tick(499 + TIMEOUT_MS), None);
    assert_eq!(engine.tick(500 + TIMEOUT_MS), Some(Event::TimedOut));
    assert_eq!((engine.tick(u64::MAX), engine.is_busy()), (None, false));
}

#[test]
fn a_late_result_does_not_pass_for_the_next_ones() {
    let mut engine = Engine::new();
    start(&mut engine, "AT+COPS?", Answer::Prefixed("+COPS:"), 0);
    assert_eq!(hear(&mut engine, b"AT+COPS?\r").0, []);
    assert_eq!(engine.tick(TIMEOUT_MS), Some(Event::TimedOut));
    // After the next command went out, before it was echoed.
    start(&mut engine, "AT+CSQ", CSQ, TIMEOUT_MS);
    assert_eq!(hear(&mut engine, b"\r\nERROR\r\n").0, []);
    let (events, _) = hear(&mut engine, b"AT+CSQ\r\r\n+CSQ: 9,0\r\n\r\nOK\r\n");
    assert_eq!(engine.counters().stray, 1);
    let expected = [
        Event::Information(line("+CSQ: 9,0")),
        Event::Result(Final::Ok),
    ];
    assert_eq!(events, expected);
}

#[test]
fn once_caught_up_a_result_needs_no_echo() {
    let mut engine = Engine::new();
    start(&mut engine, "AT", Answer::Nothing, 0);
    assert_eq!(hear(&mut engine, b"AT\r").0, []);
    assert_eq!(engine.tick(TIMEOUT_MS), Some(Event::TimedOut));
    for said in ["ATE0\r\r\nOK\r\n", "\r\nOK\r\n"] {
        start(&mut engine, "ATE0", Answer::Nothing, 0);
        let (events, _) = hear(&mut engine, said.as_bytes());
        assert_eq!(events, [Event::Result(Final::Ok)]);
    }
}

#[test]
fn a_result_without_a_command_is_counted() {
    let mut engine = Engine::new();
    assert_eq!(hear(&mut engine, b"OK\r\nCONNECT\r\nwhat\r\n").0, []);
    let counters = engine.counters();
    assert_eq!(
        (counters.stray, counters.unmatched, counters.total()),
        (2, 1, 3)
    );
}

#[test]
fn noise_and_length_cost_a_counter_each() {
    let mut engine = Engine::new();
    start(&mut engine, "AT", Answer::Nothing, 0);
    let mut said = std::vec![b'x'; 100_000];
    said.extend_from_slice(b"\r\n\xff\x00OK\r\nOK\x07\r\nCSQ: 1\x7f\r\n");
    said.extend_from_slice(&[b'+'; LINE_MAX + 1]);
    said.extend_from_slice(b"\r\nOK\r\n");
    assert_eq!(hear(&mut engine, &said).0, [Event::Result(Final::Ok)]);
    let counters = *engine.counters();
    assert_eq!((counters.overlong, counters.noisy), (2, 3));
    assert_eq!((counters.stray, counters.unmatched), (0, 0));
}

#[test]
fn the_longest_line_is_kept() {
    let long = std::format!("+CSQ:{}", "7".repeat(LINE_MAX - 5));
    let events = ask("AT+CSQ", CSQ, &std::format!("{long}\r\n"));
    assert_eq!(events, [Event::Information(line(&long))]);
}

#[test]
fn a_command_that_cannot_be_sent_changes_nothing() {
    let mut engine = Engine::new();
    let long = "A".repeat(COMMAND_MAX + 1);
    for (text, error) in [
        (long.as_str(), StartError::TooLong),
        ("AT\rATH", StartError::NotPrintable),
        ("AT\x1a", StartError::NotPrintable),
        ("AT+CPBF=\"ä\"", StartError::NotPrintable),
    ] {
        let command = Command {
            text,
            answer: Answer::Nothing,
            timeout_ms: 1,
        };
        assert_eq!(engine.start(&command, 0).unwrap_err(), error, "{text}");
        assert!(!engine.is_busy());
    }
    start(&mut engine, "AT", Answer::Nothing, 0);
    let command = Command {
        text: "ATH",
        answer: Answer::Nothing,
        timeout_ms: 1,
    };
    assert_eq!(engine.start(&command, 0).unwrap_err(), StartError::Busy);
    assert_eq!(
        hear(&mut engine, b"AT\rOK\r\n").0,
        [Event::Result(Final::Ok)]
    );
    start(&mut engine, &"A".repeat(COMMAND_MAX), Answer::Nothing, 0);
}

#[test]
fn a_long_text_is_cut_with_dots() {
    assert_eq!(text(&"a".repeat(TEXT_MAX)), "a".repeat(TEXT_MAX).as_str());
    let cut = text(&"ä".repeat(TEXT_MAX));
    assert!(cut.ends_with("ä...") && cut.len() <= TEXT_MAX, "{cut}");
}

#[test]
fn answer_within_a_urc_flood_is_found() {
    let flood = "\r\n+ZUSIMR:2\r\n".repeat(5_000);
    let said = std::format!("{flood}AT+CSQ\r{flood}\r\n+CSQ: 3,99\r\n{flood}\r\nOK\r\n{flood}");
    let events = ask("AT+CSQ", CSQ, &said);
    assert_eq!(events.len(), 20_002);
    let asked: Vec<_> = events
        .into_iter()
        .filter(|event| !matches!(event, Event::Unsolicited(_)))
        .collect();
    let expected = [
        Event::Information(line("+CSQ: 3,99")),
        Event::Result(Final::Ok),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn unsolicited_lines_of_all_makers_are_told_apart() {
    for said in [
        "RING",
        "+CRING: GPRS \"IP\"",
        "+CREG: 1,\"1A2B\",\"00C3\"",
        "+CMTI: \"SM\",3",
        "+ZUSIMR:2",
        "+ZDONR: \"Carrier\",250,2,\"CS_PS\",\"ROAM_OFF\"",
        "+ZPASR: \"UMTS\"",
        "+ZPSTM: 0,0",
        "+ZEND",
        "^RSSI:19",
        "^MODE:5,4",
        "^BOOT:1234567,0,0,0,75",
        "^DSFLOWRPT:00000001,00000000,00000000",
    ] {
        let events = ask("AT+CSQ", CSQ, &std::format!("\r\n{said}\r\n\r\nOK\r\n"));
        let unsolicited = Event::Unsolicited(line(said));
        assert_eq!(events, [unsolicited, Event::Result(Final::Ok)], "{said}");
    }
}

#[test]
fn echo_without_its_start_is_not_unsolicited() {
    let mut engine = Engine::new();
    start(&mut engine, "AT+CSQ", CSQ, 0);
    assert_eq!(hear(&mut engine, b"+CSQ\r\r\n").0, []);
    assert_eq!(engine.counters().unmatched, 1);
}

#[test]
fn a_call_is_left_and_taken_up_again() {
    let mut engine = Engine::new();
    start(&mut engine, "ATD*99#", Answer::Call, 0);
    hear(&mut engine, b"ATD*99#\r\r\nCONNECT 7200000\r\n");
    for _ in 0..2 {
        // The stick was told `+++`, and a frame was on its way.
        let (events, frame) = hear(&mut engine, b"~\xff}#\xc0!");
        assert_eq!((events, frame), (std::vec![], &b"~\xff}#\xc0!"[..]));
        engine.leave_data();
        assert_eq!(
            hear(&mut engine, b"}&~\r\nOK\r\n").0,
            [],
            "the OK of an escape is nobody's"
        );
        start(&mut engine, "AT+CSQ", CSQ, 0);
        let (events, _) = hear(&mut engine, b"AT+CSQ\r\r\n+CSQ: 3,99\r\n\r\nOK\r\n");
        assert_eq!(events.len(), 2);
        start(&mut engine, "ATO", Answer::Call, 0);
        let (events, _) = hear(&mut engine, b"ATO\r\r\nCONNECT\r\n");
        assert_eq!(events, [Event::Result(Final::Connect(text("")))]);
        assert!(engine.is_data());
    }
    engine.leave_data();
    // The carrier was lost: news, for no call is being set up.
    let (events, _) = hear(&mut engine, b"\xc0!~\r\nNO CARRIER\r\n");
    assert_eq!(events, [Event::Unsolicited(line("NO CARRIER"))]);
}

#[test]
fn garbage_costs_the_characters_it_is_in() {
    let said = b"\x00\x91\xfe\x55AT+C\xffSQ\r\r\n+CSQ: 3\x80,99\r\n\r\n+CSQ: 4,99\r\n\r\nO\x07K\r\n\r\nOK\r\n";
    let mut engine = Engine::new();
    start(&mut engine, "AT+CSQ", CSQ, 0);
    let (events, _) = hear(&mut engine, said);
    let expected = [
        Event::Information(line("+CSQ: 3\u{fffd},99")),
        Event::Information(line("+CSQ: 4,99")),
        Event::Result(Final::Ok),
    ];
    assert_eq!(events, expected);
    assert_eq!(engine.counters().noisy, 2);
}

#[test]
fn messages_as_text_have_any_lines() {
    let said = "AT+CMGL=\"ALL\"\r\r\nstray\r\n+CMGL: 1,\"REC READ\",\"+316\",,\r\nATTENTION: 1 = 2\r\n\
                a line\r\n+CMTI: \"SM\",3\r\n+CMGL: 2,\"REC READ\",\"+316\",,\r\nmore\r\n\r\nOK\r\n";
    let events = ask("AT+CMGL=\"ALL\"", Answer::Text("+CMGL:"), said);
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Information(line) => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            "+CMGL: 1,\"REC READ\",\"+316\",,",
            "ATTENTION: 1 = 2",
            "a line",
            "+CMGL: 2,\"REC READ\",\"+316\",,",
            "more",
        ]
    );
    assert!(events.contains(&Event::Unsolicited(line("+CMTI: \"SM\",3"))));
    assert_eq!(events.last(), Some(&Event::Result(Final::Ok)));
}

#[test]
fn a_ussd_text_goes_on_to_its_quote() {
    let mut engine = Engine::new();
    let (events, _) = hear(
        &mut engine,
        b"\r\n+CUSD: 1,\"Balance\r\n\r\n12.50\n1 more\",15\r\nRING\r\n",
    );
    assert_eq!(
        events,
        [
            Event::Unsolicited(line("+CUSD: 1,\"Balance\n12.50\n1 more\",15")),
            Event::Unsolicited(line("RING")),
        ]
    );
    // One that never ends costs as much as the longest line, and the line after it.
    let endless = std::format!("+CUSD: 1,\"{}", "word\r\n".repeat(LINE_MAX));
    assert_eq!(hear(&mut engine, endless.as_bytes()).0, []);
    assert_eq!(engine.counters().overlong, 1);
    start(&mut engine, "AT", Answer::Nothing, 0);
    assert_eq!(
        hear(&mut engine, b"AT\r\r\nOK\r\n").0,
        [Event::Result(Final::Ok)]
    );
}

#[test]
fn the_longest_ussd_text_is_kept() {
    let digits = "0431".repeat(182);
    let long = std::format!("+CUSD: 0,\"{digits}\",72");
    let (events, _) = hear(
        &mut Engine::new(),
        std::format!("\r\n{long}\r\n").as_bytes(),
    );
    assert_eq!(events, [Event::Unsolicited(line(&long))]);
}
