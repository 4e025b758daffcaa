//! A console session, from Enter to logout, timeout or hang-up. Pure.
//!
//! Owns login, prompt, confirmation and the view of the log. Takes in typed bytes, answers, log
//! records and the time; gives out bytes for the terminal and [`Action`]s for the driver.

mod input;
#[cfg(test)]
mod tests;

use failberry_state::BootMillis;

use crate::{
    command::Command,
    line::{Editor, History, Keys},
    pages::{Record, log_line},
};

/// Time from the last key to the end of the session: the operator has left, or forgot the cable.
const IDLE_TIMEOUT_MS: u64 = 600_000;

/// Time from the password prompt to the end of the session.
const LOGIN_TIMEOUT_MS: u64 = 60_000;

/// Delay after a wrong password: 115,200 baud would carry thousands of guesses a second.
const WRONG_PASSWORD_MS: u64 = 3_000;

/// Shortest time between two refreshes of the presence marker.
const MARK_INTERVAL_MS: u64 = 60_000;

/// Longest type-ahead in bytes while a command is executed.
const TYPEAHEAD_MAX: usize = 512;

/// Highest severity number (RFC 5424) of a record shown above the prompt: a warning.
const WARNING: u8 = 4;

const PROMPT: &str = "failberry> ";

/// An event from the driver.
#[derive(Debug)]
pub enum Event<'a> {
    /// Bytes were typed.
    Typed(&'a [u8]),
    /// The result of [`Action::Execute`] or [`Action::Greet`], line by line.
    Answer(Vec<String>),
    /// A record for [`Action::ShowLog`].
    Logged(Record),
    /// The log has no more records, and is not followed.
    LogEnd,
    /// A record was just written to the log.
    NewRecord(Record),
    /// The time of [`Session::deadline`] has come.
    Tick,
    /// The line was hung up.
    HungUp,
}

/// An action for the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An operator is present: refresh the marker, and keep the kernel from writing over the prompt.
    MarkPresent,
    /// The operator has left.
    MarkAbsent,
    /// Fetch the banner; an answer follows.
    Greet,
    /// Execute this command; an answer follows.
    Execute(Command),
    /// Drop the command in progress; its answer is not wanted.
    Cancel,
    /// Read the log: all stored records, or the last ones and new ones.
    ShowLog {
        /// Whether to go on with new records.
        follow: bool,
        /// The writer whose records are shown.
        of: Option<String>,
    },
    /// Stop reading the log.
    HideLog,
}

#[derive(Debug)]
enum State {
    /// No session: the kernel writes its log lines to the terminal.
    Idle,
    /// The password is being typed.
    Login(Editor),
    /// The password was wrong; input is ignored for a while.
    Penalty,
    /// A command is being typed.
    Ready(Editor),
    /// A command waits for its confirmation.
    Confirming {
        editor: Editor,
        command: Command,
        /// What has to be typed.
        word: &'static str,
    },
    /// A command is being executed.
    Working,
    /// The log is being shown.
    Log { of: Option<String> },
}

/// State of the console, with or without a session.
pub struct Session {
    state: State,
    keys: Keys,
    history: History,
    password: Option<String>,
    /// Input typed while a command is executed.
    typeahead: Vec<u8>,
    out: Vec<u8>,
    last_key: BootMillis,
    /// When the presence marker was last refreshed.
    presence_marked_at: BootMillis,
    /// The warning about AT commands was confirmed in this session.
    at_warning_confirmed: bool,
}

impl Session {
    /// Creates the console without a session. `password` is required at login if there is one.
    pub fn new(password: Option<String>) -> Self {
        Self {
            state: State::Idle,
            keys: Keys::default(),
            history: History::default(),
            password,
            typeahead: Vec::new(),
            out: Vec::new(),
            last_key: BootMillis(0),
            presence_marked_at: BootMillis(0),
            at_warning_confirmed: false,
        }
    }

