//! What holds for any bytes.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "40718263";

/// Bytes as sticks send them, broken in every way.
fn speech() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"OK\r\n".to_vec()),
        Just(b"AT+CSQ\r".to_vec()),
        Just(b"+CSQ: 17,99\r\n".to_vec()),
        Just(b"+ZUSIMR:2\r\n".to_vec()),
        Just(b"+CME ERROR: SIM busy\r\n".to_vec()),
        Just(b"+CUSD: 0,\"a\r\nb\",15\r\n".to_vec()),
        Just(b"+CUSD: 0,\"".to_vec()),
        Just(b"+COPS: 0,0,\"Telef\xf3nica\r\r\n\",7\r\n".to_vec()),
        Just(b"\"\r\n".to_vec()),
        Just(b"CONNECT 7200000\r\n".to_vec()),
        Just(b"CONNECT\r".to_vec()),
        Just(b"NO CARRIER\r\n".to_vec()),
        Just(std::vec![b'+'; LINE_MAX]),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Hears `bytes` cut at `cuts`; commands start as soon as the last is finished.
fn events(bytes: &[u8], cuts: &[usize]) -> (Vec<Event>, Vec<u8>, Counters) {
    let mut engine = Engine::new();
    let (mut all, mut data) = (Vec::new(), Vec::new());
    let mut answers = [
        Answer::Prefixed("+CSQ:"),
        Answer::Call,
        Answer::Bare("+CGMM:"),
        Answer::Text("+CSQ:"),
    ]
    .into_iter()
    .cycle();
    let mut rest = bytes;
    for cut in cuts.iter().copied().chain([usize::MAX]) {
        let (mut piece, behind) = rest.split_at(cut.min(rest.len()));
        rest = behind;
        loop {
            if !engine.is_busy() && !engine.is_data() {
                start(&mut engine, "AT+CSQ", answers.next().unwrap(), 0);
            }
            match engine.receive(&mut piece) {
                Some(event) => all.push(event),
                None => break,
            }
        }
        data.extend_from_slice(piece);
    }
    (all, data, *engine.counters())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_split_gives_the_same_events(
        bytes in speech(),
        cuts in proptest::collection::vec(0_usize..40, 0..40),
    ) {
        let whole = events(&bytes, &[]);
        prop_assert_eq!(&events(&bytes, &cuts), &whole);
        prop_assert_eq!(&events(&bytes, &std::vec![1; bytes.len()]), &whole);
    }

    #[test]
    // Quotes aside, which join lines.
    fn every_line_is_an_event_or_counted(lines in proptest::collection::vec("[ !#-~]{1,200}", 0..20)) {
        let mut engine = Engine::new();
        let said = lines.join("\r\n") + "\r\n";
        let (events, rest) = hear(&mut engine, said.as_bytes());
        prop_assert_eq!(rest, b"");
        let counted = usize::try_from(engine.counters().total()).unwrap();
        let lines = lines.iter().filter(|line| !line.trim().is_empty()).count();
        prop_assert_eq!(events.len() + counted, lines);
    }

    #[test]
    fn no_part_of_an_echo_leaks_the_secret(
        from in 0_usize..20,
        to in 0_usize..20,
        chatter in prop_oneof![
            Just("\r\n"), Just("\r\n+ZUSIMR:2\r\n"), Just("+ZUSIMR:2"), Just("\r\n+ZUSIMR:2"),
            Just("+CME ERROR: "), Just("RING"), Just("^"), Just(""),
        ],
        late in any::<bool>(),
    ) {
        let command = std::format!("AT+CPIN=\"{SECRET}\"");
        // As far as the secret itself is whole in what comes.
        let from = from.min("AT+CPIN=\"".len());
        let to = to.max("AT+CPIN=\"".len() + SECRET.len()).min(command.len());
        let mut engine = Engine::new();
        start(&mut engine, &command, Answer::Nothing, 0);
        if late {
            engine.tick(u64::MAX);
            start(&mut engine, "AT+CSQ", Answer::Prefixed("+CSQ:"), 0);
        }
        let said = std::format!("{}{chatter}{}\r\nOK\r\n", &command[..from], &command[from..to]);
        for event in hear(&mut engine, said.as_bytes()).0 {
            prop_assert!(!std::format!("{event:?}").contains(SECRET), "{event:?}");
        }
    }
}

