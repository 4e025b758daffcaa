//! One serial port: lines in command mode, bytes in data mode, and the ways between them.

use super::{
    answers::{Context, Final, Settings},
    command,
    phone::Phone,
};

/// Silence on both sides of `+++`.
const GUARD_MS: u64 = 1_000;

/// Longest command line taken.
const LINE_MAX: usize = 400;

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
    Dialling,
    Data,
    /// Command mode with a call that waits.
    Escaped,
}

/// One serial port.
pub(in super::super) struct Port {
    dials: bool,
    settings: Settings,
    mode: Mode,
    line: Vec<u8>,
    overlong: bool,
    pluses: u8,
    last_byte: u64,
    output: Vec<u8>,
    actions: Vec<Action>,
}

impl Port {
    /// A port, with or without calls.
    pub(in super::super) fn new(dials: bool) -> Self {
        Self {
            dials,
            settings: Settings::default(),
            mode: Mode::Command,
            line: Vec::new(),
            overlong: false,
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
                // V.250 lets a byte abort the call; the call is made before one can come.
                Mode::Dialling => return,
                Mode::Command | Mode::Escaped => self.command_byte(*byte, phone, now),
            }
            rest = after;
        }
    }

    /// The line says something unasked; data is not disturbed.
    pub(in super::super) fn announce(&mut self, line: &str) {
        if matches!(self.mode, Mode::Command | Mode::Escaped) {
            self.say(line);
        }
    }

    /// The call was made.
    pub(in super::super) fn connected(&mut self, now: u64) {
        self.mode = Mode::Data;
        (self.pluses, self.last_byte) = (0, now);
        self.result(&format!("CONNECT {RATE}"), "1");
    }

    /// The call was not made, or has ended.
    pub(in super::super) fn no_carrier(&mut self) {
        self.mode = Mode::Command;
        self.result("NO CARRIER", "3");
    }

    /// DTR changed; whether what is under way to the host is to be thrown away.
    pub(in super::super) fn dtr(&mut self, on: bool) -> bool {
        if on || self.settings.dtr == 0 {
            return false;
        }
        self.line.clear();
        match self.mode {
            Mode::Command => return true,
            Mode::Data | Mode::Escaped if self.settings.dtr == 1 => self.mode = Mode::Escaped,
            Mode::Dialling | Mode::Data | Mode::Escaped => {
                self.mode = Mode::Command;
                self.actions.push(Action::HangUp);
            }
        }
        true
    }

    /// When [`Port::tick`] has something to do.
    pub(in super::super) fn deadline(&self) -> Option<u64> {
        (self.mode == Mode::Data && self.pluses == 3).then(|| self.last_byte + GUARD_MS)
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
        let silence = now.saturating_sub(self.last_byte) >= GUARD_MS;
        let begun = self.pluses > 0 && !silence;
        let before = match (begun, silence) {
            (true, _) => self.pluses,
            (false, true) => 0,
            (false, false) => u8::MAX,
        };
        let only_pluses = bytes.iter().all(|byte| *byte == b'+');
        let count = usize::from(before).saturating_add(bytes.len());
        self.pluses = match u8::try_from(count) {
            Ok(count @ 1..=3) if only_pluses => count,
            _ => 0,
        };
        self.last_byte = now;
    }

    fn command_byte(&mut self, byte: u8, phone: &mut Phone, now: u64) {
        if self.settings.echo {
            self.output.push(byte);
        }
        match byte {
            b'\r' => {
                let line = std::mem::take(&mut self.line);
                let overlong = std::mem::take(&mut self.overlong);
                let line = String::from_utf8_lossy(&line);
                if overlong {
                    self.result("ERROR", "4");
                } else if let Some((start, body)) = command::body(&line) {
                    let text = line.get(start..).unwrap_or_default().trim();
                    self.actions.push(Action::Heard(text.to_owned()));
                    self.obey(text, body, phone, now);
                }
            }
            b'\n' => {}
            0x08 => {
                self.line.pop();
            }
            _ if self.line.len() < LINE_MAX => self.line.push(byte),
            _ => self.overlong = true,
        }
    }

    fn obey(&mut self, text: &str, body: &str, phone: &mut Phone, now: u64) {
        if let Some(answer) = phone.take_fault(text) {
            self.say(&answer);
            return;
        }
        let mut lines = Vec::new();
        let mut end = Final::Ok;
        for command in command::parse(body) {
            let mut context = Context {
                phone: &mut *phone,
                settings: &mut self.settings,
                lines: &mut lines,
                dials: self.dials && self.mode == Mode::Command,
                now,
            };
            end = context.execute(&command);
            if end == Final::HangUp {
                self.hang_up();
                end = Final::Ok;
            }
            if end != Final::Ok {
                break;
            }
        }
        for line in lines {
            self.say(&line);
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
            Final::Cme(code) => self.result(&format!("+CME ERROR: {code}"), "4"),
            Final::Cms(code) => self.result(&format!("+CMS ERROR: {code}"), "4"),
            Final::Dial => {
                self.mode = Mode::Dialling;
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

    fn say(&mut self, line: &str) {
        for part in ["\r\n", line, "\r\n"] {
            self.output.extend_from_slice(part.as_bytes());
        }
    }

    fn result(&mut self, words: &str, digits: &str) {
        match self.settings {
            Settings { results: false, .. } => {}
            Settings { words: true, .. } => self.say(words),
            Settings { words: false, .. } => {
                self.output.extend_from_slice(digits.as_bytes());
                self.output.push(b'\r');
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
