//! The dialogue: a stick that says anything at any time.

use tokio_modem::{
    dial::{BEFORE_DIAL_MS, Dialer, Output, Settings},
    modem::{GENERIC, PROFILES, Profile},
};

use super::source::{CUTS, Source, cut};

const PIN: &str = "40718263";

/// The documented bound of a dialogue, with a minute for the dial.
const LONGEST_MS: u64 = BEFORE_DIAL_MS + 25_000 + 60_000 + 6_000;

/// Milliseconds from one thing that the stick says to the next.
const PAUSES: &[u64] = &[0, 0, 1, 20, 299, 999, 2_000, 4_999, 15_000];

/// What sticks say, mostly not to what was asked.
const LINES: &[&str] = &[
    "\r\nOK\r\n",
    "\r\nERROR\r\n",
    "\r\n+CME ERROR: 10\r\n",
    "\r\n+CME ERROR: 11\r\n",
    "\r\n+CME ERROR: SIM busy\r\n",
    "\r\n+CME ERROR: incorrect password\r\n",
    "\r\nCOMMAND NOT SUPPORT\r\n",
    "\r\n+CPIN: SIM PIN\r\n",
    "\r\n+CPIN: SIM PUK\r\n",
    "\r\n+CPIN: PH-NET PIN\r\n",
    "\r\n+CPIN: NOT READY\r\n",
    "\r\n+CFUN: 4\r\n",
    "\r\n+CEREG: 0,2\r\n",
    "\r\n+CSIM: 4,\"63C2\"\r\n",
    "\r\n+CPIN: READY\r\n",
    "\r\n+ZPINPUK: 3,10\r\n",
    "\r\n+ZPINPUK: 1,10\r\n",
    "\r\n+ZUSIMR:2\r\n",
    "\r\n+CREG: 0,2\r\n",
    "\r\n+CREG: 0,3\r\n",
    "\r\n+CREG: 2,5,\"1A2B\",\"00C3\"\r\n",
    "\r\n+CGREG: 0,1\r\n",
    "\r\n+COPS: 0,0,\"MegaFon\",2\r\n",
    "\r\nMF180\r\n",
    "\r\nCONNECT 7200000\r\n",
    "\r\nCONNECT\r",
    "\r\nNO CARRIER\r\n",
    "~\u{7f}}#!}!}",
];

/// What a healthy stick says to a command.
const ANSWERS: &[(&str, &str)] = &[
    ("AT+CPMS?", "+CPMS: \"SM\",0,20,\"SM\",0,20\r\n\r\nOK"),
    ("AT+CFUN?", "+CFUN: 1\r\n\r\nOK"),
    ("AT+CPIN?", "+CPIN: READY\r\n\r\nOK"),
    ("AT+ZPINPUK=?", "+ZPINPUK: 3,10\r\n\r\nOK"),
    ("AT+CGMM", "MF180\r\n\r\nOK"),
    ("AT+CSQ", "+CSQ: 17,99\r\n\r\nOK"),
    ("AT+CREG?", "+CREG: 0,1\r\n\r\nOK"),
    ("AT+CGREG?", "+CGREG: 0,1\r\n\r\nOK"),
    ("AT+CEREG?", "+CEREG: 0,1\r\n\r\nOK"),
    ("AT+COPS?", "+COPS: 0,0,\"MegaFon\",2\r\n\r\nOK"),
    ("ATD", "CONNECT 7200000"),
    ("", "OK"),
];

pub fn dial(data: &[u8]) {
    let whole = Dialogue::run(data, &[]);
    for lengths in CUTS {
        assert_eq!(Dialogue::run(data, lengths), whole, "pieces of {lengths:?}");
    }
}

/// Everything that came out, and when.
type Told = Vec<(u64, String)>;

struct Dialogue<'a> {
    dialer: Dialer,
    stick: Source<'a>,
    /// Lengths of the pieces in which the dialer gets what the stick says.
    lengths: &'a [usize],
    /// The commands that were written.
    written: Vec<u8>,
    now: u64,
    /// The dialer knows the PIN, so it can keep it to itself.
    has_pin: bool,
    told: Told,
}

