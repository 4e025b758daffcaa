//! The parsers of answers take any line.

use proptest::prelude::*;
use tokio_modem::{
    at::{Answer, COMMAND_MAX, Fault},
    modem::{
        Attachment, Autorun, AutorunOff, AutorunOn, C5greg, CallEnd, Cereg, Cgreg, CmeError,
        Context, Creg, Function, GENERIC, Iccid, Imei, Imsi, Listing, Manufacturer, MessageForm,
        Model, NetworkMode, Operator, PROFILES, PinTries, Query, RadioSignal, Registration,
        Revision, Service, Signal, SimState, Storage, SystemInfo, Ussd, identity, imei, imsi,
    },
};

/// Calls a macro with every type that can be asked for.
macro_rules! every_query {
    ($each:ident) => {
        $each!(
            Attachment,
            Autorun,
            AutorunOff,
            AutorunOn,
            C5greg,
            CallEnd,
            Cereg,
            Cgreg,
            Context,
            Creg,
            Function,
            Iccid,
            Imei,
            Imsi,
            Manufacturer,
            Model,
            NetworkMode,
            Option<Operator>,
            PinTries,
            RadioSignal,
            Revision,
            Service,
            Signal,
            SimState,
            Storage,
            SystemInfo
        )
    };
}

/// Lines from nearly right to garbage.
fn line() -> impl Strategy<Value = String> {
    let name = proptest::sample::select(vec![
        "+CSQ",
        "+CREG",
        "+CGREG",
        "+CEREG",
        "+C5GREG",
        "+BEARTYPE",
        "+COPS",
        "+ZPAS",
        "+CPIN",
        "+ZPINPUK",
        "^CPIN",
        "+QPINC",
        "+CPINC",
        "+CGMM",
        "+CGSN",
        "+CIMI",
        "+CCID",
        "+CGDCONT",
        "+CGATT",
        "+CFUN",
        "+CPMS",
        "+CEER",
        "+ZRSSI",
        "+ZSNT",
        "^SYSINFO",
        "+CUSD",
        "+CMGL",
        "+CMGR",
        "Close autorun state result(0:FAIL 1:SUCCESS)",
        "",
    ]);
    let field = prop_oneof![
        "[0-9]{0,6}",
        "\"[^\"]{0,60}\"?",
        "([A-F0-9]{4}){1,20}",
        "READY|SIM PIN|SIM PUK|REC READ",
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
        macro_rules! each {
            ($($type:ty),+) => { $(shown(<$type as Query>::parse(&line));)+ };
        }
        every_query!(each);
        shown(Registration::parse(&line));
        shown(Ussd::parse(&line));
        shown(identity(&line));
        shown(imei(&line));
        shown(imsi(&line));
        if let Some(tokio_modem::at::Final::Cme(fault)) = tokio_modem::at::Final::parse(&line) {
            prop_assert!(!CmeError::from(&fault).to_string().is_empty());
        }
    }

    #[test]
    fn any_lines_are_messages_or_errors(lines in proptest::collection::vec(line(), 0..8), pdu in any::<bool>()) {
        let form = if pdu { MessageForm::Pdu } else { MessageForm::Text };
        let mut listing = Listing::new(form);
        for line in &lines {
            if let Err(error) = listing.hear(line) {
                prop_assert!(error.to_string().contains("expected "), "{error}");
            }
        }
        listing.finish();
    }

    #[test]
    fn any_cme_words_mean_something(words in "\\PC{0,60}") {
        let fault = Fault::Text(tokio_modem::at::text(&words));
        let _ = CmeError::from(&fault).to_string();
    }

    #[test]
    fn a_number_only_becomes_the_state_it_stands_for(state in 0_u8..=255, urc in any::<bool>()) {
        let line = if urc { format!("+CREG: {state}") } else { format!("+CREG: 2,{state}") };
        let parsed = Registration::parse(&line).unwrap();
        prop_assert_eq!(parsed.is_registered(), state == 1 || state == 5);
    }
}

fn check(command: &str) {
    assert!(
        command.starts_with("AT") && command.len() <= COMMAND_MAX,
        "{command}"
    );
    assert!(
        command.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{command}"
    );
}

#[test]
fn every_stick_has_commands_that_can_be_sent() {
    for profile in PROFILES.iter().chain([&GENERIC]) {
        profile.init.iter().copied().for_each(check);
        profile
            .urc_suppression
            .iter()
            .for_each(|urc_suppression| check(urc_suppression.command));
        macro_rules! each {
            ($($type:ty),+) => { [$(<$type as Query>::command(profile)),+] };
        }
        for command in every_query!(each).into_iter().flatten() {
            check(command.text);
            assert!(
                (1_000..=60_000).contains(&command.timeout_ms),
                "{command:?}"
            );
            let names = match &command.answer {
                Answer::Prefixed(name) | Answer::Bare(name) => core::slice::from_ref(name),
                Answer::AnyOf(names) => names,
                _ => panic!("{command:?} has no answer"),
            };
            assert!(!names.is_empty(), "{command:?}");
            assert!(names.iter().all(|name| !name.is_empty()), "{command:?}");
        }
    }
}
