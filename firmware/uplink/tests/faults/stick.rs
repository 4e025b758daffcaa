//! The simulated stick: answers, hangs, and what recovers it.

use std::collections::VecDeque;

/// Time from a command to its answer, in milliseconds.
const DELAY_MS: u64 = 30;

/// The weakest action that recovers a hung stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hang {
    /// `AT+CFUN=1,1`, which it still receives on its other port.
    UntilReset,
    /// No power for a while.
    UntilPower,
    /// The host's restart.
    UntilReboot,
    /// Nothing.
    ForEver,
}

/// What ends a call in which the stick was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataMode {
    Escape,
    Goodbye,
    Dtr,
}

#[derive(Default)]
pub(crate) struct Stick {
    /// The number of its modem port while it is on the bus.
    pub(crate) tty: Option<u32>,
    next_tty: u32,
    pub(crate) cdrom: bool,
    /// It was left in flight mode.
    pub(crate) radio_off: bool,
    pub(crate) hang: Option<Hang>,
    data_mode: Option<DataMode>,
    /// The call that it is still in when it appears on the bus.
    pub(crate) left_in: Option<DataMode>,
    /// Bytes that it sends after it has appeared on the bus.
    pub(crate) noise: Option<&'static [u8]>,
    /// An unsolicited result code every so many milliseconds, until it was suppressed this often.
    pub(crate) flood: Option<(u64, u32)>,
    /// Commands received since its creation.
    pub(crate) heard: Vec<String>,
    /// Springs at this command instead of an answer, once.
    pub(crate) trap: Option<(&'static str, Trap)>,
    pub(crate) sprung: Option<Trap>,
    /// Time from `ATD` to `CONNECT`, and whether any byte aborts the dial.
    pub(crate) slow_dial: Option<(u64, bool)>,
    /// It is dialling until then.
    dialling_until: Option<u64>,
    rules: Vec<(&'static str, VecDeque<&'static str>)>,
    line: String,
    arrivals: VecDeque<(u64, Vec<u8>)>,
    next_flood: u64,
    /// The noise is pending.
    noisy: bool,
}

/// An event that a command triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    Hang(Hang),
    /// Unplugged, and plugged in again after so many milliseconds.
    Pull(u64),
}

