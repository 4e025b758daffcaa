//! Sessions on virtual time.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{input::same_password, *};
use crate::pages::Writer;

struct TestSession {
    session: Session,
    now: BootMillis,
    actions: Vec<Action>,
}

impl TestSession {
    fn new(password: Option<&str>) -> Self {
        Self {
            session: Session::new(password.map(Into::into)),
            now: BootMillis(1_000_000),
            actions: Vec::new(),
        }
    }

    /// Creates a session at the prompt.
    fn awake() -> Self {
        let mut run = Self::new(None);
        run.types("\r");
        assert_eq!(run.done(), [Action::MarkPresent, Action::Greet]);
        run.answers(&["hello"]);
        assert!(
            run.shown()
                .ends_with("hello\r\n\rfailberry> \x1b[K\r\x1b[11C")
        );
        run
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
fn enter_opens_a_session_and_noise_does_not() {
    let mut run = TestSession::new(None);
    run.types("\u{1b}[Astatus\u{3}\u{4}");
    assert_eq!((run.done(), run.shown()), (vec![], String::new()));
    assert_eq!(run.session.deadline(), None);
    run.types("noise\r\n");
    assert_eq!(run.done(), [Action::MarkPresent, Action::Greet]);
    assert!(!run.shown().contains("noise"));
}

#[test]
fn prompt_returns_after_a_command() {
    let mut run = TestSession::awake();
    run.types("redial\r");
    assert_eq!(run.done(), [Action::Execute(Command::Redial)]);
    // Typed ahead.
    run.types("help\r");
    let shown = run.shown();
    assert!(shown.ends_with("redial\r\n"), "{shown:?}");
    run.answers(&["it is dialled anew"]);
    let shown = run.shown();
    assert!(
        shown.starts_with("it is dialled anew\r\n\rfailberry> "),
        "{shown}"
    );
    assert!(shown.contains("this page"), "{shown}");
    assert_eq!(run.done(), []);
}

#[test]
fn parse_error_is_shown_sanitised() {
    let mut run = TestSession::awake();
    run.types("st\u{202e}atüs\r");
    let shown = run.shown();
    assert!(
        shown.contains("expected a command (help lists them)"),
        "{shown}"
    );
    assert!(!shown.contains('\u{202e}'));
    assert_eq!(run.done(), []);
}

#[test]
fn irreversible_commands_need_confirmation() {
    let mut run = TestSession::awake();
    for no in ["n\r", "\r", "Y\r", "yes\r", "\u{3}", "\u{4}"] {
        run.types("reboot\r");
        run.types(no);
        assert_eq!(run.done(), [], "{no:?}");
    }
    run.types("reboot\ry\r");
    assert_eq!(run.done(), [Action::Execute(Command::Reboot)]);
    run.answers(&[]);
    run.types("factory-reset\ry\r");
    assert_eq!(run.done(), []);
    run.types("factory-reset\rerase\r");
    assert_eq!(run.done(), [Action::Execute(Command::FactoryReset)]);
    let shown = run.shown();
    assert!(shown.contains("secrets and counters"), "{shown}");
}

#[test]
fn at_warning_is_confirmed_once_a_session() {
    let at = |text: &str| [Action::Execute(Command::ModemAt(text.into()))];
    let mut run = TestSession::awake();
    run.types("modem at ATI\ry\r");
    assert_eq!(run.done(), at("ATI"));
    run.answers(&["OK"]);
    run.types("modem at AT+CSQ\r");
    assert_eq!(run.done(), at("AT+CSQ"));
    run.answers(&["OK"]);
    run.types("\u{4}");
    run.types("\r");
    run.answers(&[]);
    run.done();
    run.types("modem at ATI\r");
    assert_eq!(run.done(), []);
}

#[test]
fn ctrl_c_cancels_a_command() {
    let mut run = TestSession::awake();
    run.types("status\r");
    run.done();
    run.types("help\u{3}");
    assert_eq!(run.done(), [Action::Cancel]);
    run.shown();
    run.answers(&["too late"]);
    assert_eq!(run.shown(), "");
    run.types("x");
    assert_eq!(run.shown(), "x");
}

#[test]
fn warnings_are_shown_above_the_edited_line() {
    let mut run = TestSession::awake();
    run.types("stat");
    run.shown();
    run.event(Event::NewRecord(record(5, "uplink", "is up")));
    assert_eq!(run.shown(), "");
    run.event(Event::NewRecord(record(4, "uplink", "is \u{1b}[2Jdown")));
    assert_eq!(
        run.shown(),
        "\r\x1b[K[    5.000]*uplink: is  [2Jdown\r\n\rfailberry> stat\x1b[K\r\x1b[15C"
    );
}

#[test]
fn log_is_shown_until_a_key_or_its_end() {
    let mut run = TestSession::awake();
    run.types("log -f clock\r");
    let of = Some("clock".into());
    assert_eq!(run.done(), [Action::ShowLog { follow: true, of }]);
    run.shown();
    run.event(Event::Logged(record(5, "clock", "synced")));
    run.event(Event::Logged(record(5, "uplink", "is up")));
    run.event(Event::NewRecord(record(3, "clock", "twice")));
    assert_eq!(run.shown(), "[    5.000] clock: synced\r\n");
    run.types("q");
    assert_eq!(run.done(), [Action::HideLog]);
    assert_eq!(run.shown(), "\rfailberry> \x1b[K\r\x1b[11C");
    run.types("log\r");
    run.event(Event::LogEnd);
    assert_eq!(
        run.done(),
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
fn typeahead_before_the_log_runs_after_it_or_never() {
    let mut run = TestSession::awake();
    run.types("log\rredial\r");
    run.done();
    run.event(Event::LogEnd);
    assert_eq!(
        run.done(),
        [Action::HideLog, Action::Execute(Command::Redial)]
    );
    run.answers(&[]);
    run.types("log\rredial\r");
    run.types(" ");
    run.done();
    run.types("status\r");
    assert_eq!(run.done(), [Action::Execute(Command::Status)]);
    run.answers(&[]);
    assert_eq!(run.done(), []);
}

#[test]
fn session_ends_after_10_min_without_input() {
    let mut run = TestSession::awake();
    run.wait(599_999);
    assert_eq!(run.done(), []);
    run.types("s");
    // The marker is refreshed.
    assert_eq!(run.done(), [Action::MarkPresent]);
    run.wait(30_000);
    run.types("t");
    assert_eq!(run.done(), []);
    run.wait(600_000);
    assert_eq!(run.done(), [Action::MarkAbsent]);
    assert_eq!(run.session.deadline(), None);
    // Nothing of that run is found.
    run.types("\r");
    run.answers(&[]);
    run.shown();
    run.types("\u{1b}[A");
    assert!(!run.shown().contains("st"));
}

#[test]
fn command_and_log_end_with_the_session() {
    for (typed, last) in [("status\r", Action::Cancel), ("log -f\r", Action::HideLog)] {
        for leave in [
            |run: &mut TestSession| run.wait(600_000),
            |run: &mut TestSession| {
                run.event(Event::HungUp);
            },
        ] {
            let mut run = TestSession::awake();
            run.types(typed);
            run.done();
            leave(&mut run);
            assert_eq!(run.done(), [last.clone(), Action::MarkAbsent]);
        }
    }
}

#[test]
fn password_is_required_at_login() {
    let mut run = TestSession::new(Some("geheim"));
    run.types("\rstatus\r");
    // The first line is a wrong password.
    assert_eq!(run.done(), []);
    run.types("geheim\r");
    assert_eq!(run.done(), []);
    run.wait(WRONG_PASSWORD_MS);
    run.types("geheim");
    let shown = run.shown();
    assert!(
        !shown.contains("geheim") && shown.contains("password not accepted; next try in 3 s"),
        "{shown}"
    );
    assert!(!run.session.is_authenticated());
    run.types("\r");
    assert_eq!(run.done(), [Action::MarkPresent, Action::Greet]);

    let mut run = TestSession::new(Some("geheim"));
    run.types("\r");
    run.wait(LOGIN_TIMEOUT_MS);
    assert_eq!(run.done(), []);
    assert_eq!(run.session.deadline(), None);
    for wrong in ["", "geheim ", "gehei", "geheimgeheim"] {
        assert!(!same_password("geheim", wrong), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_input_passes_login_without_the_password(
        typed in proptest::collection::vec(any::<Vec<u8>>(), 0..20),
    ) {
        let mut run = TestSession::new(Some("a password that nobody guesses"));
        for bytes in &typed {
            run.event(Event::Typed(bytes));
            run.wait(1_000);
        }
        prop_assert_eq!(run.done(), []);
    }

    #[test]
    fn arbitrary_input_leaves_the_terminal_sane(
        typed in proptest::collection::vec((any::<Vec<u8>>(), any::<String>(), 0u8..8), 0..20),
    ) {
        let mut run = TestSession::awake();
        for (bytes, text, severity) in &typed {
            run.event(Event::Typed(bytes));
            run.event(Event::NewRecord(record(*severity, "uplink", text)));
            run.answers(&[]);
            run.wait(1_000);
        }
        let shown = run.shown();
        let ours = ['\r', '\n', '\u{1b}', '\u{7}'];
        let harmless = |c: char| !c.is_control() || ours.contains(&c);
        prop_assert!(shown.chars().all(harmless), "{:?}", shown);
        prop_assert!(run.session.typeahead.len() <= TYPEAHEAD_MAX);
    }
}
