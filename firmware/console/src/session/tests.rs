//! Stays on virtual time.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::pages::Writer;

struct Stay {
    session: Session,
    now: BootMillis,
    actions: Vec<Action>,
}

impl Stay {
    fn new(password: Option<&str>) -> Self {
        Self {
            session: Session::new(password.map(Into::into)),
            now: BootMillis(1_000_000),
            actions: Vec::new(),
        }
    }

    /// A person who has woken the prompt.
    fn awake() -> Self {
        let mut stay = Self::new(None);
        stay.types("\r");
        assert_eq!(stay.done(), [Action::Attend, Action::Greet]);
        stay.answers(&["hello"]);
        assert!(
            stay.shown()
                .ends_with("hello\r\n\rfailberry> \x1b[K\r\x1b[11C")
        );
        stay
    }

    fn event(&mut self, event: Event<'_>) {
        let actions = self.session.step(event, self.now);
        self.actions.extend(actions);
    }

    fn types(&mut self, text: &str) {
        self.event(Event::Typed(text.as_bytes()));
    }

    fn answers(&mut self, lines: &[&str]) {
        let lines = lines.iter().map(ToString::to_string).collect();
        self.event(Event::Answer(lines));
    }

    /// Lets time pass, with a tick where one is due.
    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(millis);
        self.event(Event::Tick);
    }

    fn done(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    fn shown(&mut self) -> String {
        String::from_utf8(self.session.take_output()).unwrap()
    }
}

fn record(severity: u8, writer: &str, text: &str) -> Record {
    Record {
        severity,
        micros: 5_000_000,
        writer: Writer::Service(writer.into()),
        text: format!("{writer}: {text}"),
    }
}

#[test]
fn enter_wakes_and_noise_does_not() {
    let mut stay = Stay::new(None);
    stay.types("\u{1b}[Astatus\u{3}\u{4}");
    assert_eq!((stay.done(), stay.shown()), (vec![], String::new()));
    assert_eq!(stay.session.deadline(), None);
    stay.types("noise\r\n");
    assert_eq!(stay.done(), [Action::Attend, Action::Greet]);
    assert!(!stay.shown().contains("noise"));
}

#[test]
fn a_command_is_done_and_the_prompt_comes_back() {
    let mut stay = Stay::awake();
    stay.types("redial\r");
    assert_eq!(stay.done(), [Action::Do(Command::Redial)]);
    // Typed ahead.
    stay.types("help\r");
    let shown = stay.shown();
    assert!(shown.ends_with("redial\r\n"), "{shown:?}");
    stay.answers(&["it is dialled anew"]);
    let shown = stay.shown();
    assert!(
        shown.starts_with("it is dialled anew\r\n\rfailberry> "),
        "{shown}"
    );
    assert!(shown.contains("this page"), "{shown}");
    assert_eq!(stay.done(), []);
}

#[test]
fn a_mistake_is_told_without_anything_of_it_reaching_the_terminal_raw() {
    let mut stay = Stay::awake();
    stay.types("st\u{202e}atüs\r");
    let shown = stay.shown();
    assert!(
        shown.contains("expected a command (help lists them)"),
        "{shown}"
    );
    assert!(!shown.contains('\u{202e}'));
    assert_eq!(stay.done(), []);
}

#[test]
fn what_cannot_be_undone_is_confirmed() {
    let mut stay = Stay::awake();
    for no in ["n\r", "\r", "Y\r", "yes\r", "\u{3}", "\u{4}"] {
        stay.types("reboot\r");
        stay.types(no);
        assert_eq!(stay.done(), [], "{no:?}");
    }
    stay.types("reboot\ry\r");
    assert_eq!(stay.done(), [Action::Do(Command::Reboot)]);
    stay.answers(&[]);
    stay.types("factory-reset\ry\r");
    assert_eq!(stay.done(), []);
    stay.types("factory-reset\rerase\r");
    assert_eq!(stay.done(), [Action::Do(Command::FactoryReset)]);
    let shown = stay.shown();
    assert!(shown.contains("secrets and counters"), "{shown}");
}

#[test]
fn the_warning_about_at_commands_is_read_once_a_stay() {
    let at = |text: &str| [Action::Do(Command::ModemAt(text.into()))];
    let mut stay = Stay::awake();
    stay.types("modem at ATI\ry\r");
    assert_eq!(stay.done(), at("ATI"));
    stay.answers(&["OK"]);
    stay.types("modem at AT+CSQ\r");
    assert_eq!(stay.done(), at("AT+CSQ"));
    stay.answers(&["OK"]);
    stay.types("\u{4}");
    stay.types("\r");
    stay.answers(&[]);
    stay.done();
    stay.types("modem at ATI\r");
    assert_eq!(stay.done(), []);
}

#[test]
fn waiting_can_be_given_up() {
    let mut stay = Stay::awake();
    stay.types("status\r");
    stay.done();
    stay.types("help\u{3}");
    assert_eq!(stay.done(), [Action::Abandon]);
    stay.shown();
    stay.answers(&["too late"]);
    assert_eq!(stay.shown(), "");
    stay.types("x");
    assert_eq!(stay.shown(), "x");
}

#[test]
fn warnings_stand_above_the_line_that_is_being_typed() {
    let mut stay = Stay::awake();
    stay.types("stat");
    stay.shown();
    stay.event(Event::News(record(5, "uplink", "is up")));
    assert_eq!(stay.shown(), "");
    stay.event(Event::News(record(4, "uplink", "is \u{1b}[2Jdown")));
    assert_eq!(
        stay.shown(),
        "\r\x1b[K[    5.000]*uplink: is  [2Jdown\r\n\rfailberry> stat\x1b[K\r\x1b[15C"
    );
}

