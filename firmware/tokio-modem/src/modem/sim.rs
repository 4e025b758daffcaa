//! The SIM: what it asks for, and how many wrong answers it still takes.

use core::fmt;

use heapless::String;
use thiserror::Error;

use super::{
    Profile, Query,
    query::{Order, SLOW_MS, query, slow},
    reply::{ReplyError, fields},
};
use crate::at::{Answer, Command, Text, text};

/// `+CPIN?`: what the SIM waits for (3GPP 27.007, 8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimState {
    /// Nothing. A lock of the second PIN counts as nothing: calls do not need it.
    Ready,
    /// The PIN.
    Pin,
    /// The unblocking code, after three wrong PINs.
    Puk,
    /// Another lock, to a network or a phone for instance.
    Locked(Text),
}

impl SimState {
    /// From `+CPIN: <state>`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let state = fields(line, "+CPIN").and_then(|mut fields| fields.next());
        match state {
            Some("READY" | "SIM PIN2" | "SIM PUK2") => Ok(Self::Ready),
            Some("SIM PIN") => Ok(Self::Pin),
            Some("SIM PUK") => Ok(Self::Puk),
            Some(other) if !other.is_empty() => Ok(Self::Locked(text(other))),
            _ => Err(ReplyError::new("+CPIN: <state>", line)),
        }
    }
}

query!(SimState, slow("AT+CPIN?", "+CPIN:"));

/// Tries left before the SIM locks. Every maker has a command of his own for it; the
/// [`Profile`] names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinTries {
    /// Of the PIN, 3 on a fresh SIM.
    pub pin: u8,
    /// Of the unblocking code, 10 on a fresh SIM.
    pub puk: Option<u8>,
}

/// Names of such answers, and which fields have the tries of the PIN and of the unblocking code.
const TRIES: [(&str, usize, usize); 4] = [
    // ZTE: <pin>,<puk>.
    ("+ZPINPUK", 0, 1),
    // Huawei: <state>,<of what is asked>,<puk>,<pin>,<puk2>,<pin2>.
    ("^CPIN", 3, 2),
    // Quectel: "SC",<pin>,<puk>.
    ("+QPINC", 1, 2),
    // Sierra: <pin>,<pin2>,<puk>,<puk2>.
    ("+CPINC", 0, 2),
];

impl PinTries {
    /// From `+ZPINPUK: …` of ZTE, `^CPIN: …` of Huawei, `+QPINC: "SC",…` of Quectel or
    /// `+CPINC: …` of Sierra.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let find = || {
            let row = |&(name, pin, puk)| Some((fields(line, name)?, pin, puk));
            let (fields, pin, puk) = TRIES.iter().find_map(row)?;
            let field = |index| fields.clone().nth(index)?.parse::<u8>().ok();
            Some(Self {
                pin: field(pin)?,
                puk: field(puk),
            })
        };
        find().ok_or_else(|| ReplyError::new("tries left of the PIN, as in +ZPINPUK: 3,10", line))
    }
}

impl Query for PinTries {
    fn command(profile: &Profile) -> Option<Command<'static>> {
        let question = profile.pin_tries.as_ref()?;
        Some(Command {
            text: question.command,
            answer: Answer::Prefixed(question.answer),
            timeout_ms: SLOW_MS,
        })
    }

    fn parse(line: &str) -> Result<Self, ReplyError> {
        Self::parse(line)
    }
}

/// Longest PIN and unblocking code (3GPP 31.101, 9.5.1).
const CODE_MAX: usize = 8;

/// A code that no SIM has. The code itself is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodeError {
    /// The PIN.
    #[error("SIM PIN: expected 4 to {CODE_MAX} digits")]
    Pin,
    /// The unblocking code.
    #[error("unblocking code (PUK): expected {CODE_MAX} digits")]
    Puk,
}

/// `+CPIN=`: enters the PIN (3GPP 27.007, 8.3). Three wrong ones lock the SIM: ask for the
/// [`PinTries`] first, and send one that was refused never again.
#[derive(Clone, PartialEq, Eq)]
pub struct EnterPin(String<CODE_MAX>);

