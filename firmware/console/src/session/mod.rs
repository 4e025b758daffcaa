//! A person's stay at the console, from Enter to the end: what is shown, what is to be done. Pure.
//!
//! Takes in typed bytes, answers, log records and the time; gives out bytes for the terminal and
//! [`Action`]s for the driver.

#[cfg(test)]
mod tests;

use failberry_state::BootMillis;

use crate::{
    command::{self, Command, Confirm},
    line::{Edit, Editor, History, Key, Keys},
    pages::{Record, log_line, plain},
};

/// A person who says nothing for so long has left, or has forgotten the cable.
const SILENCE_MS: u64 = 600_000;

/// Whoever wakes the prompt of a box with a password enters it, or does not have it.
const LOGIN_MS: u64 = 60_000;

/// What a wrong password costs: 115,200 baud would carry thousands of guesses a second.
const WRONG_MS: u64 = 3_000;

/// The mark of a person's presence is made new no more often.
const MARK_MS: u64 = 60_000;

/// Bytes typed ahead that are kept while something is being done.
const AHEAD_MAX: usize = 512;

/// Severity up to which a record is shown above the prompt: a warning.
const WARNING: u8 = 4;

const PROMPT: &str = "failberry> ";

/// What the driver brings.
#[derive(Debug)]
pub enum Event<'a> {
    /// A person types.
    Typed(&'a [u8]),
    /// What came of [`Action::Do`] or [`Action::Greet`], line by line.
    Answer(Vec<String>),
    /// A record for [`Action::ShowLog`].
    Logged(Record),
    /// There is no more to show, and nothing is followed.
    LogEnd,
    /// A record that was written just now.
    News(Record),
    /// The time of [`Session::deadline`] has come.
    Tick,
    /// The line was hung up.
    HungUp,
}

/// What the driver does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody is here: mark it, and keep the kernel from writing over the prompt.
    Attend,
    /// Nobody is here any more.
    Leave,
    /// Bring what greets a person.
    Greet,
    /// Do this; an answer follows.
    Do(Command),
    /// Nobody waits for the answer any more.
    Abandon,
    /// Bring the records of the log: all that are kept, or the last ones and those to come.
    ShowLog {
        /// Whether to go on with those to come.
        follow: bool,
        /// Whose.
        of: Option<String>,
    },
    /// No more of them.
    HideLog,
}

#[derive(Debug)]
enum State {
    /// The kernel's lines have the terminal.
    Asleep,
    /// The password is being typed.
    Login(Editor),
    /// It was wrong.
    Penalty,
    /// A command is being typed.
    Ready(Editor),
    /// A command waits for its confirmation.
    Asking {
        editor: Editor,
        command: Command,
        /// What has to be typed.
        word: &'static str,
    },
    /// A command is being carried out.
    Working,
    /// The log is being shown.
    Log { of: Option<String> },
}

/// The stay.
pub struct Session {
    state: State,
    keys: Keys,
    history: History,
    password: Option<String>,
    ahead: Vec<u8>,
    out: Vec<u8>,
    last_key: BootMillis,
    marked: BootMillis,
    /// The warning about AT commands was read.
    warned: bool,
}

impl Session {
    /// Nobody is here. `password` is asked for where there is one.
    pub fn new(password: Option<String>) -> Self {
        Self {
            state: State::Asleep,
            keys: Keys::default(),
            history: History::default(),
            password,
            ahead: Vec::new(),
            out: Vec::new(),
            last_key: BootMillis(0),
            marked: BootMillis(0),
            warned: false,
        }
    }

    /// Bytes for the terminal so far.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Whether somebody who may be here is here.
    pub const fn is_attended(&self) -> bool {
        !matches!(self.state, State::Asleep | State::Login(_) | State::Penalty)
    }

    /// Whether the log is being shown.
    pub const fn shows_log(&self) -> bool {
        matches!(self.state, State::Log { .. })
    }

    /// When [`Event::Tick`] is due.
    pub fn deadline(&self) -> Option<BootMillis> {
        Some(self.last_key.plus(match self.state {
            State::Asleep => return None,
            State::Login(_) => LOGIN_MS,
            State::Penalty => WRONG_MS,
            _ => SILENCE_MS,
        }))
    }