#[test]
fn the_log_is_shown_until_a_key_or_its_end() {
    let mut stay = Stay::awake();
    stay.types("log -f clock\r");
    let of = Some("clock".into());
    assert_eq!(stay.done(), [Action::ShowLog { follow: true, of }]);
    stay.shown();
    stay.event(Event::Logged(record(5, "clock", "synced")));
    stay.event(Event::Logged(record(5, "uplink", "is up")));
    stay.event(Event::News(record(3, "clock", "twice")));
    assert_eq!(stay.shown(), "[    5.000] clock: synced\r\n");
    stay.types("q");
    assert_eq!(stay.done(), [Action::HideLog]);
    assert_eq!(stay.shown(), "\rfailberry> \x1b[K\r\x1b[11C");
    stay.types("log\r");
    stay.event(Event::LogEnd);
    assert_eq!(
        stay.done(),
        [
            Action::ShowLog {
                follow: false,
                of: None
            },
            Action::HideLog
        ]
    );
}

#[test]
fn what_is_typed_ahead_of_the_log_is_done_after_it_or_never() {
    let mut stay = Stay::awake();
    stay.types("log\rredial\r");
    stay.done();
    stay.event(Event::LogEnd);
    assert_eq!(stay.done(), [Action::HideLog, Action::Do(Command::Redial)]);
    stay.answers(&[]);
    stay.types("log\rredial\r");
    stay.types(" ");
    stay.done();
    stay.types("status\r");
    assert_eq!(stay.done(), [Action::Do(Command::Status)]);
    stay.answers(&[]);
    assert_eq!(stay.done(), []);
}

#[test]
fn ten_minutes_of_silence_are_a_leave() {
    let mut stay = Stay::awake();
    stay.wait(599_999);
    assert_eq!(stay.done(), []);
    stay.types("s");
    // The mark is made new.
    assert_eq!(stay.done(), [Action::Attend]);
    stay.wait(30_000);
    stay.types("t");
    assert_eq!(stay.done(), []);
    stay.wait(600_000);
    assert_eq!(stay.done(), [Action::Leave]);
    assert_eq!(stay.session.deadline(), None);
    // Nothing of that stay is found.
    stay.types("\r");
    stay.answers(&[]);
    stay.shown();
    stay.types("\u{1b}[A");
    assert!(!stay.shown().contains("st"));
}

#[test]
fn whatever_is_under_way_ends_with_the_stay() {
    for (typed, last) in [("status\r", Action::Abandon), ("log -f\r", Action::HideLog)] {
        for leave in [
            |stay: &mut Stay| stay.wait(600_000),
            |stay: &mut Stay| {
                stay.event(Event::HungUp);
            },
        ] {
            let mut stay = Stay::awake();
            stay.types(typed);
            stay.done();
            leave(&mut stay);
            assert_eq!(stay.done(), [last.clone(), Action::Leave]);
        }
    }
}

#[test]
fn a_password_keeps_strangers_out() {
    let mut stay = Stay::new(Some("geheim"));
    stay.types("\rstatus\r");
    // The first line is a wrong password.
    assert_eq!(stay.done(), []);
    stay.types("geheim\r");
    assert_eq!(stay.done(), []);
    stay.wait(WRONG_MS);
    stay.types("geheim");
    let shown = stay.shown();
    assert!(
        !shown.contains("geheim") && shown.contains("password not accepted; next try in 3 s"),
        "{shown}"
    );
    assert!(!stay.session.is_attended());
    stay.types("\r");
    assert_eq!(stay.done(), [Action::Attend, Action::Greet]);

    let mut stay = Stay::new(Some("geheim"));
    stay.types("\r");
    stay.wait(LOGIN_MS);
    assert_eq!(stay.done(), []);
    assert_eq!(stay.session.deadline(), None);
    for wrong in ["", "geheim ", "gehei", "geheimgeheim"] {
        assert!(!same("geheim", wrong), "{wrong}");
    }
}

proptest! {
    #[test]
    fn nobody_gets_in_without_the_password_whatever_is_typed(
        typed in proptest::collection::vec(any::<Vec<u8>>(), 0..20),
    ) {
        let mut stay = Stay::new(Some("a password that nobody guesses"));
        for bytes in &typed {
            stay.event(Event::Typed(bytes));
            stay.wait(1_000);
        }
        prop_assert_eq!(stay.done(), []);
    }

    #[test]
    fn no_bytes_and_no_records_do_harm(
        typed in proptest::collection::vec((any::<Vec<u8>>(), any::<String>(), 0u8..8), 0..20),
    ) {
        let mut stay = Stay::awake();
        for (bytes, text, severity) in &typed {
            stay.event(Event::Typed(bytes));
            stay.event(Event::News(record(*severity, "uplink", text)));
            stay.answers(&[]);
            stay.wait(1_000);
        }
        let shown = stay.shown();
        let ours = ['\r', '\n', '\u{1b}', '\u{7}'];
        let harmless = |c: char| !c.is_control() || ours.contains(&c);
        prop_assert!(shown.chars().all(harmless), "{:?}", shown);
        prop_assert!(stay.session.ahead.len() <= AHEAD_MAX);
    }
}