/// `+CPIN=`: sets a new PIN with the unblocking code (3GPP 27.007, 8.3). Ten wrong ones destroy the
/// SIM.
#[derive(Clone, PartialEq, Eq)]
pub struct Unblock {
    puk: String<CODE_MAX>,
    pin: String<CODE_MAX>,
}

impl EnterPin {
    /// # Errors
    /// It is no PIN.
    pub fn new(pin: &str) -> Result<Self, CodeError> {
        digits(pin, 4).map(Self).ok_or(CodeError::Pin)
    }
}

impl Unblock {
    /// # Errors
    /// Which of the two is none.
    pub fn new(puk: &str, pin: &str) -> Result<Self, CodeError> {
        Ok(Self {
            puk: digits(puk, CODE_MAX).ok_or(CodeError::Puk)?,
            pin: digits(pin, 4).ok_or(CodeError::Pin)?,
        })
    }
}

fn digits(source: &str, least: usize) -> Option<String<CODE_MAX>> {
    let all = source.bytes().all(|byte| byte.is_ascii_digit());
    let code = String::try_from(source).ok();
    code.filter(|_| all && source.len() >= least)
}

impl Order for EnterPin {
    const TIMEOUT_MS: u64 = SLOW_MS;
}

impl Order for Unblock {
    const TIMEOUT_MS: u64 = SLOW_MS;
}

impl fmt::Display for EnterPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AT+CPIN=\"{}\"", self.0)
    }
}

impl fmt::Display for Unblock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AT+CPIN=\"{}\",\"{}\"", self.puk, self.pin)
    }
}

impl fmt::Debug for EnterPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnterPin")
    }
}

impl fmt::Debug for Unblock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unblock")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_sim_waits_for() {
        for (line, state) in [
            ("+CPIN: READY", SimState::Ready),
            ("+CPIN:READY", SimState::Ready),
            ("+CPIN: SIM PIN", SimState::Pin),
            ("+CPIN: SIM PUK", SimState::Puk),
            ("+CPIN: SIM PIN2", SimState::Ready),
            ("+CPIN: PH-NET PIN", SimState::Locked(text("PH-NET PIN"))),
        ] {
            assert_eq!(SimState::parse(line).unwrap(), state, "{line}");
        }
        assert!(SimState::parse("+CPIN:").is_err());
    }

    #[test]
    fn tries_left() {
        let tries = PinTries::parse("+ZPINPUK: 3,10").unwrap();
        assert_eq!((tries.pin, tries.puk), (3, Some(10)));
        assert_eq!(PinTries::parse("+ZPINPUK:1").unwrap().pin, 1);
        for line in [
            "+ZPINPUK:",
            "+ZPINPUK: x,10",
            "+ZPINPUK: 300,10",
            "^CPIN: READY",
            "+QPINC: \"SC\"",
            "+CPIN: 3,10",
        ] {
            assert!(PinTries::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_maker_tells_the_tries_in_his_own_order() {
        for line in [
            "+ZPINPUK: 2,9",
            "^CPIN: SIM PIN,2,9,2,10,3",
            "^CPIN: READY,,9,2,10,3",
            "+QPINC: \"SC\",2,9",
            "+CPINC: 2,3,9,10",
        ] {
            let tries = PinTries::parse(line).unwrap();
            assert_eq!((tries.pin, tries.puk), (2, Some(9)), "{line}");
        }
    }

    #[test]
    fn codes_go_out_and_do_not_show() {
        let pin = EnterPin::new("2468").unwrap();
        let unblock = Unblock::new("13572468", "2468").unwrap();
        assert_eq!(pin.to_string(), "AT+CPIN=\"2468\"");
        assert_eq!(unblock.to_string(), "AT+CPIN=\"13572468\",\"2468\"");
        assert!(!std::format!("{pin:?}{unblock:?}").contains('2'));
        for wrong in ["", "123", "123456789", "12\"4", "12ä4"] {
            assert_eq!(EnterPin::new(wrong), Err(CodeError::Pin), "{wrong}");
        }
        assert_eq!(Unblock::new("1234567", "2468"), Err(CodeError::Puk));
        assert_eq!(Unblock::new("12345678", "246"), Err(CodeError::Pin));
    }
}
