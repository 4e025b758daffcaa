//! The parsers of answers take any line.

use proptest::prelude::*;
use tokio_modem::{
    at::Fault,
    modem::{
        CmeError, Operator, PROFILES, PinTries, Registration, Service, Signal, SimState, identity,
        imei, imsi,
    },
};

/// Lines from nearly right to garbage.
fn line() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("+CSQ"),
        Just("+CREG"),
        Just("+CGREG"),
        Just("+COPS"),
        Just("+ZPAS"),
        Just("+CPIN"),
        Just("+ZPINPUK"),
        Just("+CGMM"),
        Just("+CGSN"),
        Just("+CIMI"),
        Just(""),
    ];
    let field = prop_oneof![
        "[0-9]{0,6}",
        "\"[^\"]{0,60}\"?",
        "[A-F0-9]{4}",
        "READY|SIM PIN|SIM PUK",
        "\\PC{0,80}",
    ];
    prop_oneof![
        3 => (name, "[: ]{0,3}", proptest::collection::vec(field, 0..6))
            .prop_map(|(name, gap, fields)| format!("{name}{gap}{}", fields.join(","))),
        1 => any::<String>(),
    ]
}

/// An error that shows neither place nor form helps nobody.
fn shown<T, E: std::fmt::Display>(result: Result<T, E>) {
    if let Err(error) = result {
        let shown = error.to_string();
        assert!(
            shown.starts_with("expected ") && shown.contains(", got \""),
            "{shown}"
        );
        assert!(shown.len() < 160, "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_line_is_a_value_or_an_error_that_shows_it(line in line()) {
        if let Ok(signal) = Signal::parse(&line) {
            prop_assert!(signal.dbm().is_none_or(|dbm| (-113..=-51).contains(&dbm)));
        }
        shown(Signal::parse(&line));
        shown(Registration::parse(&line));
        shown(Operator::parse(&line));
        shown(Service::parse(&line));
        shown(SimState::parse(&line));
        shown(PinTries::parse(&line));
        shown(identity(&line));
        shown(imei(&line));
        shown(imsi(&line));
        if let Some(tokio_modem::at::Final::Cme(fault)) = tokio_modem::at::Final::parse(&line) {
            prop_assert!(!CmeError::from(&fault).to_string().is_empty());
        }
    }

    #[test]
    fn any_cme_words_mean_something(words in "\\PC{0,60}") {
        let fault = Fault::Text(tokio_modem::at::text(&words));
        let _ = CmeError::from(&fault).to_string();
    }

    #[test]
    fn a_number_only_becomes_the_state_it_stands_for(state in 0_u8..=255, urc in any::<bool>()) {
        let line = if urc { format!("+CREG: {state}") } else { format!("+CREG: 2,{state}") };
        // Three digits are no state: they read as a location.
        if state < 100 || urc {
            let parsed = Registration::parse(&line).unwrap();
            prop_assert_eq!(parsed.is_registered(), state == 1 || state == 5);
        }
    }
}

#[test]
fn every_stick_has_commands_that_can_be_sent() {
    for profile in PROFILES {
        let commands = profile.init.iter().copied().chain(profile.pin_tries);
        for command in commands.chain(profile.quieting.as_ref().map(|quieting| quieting.command)) {
            assert!(command.starts_with("AT") && command.len() <= tokio_modem::at::COMMAND_MAX);
            assert!(
                command.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{command}"
            );
        }
    }
}
