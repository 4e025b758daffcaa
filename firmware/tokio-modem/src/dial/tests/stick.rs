//! A stick of which every answer can be changed.

use std::borrow::ToOwned;

use super::*;

/// How long a stick takes for an answer.
const DELAY_MS: u64 = 20;

/// What `+++`, a frame or DTR have to do with an open call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    None,
    /// Ends with `+++` and `ATH`.
    UntilEscape,
    /// Ends with an LCP Terminate-Request.
    UntilTerminate,
    /// Ends when DTR drops.
    UntilDtr,
    /// Does not end.
    ForEver,
}

/// What is said whatever the command is.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// This. An empty one is silence.
    Result(String),
    /// The name that the command's answer has, this after it, and a result or none.
    Answer {
        /// After `+CPIN:`.
        sim: String,
        /// After any other name.
        value: String,
        end: &'static str,
    },
}

pub(super) struct Stick {
    pub(super) echo: bool,
    pub(super) call: Call,
    /// Milliseconds between lines of the flood, and how many `AT+CPMS?` it outlives.
    pub(super) flood: Option<(u64, u32)>,
    /// The commands it was told.
    pub(super) heard: Vec<String>,
    /// It says nothing any more after so many commands.
    pub(super) dies_after: Option<usize>,
    /// Each command with its answer.
    pub(super) said: Vec<(String, String)>,
    rules: Vec<(&'static str, VecDeque<&'static str>)>,
    /// Said one after the other, round and round, instead of anything else but to `AT`.
    answers: Vec<Said>,
    line: String,
    arrivals: Arrivals,
    next_flood: u64,
}

impl Stick {
    /// Healthy, echoing, SIM without PIN, at home.
    pub(super) fn new() -> Self {
        Self {
            echo: true,
            call: Call::None,
            flood: None,
            heard: Vec::new(),
            dies_after: None,
            said: Vec::new(),
            answers: Vec::new(),
            rules: Vec::new(),
            line: String::new(),
            arrivals: Arrivals::new(),
            next_flood: 0,
        }
    }

