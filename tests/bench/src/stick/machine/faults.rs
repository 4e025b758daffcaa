//! Injected faults of a stick: three kinds of hang, stuck in data mode, unanswered echo requests.

use super::{Bus, LineAction, StickMachine};
use crate::stick::modem::Action;

/// Reset command, which a stick hung until reset still accepts.
const RESTART: &[u8] = b"AT+CFUN=1,1\r";

/// Whether the stick answers, and what ends its silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It answers.
    None,
    /// Accepts bytes and answers nothing, whatever is done.
    Hung,
    /// Hung until the reset command, which is not answered either.
    HungUntilReset,
    /// Hung until a power cycle.
    HungUntilPowerCycle,
}

impl Silence {
    pub(super) fn is_silent(self) -> bool {
        self != Self::None
    }
}

/// Faults injected into a stick.
pub(super) struct Faults {
    pub(super) silence: Silence,
    /// Prefix of the command at which it hangs until reset.
    hang_at_command: Option<String>,
    /// Last bytes received while hung until reset.
    heard: Vec<u8>,
    /// Stays in data mode after the call has ended, and ignores DTR.
    pub(super) stuck_in_data_mode: bool,
    /// Removes echo requests from the data to the carrier.
    echo: Option<EchoFilter>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            silence: Silence::None,
            hang_at_command: None,
            heard: Vec::new(),
            stuck_in_data_mode: false,
            echo: None,
        }
    }
}

impl Faults {
    pub(super) fn honours_dtr(&self) -> bool {
        !self.silence.is_silent() && !self.stuck_in_data_mode
    }

    /// Returns whether one of the commands triggers the hang.
    pub(super) fn triggers_hang(&mut self, actions: &[Action]) -> bool {
        let hangs = self.hang_at_command.as_ref().is_some_and(|prefix| {
            let hears =
                |it: &Action| matches!(it, Action::Heard(command) if command.starts_with(prefix));
            actions.iter().any(hears)
        });
        if hangs {
            self.hang_at_command = None;
        }
        hangs
    }

    /// Records bytes without answering; returns whether they complete the reset command.
    pub(super) fn completes_reset_command(&mut self, bytes: &[u8]) -> bool {
        if self.silence != Silence::HungUntilReset {
            return false;
        }
        self.heard.extend(bytes);
        let restarts = (self.heard.windows(RESTART.len())).any(|window| window == RESTART);
        let old = self.heard.len().saturating_sub(RESTART.len());
        self.heard.drain(..old);
        restarts
    }

    /// Returns the part of `bytes` that is passed to the carrier.
    pub(super) fn filter_uplink(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match &mut self.echo {
            _ if self.stuck_in_data_mode => Vec::new(),
            Some(filter) => filter.pass(&bytes),
            None => bytes,
        }
    }
}

impl StickMachine {
    /// Answers the next command with this prefix with this line.
    pub(in super::super) fn answer_next_with(&mut self, prefix: &str, answer: &str) {
        self.phone.answer_next_with(prefix, answer);
    }

    /// Answers every command with this prefix with this line, until a restart.
    pub(in super::super) fn answer_all_with(&mut self, prefix: &str, answer: &str) {
        self.phone.answer_all_with(prefix, answer);
    }

    /// Starts or ends a hang: bytes are accepted and not answered.
    pub(in super::super) fn set_hung(&mut self, on: bool, now: u64) {
        self.fall_silent(if on { Silence::Hung } else { Silence::None }, now);
    }

    /// Hangs until a power cycle.
    pub(in super::super) fn crash(&mut self, now: u64) {
        self.fall_silent(Silence::HungUntilPowerCycle, now);
    }

    /// Hangs until the reset command.
    pub(in super::super) fn hang_until_reset(&mut self, now: u64) {
        self.fall_silent(Silence::HungUntilReset, now);
    }

