//! The AT engine: commands, lines and time in any order, the lines in any pieces.

use tokio_modem::at::{Answer, Command, Counters, Engine, Event, LINE_MAX, Queue, QueueError};

use super::source::{CUTS, Source, cut};

const SECRET: &str = "40718263";

const ENTER_PIN: &str = "AT+CPIN=\"40718263\"";

/// How many commands wait.
const QUEUE_MAX: usize = 3;

const COMMANDS: &[(&str, Answer)] = &[
    ("AT", Answer::Nothing),
    ("AT+CSQ", Answer::Prefixed("+CSQ:")),
    ("AT+CGMM", Answer::Bare("+CGMM:")),
    (ENTER_PIN, Answer::Nothing),
    ("ATD*99#", Answer::Call),
    ("AT+CGDCONT=1,\"IP\",\"internet\"", Answer::Nothing),
    ("AT+COPS?", Answer::Prefixed("+COPS:")),
    ("AT+CMGL=\"ALL\"", Answer::Text("+CMGL:")),
    ("AT+ZPAS?", Answer::AnyOf(&["+ZPAS:", "+BEARTYPE:"])),
    ("ATE0", Answer::Nothing),
];

const LINES: &[&str] = &[
    "\r\n",
    "OK\r\n",
    "ERROR\r\n",
    "+CME ERROR: SIM busy\r\n",
    "+CMS ERROR: 310\r\n",
    "COMMAND NOT SUPPORT\r\n",
    "CONNECT 7200000\r\n",
    "CONNECT\r",
    "NO CARRIER\r\n",
    "BUSY\r",
    "NO DIAL TONE\n",
    "+CSQ: 17,99\r\n",
    "MF180\r\n",
    "+ZUSIMR:2\r\n",
    "RING\r\n",
    "^MODE: 5,4\r\n",
    "+COPS: 0,0,\"MegaFon\",2\r\n",
    "40718263\"\r",
    "+CMGL: 1,\"REC READ\",\"+316\",,\r\n",
    "+CUSD: 1,\"Balance\r\n",
    "12.50\",15\r\n",
    "+COPS: 0,0,\"Telef\u{f3}nica\r\r\n\",7\r\n",
    "+BEARTYPE: \"UMTS\"\r\n",
    "*EMRDY: 1\r\n",
    "BOOT\r\n",
    "\0\0",
];

/// What is done to the engine.
enum Act<'a> {
    Ask(Command<'a>),
    Hear(Vec<u8>),
    /// What was written last comes back, from and to there.
    Echo(u8, u8),
    Pass(u64),
    LeaveData,
}

pub fn at_lines(data: &[u8]) {
    let acts = acts(Source::new(data));
    let whole = Dialogue::run(&acts, &[]);
    for lengths in CUTS {
        assert_eq!(
            Dialogue::run(&acts, lengths),
            whole,
            "pieces of {lengths:?}"
        );
    }
}

fn acts(mut source: Source<'_>) -> Vec<Act<'_>> {
    let mut acts = Vec::new();
    while !source.is_empty() {
        acts.push(match source.octet() % 12 {
            0..=3 => Act::Hear(source.pick(LINES).into()),
            4 | 5 => Act::Hear(source.chunk().into()),
            6 => Act::Hear(vec![source.octet(); source.octet().into()]),
            7 | 8 => {
                let (text, answer) = source.pick(COMMANDS);
                Act::Ask(command(text, answer))
            }
            9 => match core::str::from_utf8(source.chunk()) {
                Ok(text) => Act::Ask(command(text, Answer::Bare("+X:"))),
                Err(_) => Act::LeaveData,
            },
            10 => Act::Echo(source.octet(), source.octet()),
            _ => Act::Pass(source.pick(&[1, 299, 1_000, 60_000])),
        });
    }
    acts
}

fn command(text: &str, answer: Answer) -> Command<'_> {
    Command {
        text,
        answer,
        timeout_ms: 1_000,
    }
}

