//! The typed answers and commands: any line is a value or an error that shows it, and whatever is
//! made of it can be sent.

use core::fmt::{Debug, Display};

use tokio_modem::{
    at::{COMMAND_MAX, Fault, Final},
    modem::{
        Attachment, Autorun, AutorunOff, AutorunOn, C5greg, CallEnd, Cereg, Cgreg, CmeError,
        Context, Creg, EnterPin, Function, Iccid, Imei, Imsi, Listing, Manufacturer, Message,
        MessageForm, Model, NetworkMode, Operator, PROFILES, PinTries, Query, RadioSignal,
        Registration, Revision, Service, Signal, SimState, Storage, SystemInfo, Unblock, Ussd,
        UssdRequest, identity,
    },
};

use super::source::Source;

/// How lines start; what follows is the fuzzer's.
const STARTS: &[&str] = &[
    "",
    "+CSQ: ",
    "+CREG: ",
    "+CGREG: ",
    "+CEREG: ",
    "+COPS: ",
    "+CPIN: ",
    "+ZPINPUK: ",
    "^CPIN: ",
    "+CCID: ",
    "+CGDCONT: ",
    "+CGATT: ",
    "+CFUN: ",
    "+CPMS: ",
    "+ZPAS: ",
    "+ZRSSI: ",
    "+ZSNT: ",
    "^SYSINFO: ",
    "Inquiry autorun open state result(0:NO 1:YES):",
    "+CUSD: ",
    "+CMGL: ",
    "+CMGR: ",
    "+CME ERROR: ",
    "+CMS ERROR: ",
    "CONNECT ",
    "+BEARTYPE: ",
    "+C5GREG: ",
    "+CUSD: 0,\"",
    "+COPS: 0,0,\"",
];

/// An error is a log line, not a letter.
const SHOWN_MAX: usize = 160;

pub fn replies(data: &[u8]) {
    let mut source = Source::new(data);
    let start = source.pick(STARTS);
    let text = format!("{start}{}", String::from_utf8_lossy(source.rest()));
    answer(&text);
    orders(&text);
    for form in [MessageForm::Pdu, MessageForm::Text] {
        messages(&text, form);
    }
}

/// Reads a line as the answer to everything that can be asked.
fn answer(line: &str) {
    macro_rules! read {
        ($($type:ty),+) => { $(shown(<$type as Query>::parse(line));)+ };
    }
    read!(
        Attachment,
        Autorun,
        AutorunOff,
        AutorunOn,
        C5greg,
        CallEnd,
        Cereg,
        Cgreg,
        Creg,
        Function,
        Iccid,
        Imei,
        Imsi,
        Manufacturer,
        Model,
        PinTries,
        Revision,
        Storage,
        SystemInfo
    );
    if let Some(operator) = shown(<Option<Operator>>::parse(line)).flatten() {
        assert!(!operator.name.is_empty() && !operator.name.chars().any(char::is_control));
    }
    if let Some(Iccid(number)) = shown(Iccid::parse(line)) {
        assert!((18..=20).contains(&number.len()));
        assert!(number.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    shown(identity(line));
    shown(Ussd::parse(line));
    if let Some(signal) = shown(Signal::parse(line)) {
        assert!(signal.dbm().is_none_or(|dbm| (-113..=-51).contains(&dbm)));
    }
    if let Some(signal) = shown(RadioSignal::parse(line)) {
        assert!((-200..=0).contains(&signal.rssi), "{signal}");
    }
    if let Some(state) = shown(Registration::parse(line)) {
        let registered = matches!(state, Registration::Home | Registration::Roaming);
        assert_eq!(state.is_registered(), registered);
    }
    if let Some(SimState::Locked(by)) = shown(SimState::parse(line)) {
        assert!(!by.is_empty());
    }
    if let Some(service) = shown(Service::parse(line)) {
        assert!(!service.network.is_empty());
    }
    if let Some(mode) = shown(NetworkMode::parse(line)) {
        can_be_sent(&mode);
    }
    if let Some(context) = shown(Context::parse(line)) {
        can_be_sent(&context);
        let again = Context::new(context.id, context.kind, context.apn());
        assert_eq!(again, Ok(context));
    }
    result(line);
}

/// Results read the same again when they are shown.
fn result(line: &str) {
    let Some(result) = Final::parse(line) else {
        return;
    };
    let shown = result.to_string();
    assert!(shown.len() < SHOWN_MAX);
    if let Final::Cme(fault) | Final::Cms(fault) = &result {
        let _ = CmeError::from(fault).to_string();
        if matches!(fault, Fault::Text(words) if words.is_empty()) {
            return;
        }
    }
    assert_eq!(Final::parse(&shown), Some(result), "{shown:?}");
}

/// What a person gives does not break out of a command.
fn orders(text: &str) {
    for profile in PROFILES {
        if let Ok(request) = UssdRequest::new(text, profile) {
            can_be_sent(&request);
        }
    }
    if let Ok(pin) = EnterPin::new(text) {
        can_be_sent(&pin);
        assert!(!format!("{pin:?}").contains(text), "a PIN shown");
    }
    if let Ok(unblock) = Unblock::new(text, text) {
        can_be_sent(&unblock);
        assert!(!format!("{unblock:?}").contains(text), "a code shown");
    }
}

fn can_be_sent(command: &impl Display) {
    let command = command.to_string();
    assert!(command.starts_with("AT") && command.len() <= COMMAND_MAX);
    assert!(command.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    assert_eq!(command.matches('"').count() % 2, 0, "{command}");
}

/// Takes the lines of a text as the answer to the question for messages.
fn messages(text: &str, form: MessageForm) {
    let mut listing = Listing::new(form);
    let check = |message: Message| {
        if let Some(sent) = message.sent {
            assert!((1..=12).contains(&sent.month) && sent.hour < 24, "{sent}");
        }
    };
    for line in text.lines() {
        match listing.hear(line) {
            Ok(message) => message.into_iter().for_each(check),
            Err(error) => assert!(error.to_string().contains("expected "), "{error}"),
        }
    }
    listing.finish().into_iter().for_each(check);
}

fn shown<T: Debug, E: Display>(outcome: Result<T, E>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.starts_with("expected ") && shown.contains(", got \""));
            assert!(shown.len() < SHOWN_MAX, "{shown}");
            None
        }
    }
}
