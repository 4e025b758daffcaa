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
    fn every_line_is_an_event_or_counted(lines in proptest::collection::vec("[ -~]{1,200}", 0..20)) {
        let mut engine = Engine::new();
        let said = lines.join("\r\n") + "\r\n";
        let (events, rest) = hear(&mut engine, said.as_bytes());
        prop_assert_eq!(rest, b"");
        let counted = usize::try_from(engine.counters().total()).unwrap();
        let lines = lines.iter().filter(|line| !line.trim().is_empty()).count();
        prop_assert_eq!(events.len() + counted, lines);
    }

    #[test]
    fn no_part_of_an_echo_brings_the_secret_out(
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

/// The bound on memory is the type: nothing in it points to a heap.
#[test]
fn the_engine_is_small() {
    assert!(size_of::<Engine>() < LINE_MAX + 2 * COMMAND_MAX + TEXT_MAX + 160);
    assert!(size_of::<Event>() < LINE_MAX + 32);
}
