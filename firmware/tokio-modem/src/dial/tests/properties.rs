//! What holds for any stick.

use proptest::prelude::*;

use super::{
    stick::{Call, Said},
    *,
};
use crate::modem::{PinTries, STANDARD_PIN_TRIES, VENDORS};

/// Anything at any time in the first two minutes.
fn noise() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..40),
        Just(b"\r\nOK\r\n".to_vec()),
        Just(b"\r\nERROR\r\n".to_vec()),
        Just(b"\r\nCONNECT\r".to_vec()),
        Just(b"\r\n+CME ERROR: 11\r\n".to_vec()),
        Just(b"\r\n+CPIN: SIM PIN\r\n".to_vec()),
        Just(b"\r\n+ZUSIMR:2\r\n".to_vec()),
        Just(b"\r\n+CREG: 0,2\r\n".to_vec()),
        Just(std::vec![b'A'; 400]),
    ];
    proptest::collection::vec((0_u64..120_000, piece), 0..60)
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => Just(Call::None),
        1 => Just(Call::UntilEscape),
        1 => Just(Call::UntilTerminate),
        1 => Just(Call::UntilDtr),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The runner bounds time and calls, and looks for the PIN.
    #[test]
    fn any_bytes_at_any_time_end_somehow(
        noise in noise(),
        call in call(),
        echo in any::<bool>(),
        locked in any::<bool>(),
        dies_after in proptest::option::of(0_usize..16),
    ) {
        let mut stick = if locked { Stick::locked() } else { Stick::new() };
        stick.echo = echo;
        stick.call = call;
        stick.dies_after = dies_after;
        for (at, bytes) in &noise {
            stick.say(*at, bytes);
        }
        let outcome = dial(&mut stick);
        prop_assert!(stick.count("AT+CPIN=") <= 1);
        prop_assert!(outcome.took_ms <= LONGEST_DIALOGUE_MS, "{} ms", outcome.took_ms);
    }

    /// Any stick: each command is answered with anything, each time another.
    #[test]
    fn any_answers_end_in_time_and_spare_the_pin(
        answers in proptest::collection::vec(answer(), 1..120),
        vendor in 0..VENDORS.len() + 1,
        allowed in any::<bool>(),
        pin in any::<bool>(),
        dial_ms in 1_000_u64..90_000,
        echo in any::<bool>(),
    ) {
        let profile = VENDORS.get(vendor).unwrap_or(&GENERIC);
        let mut settings = settings(pin.then_some(PIN));
        settings.allow_pin_without_counter(allowed);
        settings.dial_within(dial_ms);
        let mut stick = Stick::new().with_answers(answers);
        stick.echo = echo;
        let outcome = dial_with(profile, settings, &mut stick);
        let longest = BEFORE_DIAL_MS + 25_000 + dial_ms + 6_000;
        prop_assert!(outcome.took_ms <= longest, "{} ms", outcome.took_ms);
        let sent = stick.count("AT+CPIN=");
        prop_assert!(sent <= usize::from(pin));
        if sent == 1 {
            let counts = counts_before_pin(&stick);
            prop_assert!(counts.iter().all(|left| *left >= 2), "{counts:?} left");
            prop_assert!(allowed || !counts.is_empty(), "the tries left are not known");
        }
    }
}

/// The dialogue's bound with a minute for the dial.
const LONGEST_DIALOGUE_MS: u64 = BEFORE_DIAL_MS + 25_000 + 60_000 + 6_000;

/// Tries left as the stick counts them, in answer to a question for them, before the PIN went out.
fn counts_before_pin(stick: &Stick) -> Vec<u8> {
    let before = stick
        .said
        .iter()
        .take_while(|(command, _)| !command.starts_with("AT+CPIN="));
    let questions = |command: &str| {
        let known = VENDORS.iter().filter_map(|profile| profile.pin_tries);
        known
            .chain(STANDARD_PIN_TRIES)
            .any(|question| question.command == command)
    };
    before
        .filter(|(command, _)| questions(command))
        .flat_map(|(_, said)| said.lines())
        .filter_map(|line| PinTries::parse(line).ok())
        .map(|tries| tries.pin)
        .collect()
}

/// An answer to whatever is asked: with the right name and any value, with another name, without a
/// result, none at all.
fn answer() -> impl Strategy<Value = Said> {
    let words = prop_oneof![
        Just("OK"),
        Just("ERROR"),
        Just("COMMAND NOT SUPPORT"),
        Just("NO CARRIER"),
        Just("CONNECT"),
        Just("+CME ERROR: 3"),
        Just("+CME ERROR: 10"),
        Just("+CME ERROR: 11"),
        Just("+CME ERROR: 12"),
        Just("+CME ERROR: 14"),
        Just("+CME ERROR: 16"),
        Just("+CME ERROR: 515"),
        Just("+CME ERROR: SIM_NOT_INSERTED"),
    ];
    let sim = prop_oneof![
        Just("SIM PIN"),
        Just("READY"),
        Just("NOT READY"),
        Just("SIM PUK"),
        Just("PH-NET PIN"),
        Just("WHAT"),
    ];
    let value = prop_oneof![
        4 => (0_u8..4).prop_map(|left| format!("{left},{left},{left},{left}")),
        2 => (0_u8..4).prop_map(|left| format!("\"SC\",{left},{left},{left},{left}")),
        2 => (0_u8..4).prop_map(|left| format!("SIM PIN,{left},{left},{left},{left}")),
        1 => (0_u8..16).prop_map(|left| format!("4,\"63C{left:X}\"")),
        1 => Just("255,255,255,255".into()),
        1 => "[ -~]{0,20}",
    ];
    let end = prop_oneof![
        6 => Just("\r\n\r\nOK"),
        1 => Just(""),
        1 => Just("\r\n\r\nERROR"),
        1 => Just("\r\n\r\n+CME ERROR: 14"),
    ];
    prop_oneof![
        3 => words.prop_map(|words| Said::Result(words.into())),
        1 => Just(Said::Result(String::new())),
        6 => (sim, value, end).prop_map(|(sim, value, end)| Said::Answer {
            sim: sim.into(),
            value,
            end,
        }),
    ]
}