    /// As `hang_until_reset`, beginning at the next command with this prefix.
    pub(in super::super) fn hang_at_command(&mut self, prefix: &str) {
        self.faults.hang_at_command = Some(prefix.to_owned());
    }

    fn fall_silent(&mut self, silence: Silence, now: u64) {
        self.faults.silence = silence;
        if let Bus::On(device) = &mut self.bus {
            device.freeze(silence.is_silent());
        }
        self.tick(now);
    }

    /// Ends the call but stays in data mode, ignoring DTR.
    pub(in super::super) fn hang_in_data_mode(&mut self, now: u64) {
        if self.in_call() {
            self.uplink.clear();
            self.line_actions.push(LineAction::Close);
            self.faults.stuck_in_data_mode = true;
            self.tick(now);
        }
    }

    /// Drops all later echo requests.
    pub(in super::super) fn ignore_echo(&mut self) {
        self.faults.echo = Some(EchoFilter::default());
    }

    /// Sends raw bytes on the modem port.
    pub(in super::super) fn inject(&mut self, bytes: &[u8], now: u64) {
        let modem = self.layout().modem();
        if let (Some(interface), Bus::On(device)) = (modem, &mut self.bus) {
            device.write(interface, bytes);
        }
        self.tick(now);
    }

    /// Starts an incoming call that rings `times` times.
    pub(in super::super) fn ring(&mut self, times: u32, now: u64) {
        self.phone.ring(times, now);
        self.tick(now);
    }

    /// Sets whether it starts as CD-ROM, as `AT+ZCDRUN` does.
    pub(in super::super) fn set_autorun(&mut self, on: bool) {
        self.phone.autorun = on;
    }

    /// Ends the call from the network side.
    pub(in super::super) fn drop_call(&mut self, now: u64) {
        if self.in_call() {
            self.close_line();
            self.no_carrier(now);
        }
    }
}

/// Removes LCP Echo-Requests from a stream of frames.
///
/// It need not decode frames: LCP is sent with address and control field and with every control
/// character escaped, whatever was negotiated (RFC 1662, 7.1).
#[derive(Default)]
struct EchoFilter {
    /// Start of a frame that may be an Echo-Request.
    head: Vec<u8>,
    rest: Rest,
}

/// Treatment of the rest of a frame.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Rest {
    #[default]
    Unknown,
    Passes,
    IsDropped,
}

const FLAG: u8 = 0x7e;

/// Address, control, LCP, code 9.
const ECHO_REQUEST: &[u8] = &[0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x29];

impl EchoFilter {
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::new();
        for byte in bytes {
            match self.rest {
                _ if *byte == FLAG => {
                    passed.append(&mut self.head);
                    passed.push(FLAG);
                    self.rest = Rest::Unknown;
                }
                Rest::Passes => passed.push(*byte),
                Rest::IsDropped => {}
                Rest::Unknown => {
                    self.head.push(*byte);
                    if self.head == ECHO_REQUEST {
                        self.head.clear();
                        self.rest = Rest::IsDropped;
                    } else if !ECHO_REQUEST.starts_with(&self.head) {
                        passed.append(&mut self.head);
                        self.rest = Rest::Passes;
                    }
                }
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_filter_drops_only_echo_requests() {
        let request = [&[FLAG], ECHO_REQUEST, &[1, 2, 3, FLAG]].concat();
        let reply = [FLAG, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x2a, 7, FLAG];
        let packet = [0x21, 0x45, 9, FLAG];
        let stream = [request.as_slice(), &reply, &request, &packet].concat();
        for chunk in [1, 3, 100] {
            let mut filter = EchoFilter::default();
            let passed: Vec<u8> = (stream.chunks(chunk))
                .flat_map(|bytes| filter.pass(bytes))
                .collect();
            let frames = passed.split(|byte| *byte == FLAG);
            let frames: Vec<&[u8]> = frames.filter(|frame| !frame.is_empty()).collect();
            assert_eq!(frames, [&reply[1..9], &packet[..3]]);
        }
    }
}
