//! Keyboard input of a session: wake-up, login, line editing, confirmation, type-ahead.

use failberry_state::BootMillis;

use super::{Action, MARK_INTERVAL_MS, Session, State, TYPEAHEAD_MAX, WRONG_PASSWORD_MS};
use crate::{
    command::{self, Command, Confirm},
    line::{Completion, Edit, Editor, History, Key},
    pages::plain,
};

impl Session {
    pub(super) fn typed(&mut self, bytes: &[u8], now: BootMillis, actions: &mut Vec<Action>) {
        match self.state {
            State::Penalty => return,
            State::Idle if !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n')) => return,
            _ => self.last_key = now,
        }
        if self.is_authenticated() && now.since(self.presence_marked_at) >= MARK_INTERVAL_MS {
            self.presence_marked_at = now;
            actions.push(Action::MarkPresent);
        }
        match self.state {
            // Bytes before Enter are noise, or were typed without a session.
            State::Idle => {
                let enter = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                let rest = bytes.get(enter.unwrap_or(0)..).unwrap_or_default();
                self.wake(now, actions);
                let rest = rest
                    .strip_prefix(b"\r\n")
                    .or_else(|| rest.get(1..))
                    .unwrap_or_default();
                self.feed(rest, now, actions);
            }
            State::Log { .. } => {
                actions.push(Action::HideLog);
                self.typeahead.clear();
                self.ready();
            }
            _ => self.feed(bytes, now, actions),
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

    pub(super) fn login(&mut self) {
        let editor = Editor::hidden("password: ");
        editor.redraw(&mut self.out);
        self.state = State::Login(editor);
    }

    fn welcome(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        self.presence_marked_at = now;
        self.state = State::Working;
        actions.extend([Action::MarkPresent, Action::Greet]);
    }

    /// Handles typed bytes key by key; input during a command becomes type-ahead.
    pub(super) fn feed(&mut self, bytes: &[u8], now: BootMillis, actions: &mut Vec<Action>) {
        for byte in bytes {
            if matches!(self.state, State::Working) {
                self.type_ahead(*byte, actions);
                continue;
            }
            if matches!(self.state, State::Log { .. }) {
                // Typed before the log was shown, so it does not end it.
                self.typeahead.push(*byte);
                continue;
            }
            if let Some(key) = self.keys.push(*byte) {
                self.key(key, now, actions);
            }
        }
        self.typeahead.truncate(TYPEAHEAD_MAX);
    }

    fn type_ahead(&mut self, byte: u8, actions: &mut Vec<Action>) {
        /// Ctrl-C.
        const INTERRUPT: u8 = 3;
        if byte == INTERRUPT {
            self.typeahead.clear();
            actions.push(Action::Cancel);
            self.print(["not waited for any longer".to_owned()]);
            self.ready();
        } else {
            self.typeahead.push(byte);
        }
    }

    fn key(&mut self, key: Key, now: BootMillis, actions: &mut Vec<Action>) {
        let out = &mut self.out;
        let mut no_history = History::default();
        let no_completion = |_: &str| Completion::default();
        let edit = match &mut self.state {
            State::Ready(editor) => editor.press(key, &mut self.history, command::complete, out),
            State::Login(editor) | State::Confirming { editor, .. } => {
                editor.press(key, &mut no_history, no_completion, out)
            }
            State::Idle | State::Penalty | State::Working | State::Log { .. } => return,
        };
        match edit {
            Edit::Editing => {}
            Edit::Entered(line) => self.entered(&line, now, actions),
            Edit::Interrupted | Edit::Ended => match self.state {
                State::Ready(_) if edit == Edit::Interrupted => self.ready(),
                State::Confirming { .. } => {
                    self.out.extend_from_slice(b"\r\n");
                    self.ready();
                }
                State::Login(_) => self.end_session(false, actions),
                _ => {
                    self.out.extend_from_slice(b"\r\n");
                    self.end_session(true, actions);
                }
            },
        }
    }

    fn entered(&mut self, line: &str, now: BootMillis, actions: &mut Vec<Action>) {
        match std::mem::replace(&mut self.state, State::Working) {
            State::Login(_) => {
                let right = self
                    .password
                    .as_deref()
                    .is_none_or(|own| same_password(own, line));
                if right {
                    self.welcome(now, actions);
                } else {
                    let pause = WRONG_PASSWORD_MS / 1000;
                    self.print([format!("password not accepted; next try in {pause} s")]);
                    self.state = State::Penalty;
                }
            }
            State::Confirming { command, word, .. } => {
                if line.trim() == word {
                    if matches!(command, Command::ModemAt(_)) {
                        self.at_warning_confirmed = true;
                    }
                    self.begin(command, actions);
                } else {
                    self.print([format!("expected \"{word}\": nothing was done")]);
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
                let known = self.at_warning_confirmed && matches!(command, Command::ModemAt(_));
                match confirm.filter(|_| !known) {
                    Some(Confirm::Yes(question)) => self.ask(command, question, "y", "y/n: "),
                    Some(Confirm::Word(what, word)) => {
                        self.print([what.to_owned()]);
                        self.ask(command, &format!("Type {word} to go on."), word, "? ");
                    }
                    None => self.begin(command, actions),
                }
            }
            Err(error) => {
                self.print([plain(&error.to_string())]);
                self.ready();
            }
        }
    }

    fn ask(&mut self, command: Command, question: &str, word: &'static str, prompt: &str) {
        self.print([question.to_owned()]);
        let editor = Editor::new(prompt);
        editor.redraw(&mut self.out);
        self.state = State::Confirming {
            editor,
            command,
            word,
        };
    }

    fn begin(&mut self, command: Command, actions: &mut Vec<Action>) {
        match command {
            Command::Help => {
                self.print(command::help());
                self.ready();
            }
            Command::Exit => self.end_session(true, actions),
            Command::Log { follow, of } => {
                self.state = State::Log { of: of.clone() };
                actions.push(Action::ShowLog { follow, of });
            }
            command => {
                self.state = State::Working;
                actions.push(Action::Execute(command));
            }
        }
    }
}

/// Compares in constant time.
pub(super) fn same_password(own: &str, typed: &str) -> bool {
    let (own, typed) = (own.as_bytes(), typed.as_bytes());
    let at = |place: usize| own.get(place).copied().unwrap_or_default();
    let differences = typed.iter().enumerate();
    let different = differences.fold(0, |seen, (place, byte)| seen | (byte ^ at(place)));
    own.len() == typed.len() && different == 0
}