#[derive(Default)]
struct Dialogue {
    engine: Engine,
    queue: Queue<QUEUE_MAX>,
    now: u64,
    written: Vec<u8>,
    /// The PIN was written and no result came yet.
    guarded: bool,
    heard: Heard,
}

/// What came of it: events, the data of calls, counters.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    events: Vec<Event>,
    data: Vec<u8>,
    counters: Counters,
}

impl Dialogue {
    /// Does it all, with what is heard cut into such pieces.
    fn run(acts: &[Act<'_>], lengths: &[usize]) -> Heard {
        let mut dialogue = Self::default();
        for act in acts {
            match act {
                Act::Ask(command) => dialogue.ask(command),
                Act::Pass(ms) => dialogue.pass(*ms),
                Act::LeaveData => dialogue.engine.leave_data(),
                Act::Hear(bytes) => dialogue.hear(bytes, lengths),
                Act::Echo(from, to) => {
                    let length = dialogue.written.len();
                    let (from, to) = (length.min((*from).into()), length.min((*to).into()));
                    let echo = dialogue.written[from.min(to)..to].to_vec();
                    dialogue.hear(&echo, lengths);
                }
            }
            dialogue.start();
        }
        dialogue.heard.counters = *dialogue.engine.counters();
        dialogue.heard
    }

    fn ask(&mut self, command: &Command<'_>) {
        let waiting = self.queue.len();
        match self.queue.push(command) {
            Ok(()) => assert_eq!(self.queue.len(), waiting + 1),
            Err(QueueError::Full(most)) => assert!(waiting == most && most == QUEUE_MAX),
            Err(QueueError::Command(_)) => assert_eq!(self.queue.len(), waiting),
        }
    }

    /// The next command goes out if none has to be waited for.
    fn start(&mut self) {
        let idle = !self.engine.is_busy() && !self.engine.is_data();
        let started = self.queue.start(&mut self.engine, self.now);
        if let Some(wire) = started {
            assert!(idle && wire.ends_with(b"\r"));
            // A later argument takes the place of one whose command was given up.
            self.guarded =
                wire.starts_with(ENTER_PIN.as_bytes()) || (self.guarded && !wire.contains(&b'='));
            self.written = wire.to_vec();
        }
    }

    fn hear(&mut self, bytes: &[u8], lengths: &[usize]) {
        for mut piece in cut(bytes, lengths) {
            while let Some(event) = self.engine.receive(&mut piece) {
                self.take(event);
                self.start();
            }
            assert!(piece.is_empty() || self.engine.is_data());
            self.heard.data.extend_from_slice(piece);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        while let Some(event) = self.engine.tick(self.now) {
            self.take(event);
        }
        let deadline = self.engine.deadline();
        assert!(deadline.is_none_or(|deadline| deadline > self.now));
    }

    fn take(&mut self, event: Event) {
        check(&event, self.guarded);
        match &event {
            Event::Result(_) => {
                self.guarded = false;
                assert!(!self.engine.is_busy());
            }
            Event::TimedOut => assert!(!self.engine.is_busy()),
            Event::Information(_) => assert!(self.engine.is_busy() && !self.engine.is_data()),
            Event::Unsolicited(_) => {}
        }
        self.heard.events.push(event);
    }
}

fn check(event: &Event, guarded: bool) {
    if let Event::Information(line) | Event::Unsolicited(line) = event {
        assert!((1..=LINE_MAX).contains(&line.len()));
        assert_eq!(line.trim(), line.as_str());
        // A field in quotes may have line ends; nothing else is there that a terminal obeys.
        let is_obeyed = |c: char| {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let has_quote = line.contains('"');
        let is_text = |c| c == '\t' || (has_quote && c == '\n') || !is_obeyed(c);
        assert!(line.chars().all(is_text), "{line:?}");
    }
    if guarded {
        assert!(!format!("{event:?}").contains(SECRET), "{event:?}");
    }
}