/// Any line of one piece.
fn one_line() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("a line end", |byte| !matches!(byte, b'\r' | b'\n'));
    prop_oneof![
        proptest::collection::vec(byte, 0..40),
        "(\\+CUSD: 1,\"|\\+COPS: 0,0,\"|\\^X:\"|\")[ -~]{0,30}".prop_map(String::into_bytes),
        "[+^%*$_#!]?[A-Z]{1,8}[:= ]?[ -~]{0,20}".prop_map(String::into_bytes),
        Just(std::vec![b'\xe0'; LINE_MAX]),
        Just(
            b"+CUSD: 1,\""
                .iter()
                .copied()
                .chain(std::iter::repeat_n(b'a', LINE_MAX - 11))
                .collect()
        ),
    ]
}

const GOOD: [(&str, Answer, &str); 4] = [
    ("AT+CSQ", Answer::Prefixed("+CSQ:"), "+CSQ: 17,99"),
    ("AT+CGMM", Answer::Bare("+CGMM:"), "MF180"),
    (
        "AT+ZPAS?",
        Answer::AnyOf(&["+ZPAS:", "+BEARTYPE:"]),
        "+BEARTYPE: \"UMTS\"",
    ),
    (
        "AT+ZCDRUN=8",
        Answer::Prefixed("Close autorun state"),
        "Close autorun state result:1",
    ),
];

fn good_answer(engine: &mut Engine, with: usize, echo: bool, before: &[u8]) -> Vec<Event> {
    let (command, answer, said) = GOOD[with];
    start(engine, command, answer, 0);
    let echo = if echo { command } else { "" };
    let said = std::format!("{echo}\r\r\n{said}\r\n\r\nOK\r\n");
    let (mut events, _) = hear(engine, &[before, said.as_bytes()].concat());
    events.retain(|event| !matches!(event, Event::Unsolicited(_)));
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    // Between two answers any line at all may come, whether the stick echoes or not.
    #[test]
    fn any_line_between_answers_leaves_both_whole(
        lines in proptest::collection::vec(one_line(), 0..4),
        end in prop_oneof![Just("\r\n"), Just("\n"), Just("\r"), Just("\r\r\n")],
        first in 0..GOOD.len(),
        second in 0..GOOD.len(),
        echo: bool,
    ) {
        let mut engine = Engine::new();
        for (with, behind) in [(first, lines.as_slice()), (second, &[])] {
            let expected = [Event::Information(line(GOOD[with].2)), Event::Result(Final::Ok)];
            prop_assert_eq!(good_answer(&mut engine, with, echo, b""), expected);
            for line in behind {
                hear(&mut engine, line);
                hear(&mut engine, end.as_bytes());
            }
        }
    }

    // Between a command and its echo any line may come that is no part of that echo and has not the
    // form of that answer.
    #[test]
    fn any_line_before_the_echo_leaves_the_answer_whole(
        lines in proptest::collection::vec(prop_oneof![
            one_line(),
            prop_oneof![Just("OK"), Just("ERROR"), Just("NO CARRIER"), Just("+CME ERROR: 30"), Just("BUSY")]
                .prop_map(|result| result.as_bytes().to_vec()),
        ], 0..4),
        given_up: bool,
    ) {
        let is_own = |line: &Vec<u8>| {
            let text = String::from_utf8_lossy(line);
            text.trim().starts_with("AT") || text.contains("+CSQ") || "AT+CSQ".ends_with(text.trim())
        };
        prop_assume!(!lines.iter().any(is_own));
        let mut engine = Engine::new();
        good_answer(&mut engine, 1, true, b"");
        if given_up {
            start(&mut engine, "AT+COPS?", Answer::Prefixed("+COPS:"), 0);
            prop_assert_eq!(engine.tick(u64::MAX), Some(Event::TimedOut));
        }
        let before: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\r\n"].concat()).collect();
        let expected = [Event::Information(line(GOOD[0].2)), Event::Result(Final::Ok)];
        prop_assert_eq!(good_answer(&mut engine, 0, true, &before), expected);
    }
}

/// The bound on memory is the type: nothing in it points to a heap.
#[test]
fn the_engine_is_small() {
    // Bytes of a line, their characters, and the line before it.
    assert!(size_of::<Engine>() < 3 * LINE_MAX + 2 * COMMAND_MAX + 2 * TEXT_MAX + 320);
    assert!(size_of::<Event>() < LINE_MAX + 32);
}