impl Stick {
    /// Answers commands with this prefix by these texts, one after the other, then as usual. An empty
    /// text is silence.
    pub(crate) fn answer_with(&mut self, command: &'static str, said: &[&'static str]) {
        self.rules.push((command, said.iter().copied().collect()));
    }

    /// Appears on the bus; its ports get new numbers each time.
    pub(crate) fn enumerate(&mut self) {
        self.tty = Some(self.next_tty + 2);
        self.next_tty += 3;
        self.noisy = true;
        self.line.clear();
        self.arrivals.clear();
        self.data_mode = self.left_in.take();
    }

    /// Leaves the bus.
    pub(crate) fn leave(&mut self) {
        self.tty = None;
        self.arrivals.clear();
        self.dialling_until = None;
    }

    /// Recovers from a hang that `by` ends.
    pub(crate) fn revive(&mut self, by: Hang) {
        if self.hang.is_some_and(|hang| hang <= by) {
            self.hang = None;
        }
    }

    pub(crate) fn dtr(&mut self, on: bool) {
        if !on && self.data_mode == Some(DataMode::Dtr) {
            self.data_mode = None;
        }
    }

    pub(crate) fn log_line(&mut self, at: u64, bytes: &[u8]) {
        let place = self.arrivals.partition_point(|(other, _)| *other <= at);
        self.arrivals.insert(place, (at, bytes.to_vec()));
    }

    /// Returns when it sends something next.
    pub(crate) fn next(&self) -> Option<u64> {
        let flood = self.flood.map(|_| self.next_flood);
        let said = self.arrivals.front().map(|(at, _)| *at);
        flood.into_iter().chain(said).min()
    }

    /// Returns the bytes sent until `now`.
    pub(crate) fn read(&mut self, now: u64) -> Vec<u8> {
        if let Some((period, _)) = self.flood {
            self.next_flood = self.next_flood.max(now.saturating_sub(period));
            while self.next_flood <= now {
                let at = self.next_flood;
                self.log_line(at, b"\r\n+ZUSIMR:2\r\n");
                self.next_flood += period;
            }
        }
        let mut said = Vec::new();
        while self.arrivals.front().is_some_and(|(at, _)| *at <= now) {
            said.extend(self.arrivals.pop_front().unwrap().1);
        }
        if self.hang.is_some() || self.tty.is_none() {
            said.clear();
        }
        said
    }

    pub(crate) fn hear(&mut self, bytes: &[u8], now: u64) {
        if self.hang.is_some() || self.tty.is_none() {
            return;
        }
        if let (true, Some(noise)) = (self.noisy, self.noise) {
            self.noisy = false;
            self.log_line(now, noise);
        }
        if let Some(mode) = self.data_mode {
            self.log_line(now + DELAY_MS, b"~\xff}#\xc0!OK\r}!}\x22\n~");
            let ends = match mode {
                DataMode::Escape => bytes == b"+++",
                DataMode::Goodbye => bytes.ends_with(&[0x3d, 0xc7, 0x7e]),
                DataMode::Dtr => false,
            };
            if ends {
                self.data_mode = None;
                self.log_line(now + 2 * DELAY_MS, b"\r\nNO CARRIER\r\n");
            }
            return;
        }
        if let (Some(until), Some((_, abortable))) = (self.dialling_until, self.slow_dial)
            && now < until
        {
            if abortable {
                self.dialling_until = None;
                self.arrivals.clear();
                self.log_line(now + DELAY_MS, b"\r\nNO CARRIER\r\n");
            }
            return;
        }
        for byte in bytes {
            if *byte != b'\r' {
                self.line.push(char::from(*byte));
                continue;
            }
            let command = std::mem::take(&mut self.line);
            if let Some((_, trap)) = self.trap.take_if(|(at, _)| command.starts_with(*at)) {
                self.sprung = Some(trap);
                if let Trap::Hang(hang) = trap {
                    self.hang = Some(hang);
                }
                return;
            }
            self.log_line(now, format!("{command}\r").as_bytes());
            if command.starts_with("AT+CPMS?")
                && let Some((_, outlives)) = &mut self.flood
            {
                *outlives = outlives.saturating_sub(1);
                if *outlives == 0 {
                    self.flood = None;
                }
            }
            if command.is_empty() {
                continue;
            }
            let said = self.answer(&command);
            let mut delay = DELAY_MS;
            if let Some((takes, _)) = self.slow_dial
                && command.starts_with("ATD")
            {
                self.dialling_until = Some(now + takes);
                delay = takes;
            }
            self.heard.push(command);
            if !said.is_empty() {
                self.log_line(now + delay, format!("\r\n{said}\r\n").as_bytes());
            }
        }
    }

    pub(crate) fn count(&self, command: &str) -> usize {
        let starts = |heard: &&String| heard.starts_with(command);
        self.heard.iter().filter(starts).count()
    }

    fn answer(&mut self, command: &str) -> &'static str {
        let rule = self
            .rules
            .iter_mut()
            .filter(|(start, said)| command.starts_with(start) && !said.is_empty())
            .max_by_key(|(start, _)| start.len());
        if let Some((_, said)) = rule {
            return said.pop_front().unwrap();
        }
        match command {
            "AT" | "ATZ" | "ATH" => "OK",
            "AT+CPMS?" => "+CPMS: \"ME\",0,50,\"ME\",0,50,\"ME\",0,50\r\n\r\nOK",
            "AT+CPIN?" => "+CPIN: READY\r\n\r\nOK",
            "AT+ZPINPUK=?" => "+ZPINPUK: 3,10\r\n\r\nOK",
            "AT+CFUN?" if self.radio_off => "+CFUN: 4\r\n\r\nOK",
            "AT+CFUN?" => "+CFUN: 1\r\n\r\nOK",
            "AT+CFUN=1" => {
                self.radio_off = false;
                "OK"
            }
            "AT+CREG?" if self.radio_off => "+CREG: 0,0\r\n\r\nOK",
            "AT+CGREG?" if self.radio_off => "+CGREG: 0,0\r\n\r\nOK",
            "AT+CGMM" => "MF180\r\n\r\nOK",
            "AT+CSQ" => "+CSQ: 20,99\r\n\r\nOK",
            "AT+CREG?" => "+CREG: 0,1\r\n\r\nOK",
            "AT+CGREG?" => "+CGREG: 0,1\r\n\r\nOK",
            "AT+COPS?" => "+COPS: 0,0,\"Testnet\",2\r\n\r\nOK",
            "ATD*99#" => "CONNECT 7200000",
            other if other.starts_with("ATQ0 V1") => "OK",
            other if other.starts_with("AT+CGDCONT=1,") => "OK",
            other if other.starts_with("AT+CPIN=") => "OK",
            _ => "ERROR",
        }
    }
}