impl<'a> Dialogue<'a> {
    /// To the end; the stick is silent once `data` is used up.
    fn run(data: &'a [u8], lengths: &'a [usize]) -> Told {
        let mut stick = Source::new(data);
        let profiles: [&Profile; 2] = [&GENERIC, &PROFILES[0]];
        let profile = stick.pick(&profiles);
        let pin = stick.pick(&[None, Some(PIN)]);
        let mut settings = Settings::new("internet", "*99#", pin).unwrap();
        let is_spent = stick.octet() == 1;
        if is_spent {
            settings.withhold_pin();
        }
        let mut dialogue = Self {
            dialer: Dialer::new(profile, settings, 0),
            stick,
            lengths,
            written: Vec::new(),
            now: 0,
            has_pin: pin.is_some() && !is_spent,
            told: Told::new(),
        };
        let mut until = dialogue.hear(&[]);
        while let Some(at) = until {
            let said = dialogue.say(at);
            until = dialogue.hear(&said);
        }
        let pins = dialogue.written.windows(PIN.len());
        assert!(pins.filter(|window| *window == PIN.as_bytes()).count() <= 1);
        dialogue.told
    }

    /// What the stick says next, at the latest at `until`.
    fn say(&mut self, until: u64) -> Vec<u8> {
        if self.stick.is_empty() {
            self.now = until;
            return Vec::new();
        }
        let act = self.stick.octet() % 8;
        let at = self.now + self.stick.pick(PAUSES);
        // At the last moment it would hang on the pieces whether all of it is heard.
        if at >= until {
            self.now = until;
            return Vec::new();
        }
        self.now = at;
        match act {
            0 | 1 => self.stick.pick(LINES).into(),
            2 => self.stick.chunk().into(),
            3 => {
                let length = self.written.len();
                let from = length.saturating_sub(self.stick.octet().into());
                let to = length.min(from + usize::from(self.stick.octet()));
                self.written[from..to].into()
            }
            4 => self.last_command().into(),
            _ => {
                let command = String::from_utf8_lossy(self.last_command()).into_owned();
                let answer = ANSWERS.iter().find(|(start, _)| command.starts_with(start));
                format!("\r\n{}\r\n", answer.map_or("OK", |(_, answer)| *answer)).into()
            }
        }
    }

    /// With its carriage return.
    fn last_command(&self) -> &[u8] {
        let end = self.written.len().saturating_sub(1);
        let before = self.written[..end].iter().rposition(|byte| *byte == b'\r');
        &self.written[before.map_or(0, |at| at + 1)..]
    }

    /// Gives it to the dialer in pieces; tells until when it then waits, or that it is at its end.
    fn hear(&mut self, said: &[u8]) -> Option<u64> {
        let mut wait = None;
        for piece in cut(said, self.lengths) {
            wait = Some(self.step(piece)?);
        }
        wait
    }

    fn step(&mut self, mut piece: &[u8]) -> Option<u64> {
        loop {
            let output = self.dialer.step(&mut piece, self.now);
            let shown = match &output {
                Output::Write(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Output::Failed(error) => format!("{output:?} {error}"),
                Output::Progress(news) => format!("{output:?} {news}"),
                output => format!("{output:?}"),
            };
            match output {
                Output::Write(bytes) => self.written.extend_from_slice(bytes),
                _ => assert!(!self.has_pin || !shown.contains(PIN), "{shown}"),
            }
            match output {
                Output::Wait(until) => {
                    assert!(piece.is_empty() && until > self.now && until <= LONGEST_MS);
                    return Some(until);
                }
                Output::Connected(_) | Output::Failed(_) => {
                    self.told.push((self.now, shown));
                    return None;
                }
                _ => self.told.push((self.now, shown)),
            }
        }
    }
}