    /// Returns and clears the bytes for the terminal.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Returns whether a session is open and authenticated.
    pub const fn is_authenticated(&self) -> bool {
        !matches!(self.state, State::Idle | State::Login(_) | State::Penalty)
    }

    /// Returns whether the log is being shown.
    pub const fn shows_log(&self) -> bool {
        matches!(self.state, State::Log { .. })
    }

    /// Returns when [`Event::Tick`] is due.
    pub fn deadline(&self) -> Option<BootMillis> {
        Some(self.last_key.plus(match self.state {
            State::Idle => return None,
            State::Login(_) => LOGIN_TIMEOUT_MS,
            State::Penalty => WRONG_PASSWORD_MS,
            _ => IDLE_TIMEOUT_MS,
        }))
    }

    /// Handles one event and returns the actions that follow.
    pub fn step(&mut self, event: Event<'_>, now: BootMillis) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Typed(bytes) => self.typed(bytes, now, &mut actions),
            Event::Answer(lines) if matches!(self.state, State::Working) => {
                self.print(lines);
                self.finish_command(now, &mut actions);
            }
            Event::Logged(record) => {
                if let State::Log { of } = &self.state
                    && record.is_of(of.as_deref())
                {
                    self.print([log_line(&record)]);
                }
            }
            Event::LogEnd if matches!(self.state, State::Log { .. }) => {
                actions.push(Action::HideLog);
                self.finish_command(now, &mut actions);
            }
            Event::NewRecord(record) => self.on_new_record(&record),
            Event::Tick if self.deadline().is_some_and(|at| at <= now) => {
                self.on_timeout(&mut actions);
            }
            Event::HungUp => {
                let attended = self.is_authenticated();
                self.end_session(attended, &mut actions);
                self.out.clear();
            }
            Event::Answer(_) | Event::LogEnd | Event::Tick => {}
        }
        actions
    }

    fn on_new_record(&mut self, record: &Record) {
        if record.severity > WARNING {
            return;
        }
        let line = log_line(record);
        match &self.state {
            State::Ready(editor) | State::Confirming { editor, .. } => {
                Editor::erase(&mut self.out);
                self.out.extend_from_slice(line.as_bytes());
                self.out.extend_from_slice(b"\r\n");
                editor.redraw(&mut self.out);
            }
            State::Working => self.print([line]),
            // Shown by the kernel, or by the log view.
            State::Idle | State::Login(_) | State::Penalty | State::Log { .. } => {}
        }
    }

    fn on_timeout(&mut self, actions: &mut Vec<Action>) {
        match self.state {
            State::Penalty => self.login(),
            State::Login(_) => self.end_session(false, actions),
            _ => self.end_session(true, actions),
        }
        // The login timeout of the next prompt starts after the delay.
        if matches!(self.state, State::Login(_)) {
            self.last_key = self.last_key.plus(WRONG_PASSWORD_MS);
        }
    }

    /// Ends the session and clears everything typed in it.
    fn end_session(&mut self, attended: bool, actions: &mut Vec<Action>) {
        match self.state {
            State::Working => actions.push(Action::Cancel),
            State::Log { .. } => actions.push(Action::HideLog),
            _ => {}
        }
        self.state = State::Idle;
        self.keys = Keys::default();
        self.history = History::default();
        self.typeahead.clear();
        self.at_warning_confirmed = false;
        Editor::erase(&mut self.out);
        self.print(["the log goes on here; Enter wakes the prompt".to_owned()]);
        if attended {
            actions.push(Action::MarkAbsent);
        }
    }

    /// Shows the prompt after a command and handles the type-ahead.
    fn finish_command(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        self.ready();
        let typeahead = std::mem::take(&mut self.typeahead);
        self.feed(&typeahead, now, actions);
    }

    fn ready(&mut self) {
        let editor = Editor::new(PROMPT);
        editor.redraw(&mut self.out);
        self.state = State::Ready(editor);
    }

    fn print(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.out.extend_from_slice(line.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        }
    }
}
