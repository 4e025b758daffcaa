//! Serial port: command mode, data mode, and the transitions between them.

use super::{
    super::usb::Role,
    answers::{Context, Final, Settings},
    command,
    line::{CommandLine, Input},
    phone::Phone,
};

/// Time from a dial command to the first byte that aborts the call: some hosts end a line with CR
/// and LF (V.250, 5.6.1).
const ABORTABLE_MS: u64 = 125;

/// What a call is announced with.
const RATE: &str = "7200000";

/// What the port wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Action {
    /// A command was heard.
    Heard(String),
    /// Make a call; [`Port::connected`] or [`Port::no_carrier`] follows.
    Dial,
    /// End the call.
    HangUp,
    /// Bytes for the far end of the call.
    Send(Vec<u8>),
    /// Restart the stick.
    Restart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Command,
    /// Since then.
    Dialling(u64),
    Data,
    /// Command mode with a call that waits.
    Escaped,
}

/// One serial port.
pub(in super::super) struct Port {
    role: Role,
    settings: Settings,
    mode: Mode,
    /// DTR, as the host has it.
    open: bool,
    line: CommandLine,
    pluses: u8,
    last_byte: u64,
    output: Vec<u8>,
    actions: Vec<Action>,
}

impl Port {
    /// A port of that kind.
    pub(in super::super) fn new(role: Role) -> Self {
        Self {
            role,
            settings: Settings::default(),
            mode: Mode::Command,
            open: false,
            line: CommandLine::default(),
            pluses: 0,
            last_byte: 0,
            output: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Bytes for the host.
    pub(in super::super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// What is to be done, in order.
    pub(in super::super) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// The port carries the bytes of a call.
    pub(in super::super) fn is_online(&self) -> bool {
        self.mode == Mode::Data
    }

    /// There is a call.
    pub(in super::super) fn in_call(&self) -> bool {
        matches!(self.mode, Mode::Data | Mode::Escaped)
    }

    /// Returns DCD, as `&C` wants it.
    pub(in super::super) fn shows_carrier(&self) -> bool {
        self.in_call() || self.settings.dcd == 0
    }

    /// Returns whether a program has the port open.
    pub(in super::super) fn is_open(&self) -> bool {
        self.open
    }

    /// Bytes of the host.
    pub(in super::super) fn receive(&mut self, bytes: &[u8], phone: &mut Phone, now: u64) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            match self.mode {
                Mode::Data => {
                    self.count_pluses(rest, now);
                    self.actions.push(Action::Send(rest.to_vec()));
                    return;
                }
                Mode::Dialling(since) if now.saturating_sub(since) < ABORTABLE_MS => {}
                // The byte that aborts a call is no part of a command (V.250, 5.6.1).
                Mode::Dialling(_) => {
                    self.mode = Mode::Command;
                    self.actions.push(Action::HangUp);
                    self.result("NO CARRIER", "3");
                }
                Mode::Command | Mode::Escaped => self.command_byte(*byte, phone, now),
            }
            rest = after;
        }
    }

    /// The line says something unasked; data is not disturbed, and `ATQ1` wants none (V.250, 6.2.5).
    pub(in super::super) fn announce(&mut self, line: &str) {
        if matches!(self.mode, Mode::Command | Mode::Escaped) {
            self.verbal(line);
        }
    }

    /// The call was made.
    pub(in super::super) fn connected(&mut self, now: u64) {
        self.mode = Mode::Data;
        (self.pluses, self.last_byte) = (0, now);
        let rate = format!("CONNECT {RATE}");
        self.result(
            if self.settings.extent > 0 {
                &rate
            } else {
                "CONNECT"
            },
            "1",
        );
    }

    /// The call was not made, or has ended.
    pub(in super::super) fn no_carrier(&mut self) {
        self.mode = Mode::Command;
        self.result("NO CARRIER", "3");
    }

    /// DTR changed; whether what is under way to the host is to be thrown away.
    pub(in super::super) fn dtr(&mut self, on: bool) -> bool {
        self.open = on;
        if on || self.settings.dtr == 0 {
            return false;
        }
        self.line.clear();
        match self.mode {
            Mode::Command => return true,
            Mode::Data | Mode::Escaped if self.settings.dtr == 1 => self.mode = Mode::Escaped,
            Mode::Dialling(_) | Mode::Data | Mode::Escaped => {
                self.mode = Mode::Command;
                self.actions.push(Action::HangUp);
            }
        }
        true
    }

    /// When [`Port::tick`] has something to do.
    pub(in super::super) fn deadline(&self) -> Option<u64> {
        (self.mode == Mode::Data && self.pluses == 3)
            .then(|| self.last_byte + self.settings.registers.guard_ms())
    }

    /// Goes on with what takes time.
    pub(in super::super) fn tick(&mut self, now: u64) {
        if self.deadline().is_some_and(|at| now >= at) {
            self.pluses = 0;
            self.mode = Mode::Escaped;
            self.result("OK", "0");
        }
    }

    fn count_pluses(&mut self, bytes: &[u8], now: u64) {
        let silence = now.saturating_sub(self.last_byte) >= self.settings.registers.guard_ms();
        let begun = self.pluses > 0 && !silence;
        let before = match (begun, silence) {
            (true, _) => self.pluses,
            (false, true) => 0,
            (false, false) => u8::MAX,
        };
        let escape = self.settings.registers.escape();
        let only_pluses = bytes.iter().all(|byte| *byte == escape);
        let count = usize::from(before).saturating_add(bytes.len());
        self.pluses = match u8::try_from(count) {
            Ok(count @ 1..=3) if only_pluses => count,
            _ => 0,
        };
        self.last_byte = now;
    }

    fn command_byte(&mut self, byte: u8, phone: &mut Phone, now: u64) {
        let mut echo = Vec::new();
        let input = self.line.take(byte, &self.settings.registers, &mut echo);
        if self.settings.echo {
            self.output.append(&mut echo);
        }
        match input {
            None => {}
            Some(Input::Overlong) => self.result("ERROR", "4"),
            Some(Input::Line(line)) => {
                self.actions.push(Action::Heard(line.clone()));
                self.obey(&line, phone, now);
            }
        }
    }

    fn obey(&mut self, text: &str, phone: &mut Phone, now: u64) {
        if let Some(answer) = phone.overridden_answer(text) {
            self.say(&answer);
            return;
        }
        if self.role == Role::Refuses {
            return self.finish(Final::Error, now);
        }
        let mut end = Final::Ok;
        for command in command::parse(&command::body(text)) {
            let mut lines = Vec::new();
            let mut context = Context {
                phone: &mut *phone,
                settings: &mut self.settings,
                lines: &mut lines,
                dials: self.role == Role::Modem && self.mode == Mode::Command,
                now,
            };
            end = context.execute(&command);
            self.inform(&lines);
            if end == Final::HangUp {
                self.hang_up();
                end = Final::Ok;
            }
            if end != Final::Ok {
                break;
            }
        }
        self.finish(end, now);
    }

    fn hang_up(&mut self) {
        if self.in_call() {
            self.mode = Mode::Command;
            self.actions.push(Action::HangUp);
        }
    }

    fn finish(&mut self, end: Final, now: u64) {
        match end {
            Final::Ok | Final::HangUp => self.result("OK", "0"),
            Final::Error => self.result("ERROR", "4"),
            Final::Cme(_) if self.settings.errors == 0 => self.result("ERROR", "4"),
            // Result codes of extended syntax have words only (V.250, 5.7.2).
            Final::Cme(code) => self.verbal(&format!("+CME ERROR: {code}")),
            Final::Cms(code) => self.verbal(&format!("+CMS ERROR: {code}")),
            Final::Dial => {
                self.mode = Mode::Dialling(now);
                self.actions.push(Action::Dial);
            }
            Final::Online if self.mode == Mode::Escaped => self.connected(now),
            Final::Online | Final::NoCarrier => self.result("NO CARRIER", "3"),
            Final::Restart => {
                self.result("OK", "0");
                self.hang_up();
                self.actions.push(Action::Restart);
            }
        }
    }

    /// Whatever the settings are.
    fn say(&mut self, line: &str) {
        for part in ["\r\n", line, "\r\n"] {
            self.output.extend_from_slice(part.as_bytes());
        }
    }

    /// Information that a command asked for: `ATQ1` does not concern it, `ATV0` leaves out what
    /// comes before (V.250, 6.2.5 and 6.2.6).
    fn inform(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        if self.settings.words {
            self.end_line();
        }
        for line in lines {
            self.output.extend_from_slice(line.as_bytes());
            self.end_line();
        }
    }

    fn result(&mut self, words: &str, digits: &str) {
        if self.settings.words {
            self.verbal(words);
        } else if self.settings.results {
            self.output.extend_from_slice(digits.as_bytes());
            self.output.push(self.settings.registers.end_of_line());
        }
    }

    fn verbal(&mut self, words: &str) {
        if !self.settings.results {
            return;
        }
        if self.settings.words {
            self.end_line();
        }
        self.output.extend_from_slice(words.as_bytes());
        if self.settings.words {
            self.end_line();
        } else {
            self.output.push(self.settings.registers.end_of_line());
        }
    }

    fn end_line(&mut self) {
        let registers = &self.settings.registers;
        self.output
            .extend([registers.end_of_line(), registers.line_feed()]);
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