    /// The command that starts so is answered with these, one after the other, the last for ever.
    /// An empty one is silence.
    pub(super) fn on<const N: usize>(
        mut self,
        command: &'static str,
        said: [&'static str; N],
    ) -> Self {
        self.rules.retain(|(known, _)| *known != command);
        self.rules.push((command, VecDeque::from(said)));
        self
    }

    /// A SIM that asks for its PIN and takes it.
    pub(super) fn locked() -> Self {
        Self::new().on(
            "AT+CPIN?",
            ["+CPIN: SIM PIN\r\n\r\nOK", "+CPIN: READY\r\n\r\nOK"],
        )
    }

    pub(super) fn with_answers(mut self, answers: Vec<Said>) -> Self {
        self.answers = answers;
        self
    }

    pub(super) fn with_call(mut self, call: Call) -> Self {
        self.call = call;
        self
    }

    pub(super) fn count(&self, command: &str) -> usize {
        self.heard
            .iter()
            .filter(|heard| heard.starts_with(command))
            .count()
    }

    pub(super) fn say(&mut self, at: u64, bytes: &[u8]) {
        let place = self.arrivals.partition_point(|(other, _)| *other <= at);
        self.arrivals.insert(place, (at, bytes.to_vec()));
    }

    pub(super) fn dtr(&mut self, on: bool) {
        if !on && self.call == Call::UntilDtr {
            self.call = Call::None;
        }
    }

    /// What comes next, at the latest at `until`.
    pub(super) fn next_until(&mut self, until: u64) -> (u64, Vec<u8>) {
        if let Some((period, _)) = self.flood {
            while self.next_flood <= until {
                let at = self.next_flood;
                self.say(at, b"\r\n+ZUSIMR:2\r\n");
                self.next_flood += period;
            }
        }
        match self.arrivals.front() {
            Some((at, _)) if *at <= until => self.arrivals.pop_front().unwrap(),
            _ => (until, Vec::new()),
        }
    }

    pub(super) fn hear(&mut self, bytes: &[u8], now: u64) {
        let ends = match self.call {
            Call::None => true,
            Call::UntilEscape => bytes == b"+++",
            Call::UntilTerminate => bytes.ends_with(&[0x3d, 0xc7, 0x7e]),
            Call::UntilDtr | Call::ForEver => false,
        };
        if self.call != Call::None {
            // The network goes on sending packets.
            self.say(now + DELAY_MS, b"~\xff}#\xc0!OK\r}!}\x22\n~");
            if ends {
                self.call = Call::None;
                self.say(now + 2 * DELAY_MS, b"\r\nNO CARRIER\r\n");
            }
            return;
        }
        for byte in bytes {
            if *byte != b'\r' {
                self.line.push(char::from(*byte));
                continue;
            }
            let command = core::mem::take(&mut self.line);
            if command.is_empty() {
                continue;
            }
            if self
                .dies_after
                .is_some_and(|commands| self.heard.len() >= commands)
            {
                self.heard.push(command);
                continue;
            }
            if self.echo {
                self.say(now, format!("{command}\r").as_bytes());
            }
            if command.starts_with("AT+CPMS?")
                && let Some((_, outlives)) = &mut self.flood
            {
                if let Some(left) = outlives.checked_sub(1) {
                    *outlives = left;
                } else {
                    self.flood = None;
                    self.arrivals.retain(|(at, _)| *at <= now);
                }
            }
            let said = match self.any_answer(&command) {
                Some(said) => said,
                None => self.answer(&command).to_owned(),
            };
            self.said.push((command.clone(), said.clone()));
            self.heard.push(command);
            if !said.is_empty() {
                self.say(now + DELAY_MS, format!("\r\n{said}\r\n").as_bytes());
            }
        }
    }

    fn any_answer(&mut self, command: &str) -> Option<String> {
        let index = self.heard.len().checked_rem(self.answers.len())?;
        Some(match self.answers.get(index)? {
            _ if command == "AT" => "OK".into(),
            Said::Result(said) => said.clone(),
            Said::Answer { sim, end, .. } if command == "AT+CPIN?" => {
                format!("+CPIN: {sim}{end}")
            }
            Said::Answer { value, end, .. } => {
                let name = command.strip_prefix("AT").unwrap_or(command);
                let name = name.split(['?', '=']).next().unwrap_or_default();
                format!("{name}: {value}{end}")
            }
        })
    }

    fn answer(&mut self, command: &str) -> &'static str {
        // The longest rule is the most particular one.
        let rule = self
            .rules
            .iter_mut()
            .filter(|(start, _)| command.starts_with(start))
            .max_by_key(|(start, _)| start.len());
        if let Some((_, said)) = rule {
            return if said.len() > 1 {
                said.pop_front().unwrap()
            } else {
                said[0]
            };
        }
        match command {
            "AT" | "ATH" | "ATZ" => "OK",
            "AT+CPMS?" => "+CPMS: \"SM\",0,20,\"SM\",0,20,\"SM\",0,20\r\n\r\nOK",
            "AT+CPIN?" => "+CPIN: READY\r\n\r\nOK",
            "AT+ZPINPUK=?" => "+ZPINPUK: 3,10\r\n\r\nOK",
            "AT+CGMM" => "MF180\r\n\r\nOK",
            "AT+CSQ" => "+CSQ: 17,99\r\n\r\nOK",
            "AT+CREG?" => "+CREG: 0,1\r\n\r\nOK",
            "AT+CGREG?" => "+CGREG: 0,1\r\n\r\nOK",
            "AT+COPS?" => "+COPS: 0,0,\"MegaFon\",2\r\n\r\nOK",
            "ATD*99#" => "CONNECT 7200000",
            other if other.starts_with("ATQ0 V1") => "OK",
            other if other.starts_with("AT+CGDCONT=1,") => "OK",
            other if other == format!("AT+CPIN=\"{PIN}\"") => "OK",
            _ => "ERROR",
        }
    }
}