    /// Takes one event in.
    pub fn step(&mut self, event: Event<'_>, now: BootMillis) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Typed(bytes) => self.typed(bytes, now, &mut actions),
            Event::Answer(lines) if matches!(self.state, State::Working) => {
                self.say(lines);
                self.go_on(now, &mut actions);
            }
            Event::Logged(record) => {
                if let State::Log { of } = &self.state
                    && record.is_of(of.as_deref())
                {
                    self.say([log_line(&record)]);
                }
            }
            Event::LogEnd if matches!(self.state, State::Log { .. }) => {
                actions.push(Action::HideLog);
                self.go_on(now, &mut actions);
            }
            Event::News(record) => self.news(&record),
            Event::Tick if self.deadline().is_some_and(|at| at <= now) => self.late(&mut actions),
            Event::HungUp => {
                let attended = self.is_attended();
                self.sleep(attended, &mut actions);
                self.out.clear();
            }
            Event::Answer(_) | Event::LogEnd | Event::Tick => {}
        }
        actions
    }

    fn typed(&mut self, bytes: &[u8], now: BootMillis, actions: &mut Vec<Action>) {
        match self.state {
            State::Penalty => return,
            State::Asleep if !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n')) => return,
            _ => self.last_key = now,
        }
        if self.is_attended() && now.since(self.marked) >= MARK_MS {
            self.marked = now;
            actions.push(Action::Attend);
        }
        match self.state {
            // What stood before Enter was typed at nobody, or is noise.
            State::Asleep => {
                let enter = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                let rest = bytes.get(enter.unwrap_or(0)..).unwrap_or_default();
                self.wake(now, actions);
                let rest = rest
                    .strip_prefix(b"\r\n")
                    .or_else(|| rest.get(1..))
                    .unwrap_or_default();
                self.bytes(rest, now, actions);
            }
            State::Log { .. } => {
                actions.push(Action::HideLog);
                self.ahead.clear();
                self.ready();
            }
            _ => self.bytes(bytes, now, actions),
        }
    }

    fn wake(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        self.out.extend_from_slice(b"\r\n");
        if self.password.is_some() {
            self.login();
        } else {
            self.welcome(now, actions);
        }
    }

    fn login(&mut self) {
        let editor = Editor::hidden("password: ");
        editor.paint(&mut self.out);
        self.state = State::Login(editor);
    }

    fn welcome(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        self.marked = now;
        self.state = State::Working;
        actions.extend([Action::Attend, Action::Greet]);
    }

    /// Key by key; what comes while something is done waits.
    fn bytes(&mut self, bytes: &[u8], now: BootMillis, actions: &mut Vec<Action>) {
        for byte in bytes {
            if matches!(self.state, State::Working) {
                self.wait_with(*byte, actions);
                continue;
            }
            if matches!(self.state, State::Log { .. }) {
                // It was typed before there was anything to end.
                self.ahead.push(*byte);
                continue;
            }
            if let Some(key) = self.keys.push(*byte) {
                self.key(key, now, actions);
            }
        }
        self.ahead.truncate(AHEAD_MAX);
    }

    fn wait_with(&mut self, byte: u8, actions: &mut Vec<Action>) {
        /// Ctrl-C.
        const INTERRUPT: u8 = 3;
        if byte == INTERRUPT {
            self.ahead.clear();
            actions.push(Action::Abandon);
            self.say(["not waited for any longer".to_owned()]);
            self.ready();
        } else {
            self.ahead.push(byte);
        }
    }

    fn key(&mut self, key: Key, now: BootMillis, actions: &mut Vec<Action>) {
        let out = &mut self.out;
        let mut nothing = History::default();
        let nobody = |_: &str| crate::line::Completion::default();
        let edit = match &mut self.state {
            State::Ready(editor) => editor.press(key, &mut self.history, command::complete, out),
            State::Login(editor) | State::Asking { editor, .. } => {
                editor.press(key, &mut nothing, nobody, out)
            }
            State::Asleep | State::Penalty | State::Working | State::Log { .. } => return,
        };
        match edit {
            Edit::Going => {}
            Edit::Entered(line) => self.entered(&line, now, actions),
            Edit::Interrupted | Edit::Ended => match self.state {
                State::Ready(_) if edit == Edit::Interrupted => self.ready(),
                State::Asking { .. } => {
                    self.out.extend_from_slice(b"\r\n");
                    self.ready();
                }
                State::Login(_) => self.sleep(false, actions),
                _ => {
                    self.out.extend_from_slice(b"\r\n");
                    self.sleep(true, actions);
                }
            },
        }
    }

    fn entered(&mut self, line: &str, now: BootMillis, actions: &mut Vec<Action>) {
        match std::mem::replace(&mut self.state, State::Working) {
            State::Login(_) => {
                let right = self.password.as_deref().is_none_or(|own| same(own, line));
                if right {
                    self.welcome(now, actions);
                } else {
                    let pause = WRONG_MS / 1000;
                    self.say([format!("password not accepted; next try in {pause} s")]);
                    self.state = State::Penalty;
                }
            }
            State::Asking { command, word, .. } => {
                if line.trim() == word {
                    if matches!(command, Command::ModemAt(_)) {
                        self.warned = true;
                    }
                    self.begin(command, actions);
                } else {
                    self.say([format!("expected \"{word}\": nothing was done")]);
                    self.ready();
                }
            }
            _ => {
                self.history.push(line);
                self.line(line, actions);
            }
        }
    }

    fn line(&mut self, line: &str, actions: &mut Vec<Action>) {
        match command::parse(line) {
            Ok(None) => self.ready(),
            Ok(Some((command, confirm))) => {
                let known = self.warned && matches!(command, Command::ModemAt(_));
                match confirm.filter(|_| !known) {
                    Some(Confirm::Yes(question)) => self.ask(command, question, "y", "y/n: "),
                    Some(Confirm::Word(what, word)) => {
                        self.say([what.to_owned()]);
                        self.ask(command, &format!("Type {word} to go on."), word, "? ");
                    }
                    None => self.begin(command, actions),
                }
            }
            Err(error) => {
                self.say([plain(&error.to_string())]);
                self.ready();
            }
        }
    }

    fn ask(&mut self, command: Command, question: &str, word: &'static str, prompt: &str) {
        self.say([question.to_owned()]);
        let editor = Editor::new(prompt);
        editor.paint(&mut self.out);
        self.state = State::Asking {
            editor,
            command,
            word,
        };
    }

    fn begin(&mut self, command: Command, actions: &mut Vec<Action>) {
        match command {
            Command::Help => {
                self.say(command::help());
                self.ready();
            }
            Command::Exit => self.sleep(true, actions),
            Command::Log { follow, of } => {
                self.state = State::Log { of: of.clone() };
                actions.push(Action::ShowLog { follow, of });
            }
            command => {
                self.state = State::Working;
                actions.push(Action::Do(command));
            }
        }
    }

    fn news(&mut self, record: &Record) {
        if record.severity > WARNING {
            return;
        }
        let line = log_line(record);
        match &self.state {
            State::Ready(editor) | State::Asking { editor, .. } => {
                Editor::lift(&mut self.out);
                self.out.extend_from_slice(line.as_bytes());
                self.out.extend_from_slice(b"\r\n");
                editor.paint(&mut self.out);
            }
            State::Working => self.say([line]),
            // The kernel shows it, or the log does.
            State::Asleep | State::Login(_) | State::Penalty | State::Log { .. } => {}
        }
    }

    fn late(&mut self, actions: &mut Vec<Action>) {
        match self.state {
            State::Penalty => self.login(),
            State::Login(_) => self.sleep(false, actions),
            _ => self.sleep(true, actions),
        }
        // A password is asked for once more, and then waited for in its own time.
        if matches!(self.state, State::Login(_)) {
            self.last_key = self.last_key.plus(WRONG_MS);
        }
    }

    /// Nobody is here. Whoever comes next finds nothing of what was typed.
    fn sleep(&mut self, attended: bool, actions: &mut Vec<Action>) {
        match self.state {
            State::Working => actions.push(Action::Abandon),
            State::Log { .. } => actions.push(Action::HideLog),
            _ => {}
        }
        self.state = State::Asleep;
        self.keys = Keys::default();
        self.history = History::default();
        self.ahead.clear();
        self.warned = false;
        Editor::lift(&mut self.out);
        self.say(["the log goes on here; Enter wakes the prompt".to_owned()]);
        if attended {
            actions.push(Action::Leave);
        }
    }

    /// The prompt, and what was typed ahead of it.
    fn go_on(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        self.ready();
        let ahead = std::mem::take(&mut self.ahead);
        self.bytes(&ahead, now, actions);
    }

    fn ready(&mut self) {
        let editor = Editor::new(PROMPT);
        editor.paint(&mut self.out);
        self.state = State::Ready(editor);
    }

    fn say(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.out.extend_from_slice(line.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        }
    }
}

/// Compares without telling by the time how much was right.
fn same(own: &str, typed: &str) -> bool {
    let (own, typed) = (own.as_bytes(), typed.as_bytes());
    let at = |place: usize| own.get(place).copied().unwrap_or_default();
    let differences = typed.iter().enumerate();
    let different = differences.fold(0, |seen, (place, byte)| seen | (byte ^ at(place)));
    own.len() == typed.len() && different == 0
}
