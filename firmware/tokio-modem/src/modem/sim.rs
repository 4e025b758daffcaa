//! The SIM: what it asks for, and how many wrong answers it still takes.

use core::fmt;

use heapless::String;
use thiserror::Error;

use super::{
    Profile, Query,
    query::{Order, SLOW_MS, query, slow},
    reply::{ReplyError, fields, is_same},
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
    /// One of the standard's other locks: to a SIM, a network, a provider or a company.
    Locked(Text),
    /// There is none, in words of a vendor.
    NotInserted,
    /// Words that the standard does not have. They pass mostly, as `NOT READY` and `SIM BUSY` do.
    Other(Text),
}

impl SimState {
    /// From `+CPIN: <state>`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let state = fields(line, "+CPIN").and_then(|mut fields| fields.next());
        let Some(state) = state.filter(|state| !state.is_empty()) else {
            return Err(ReplyError::new("+CPIN: <state>", line));
        };
        let is = |words: &[&str]| words.iter().any(|words| is_same(state, words));
        Ok(if is(&["READY", "SIM PIN2", "SIM PUK2"]) {
            Self::Ready
        } else if is(&["SIM PIN"]) {
            Self::Pin
        } else if is(&["SIM PUK"]) {
            Self::Puk
        } else if is(&LOCKS) {
            Self::Locked(text(state))
        } else if is(&NOT_INSERTED) {
            Self::NotInserted
        } else {
            Self::Other(text(state))
        })
    }
}

/// The locks of 3GPP 27.007, 8.3, that a person has to open.
const LOCKS: [&str; 11] = [
    "PH-SIM PIN",
    "PH-FSIM PIN",
    "PH-FSIM PUK",
    "PH-NET PIN",
    "PH-NET PUK",
    "PH-NETSUB PIN",
    "PH-NETSUB PUK",
    "PH-SP PIN",
    "PH-SP PUK",
    "PH-CORP PIN",
    "PH-CORP PUK",
];

/// What vendors say where the standard has `+CME ERROR: 10`.
const NOT_INSERTED: [&str; 4] = ["NOT INSERTED", "SIM NOT INSERTED", "NO SIM", "SIM REMOVED"];

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

/// Most that a SIM counts: half an octet (ETSI 102 221, 11.1.9). More, as the 255 and 999 of some
/// sticks, stands for "unknown".
const TRIES_MAX: u8 = 15;

/// How such an answer is read.
struct Form {
    name: &'static str,
    /// What the first field must say, where the answer has lines for other codes too.
    code: Option<&'static str>,
    /// The field with the tries of the PIN.
    pin: usize,
    /// The field with those of the unblocking code.
    puk: Option<usize>,
}

const fn form(name: &'static str, pin: usize, puk: usize) -> Form {
    let (code, puk) = (None, Some(puk));
    Form {
        name,
        code,
        pin,
        puk,
    }
}

const FORMS: [Form; 15] = [
    // ZTE, Option: <pin>,<puk>.
    form("+ZPINPUK", 0, 1),
    form("_OERCN", 0, 1),
    // Huawei: <state>,<of what is asked>,<puk>,<pin>,<puk2>,<pin2>.
    form("^CPIN", 3, 2),
    // <pin>,<pin2>,<puk>,<puk2>: Sierra, u-blox, MediaTek, Fibocom (of Intel).
    form("+CPINC", 0, 2),
    form("+UPINCNT", 0, 2),
    form("+EPINC", 0, 2),
    form("+XPINCNT", 0, 2),
    // <pin>,<puk>,<pin2>,<puk2>: Ericsson, Nokia (of Icera), Altair, SIMCom, some of which have the
    // first alone.
    form("*EPIN", 0, 1),
    form("%PINNUM", 0, 1),
    form("%CPININFO", 0, 1),
    form("+SPIC", 0, 1),
    // Quectel: "SC",<pin>,<puk>, and "P2",….
    Form {
        code: Some("SC"),
        ..form("+QPINC", 1, 2)
    },
    // Of the code that was asked for, or that the SIM waits for: Cinterion, Telit.
    Form {
        puk: None,
        ..form("^SPIC", 0, 0)
    },
    Form {
        puk: None,
        ..form("#PCT", 0, 0)
    },
    // Novatel: PIN1,<pin>.
    Form {
        code: Some("PIN1"),
        puk: None,
        ..form("$NWPINR", 1, 0)
    },
];

impl PinTries {
    /// From an answer to [`Profile::pin_tries`] or to one of
    /// [`STANDARD_PIN_TRIES`](super::STANDARD_PIN_TRIES): `+ZPINPUK: 3,10`, `+CPINR: SIM PIN,3,3`,
    /// `+CSIM: 4,"63C3"` and their like.
    ///
    /// # Errors
    /// The line has another form, or a number that no SIM counts.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        FORMS
            .iter()
            .find_map(|form| form.find(line))
            .or_else(|| standard(line))
            .or_else(|| verified(line))
            .or_else(|| longcheer(line))
            .filter(|tries| tries.pin <= TRIES_MAX)
            .ok_or_else(|| ReplyError::new("tries left of the PIN, as in +ZPINPUK: 3,10", line))
    }
}

impl Form {
    fn find(&self, line: &str) -> Option<PinTries> {
        let fields = fields(line, self.name)?;
        let field = |index| fields.clone().nth(index);
        if self.code.is_some_and(|code| field(0) != Some(code)) {
            return None;
        }
        let number = |index| field(index)?.parse::<u8>().ok();
        Some(PinTries {
            pin: number(self.pin)?,
            puk: self.puk.and_then(number),
        })
    }
}

/// `+CPINR: <code>,<left>[,<of so many>]`, a line for each code.
fn standard(line: &str) -> Option<PinTries> {
    let mut fields = fields(line, "+CPINR")?;
    let is_pin = is_same(fields.next()?, "SIM PIN");
    let (pin, puk) = (fields.number().filter(|_| is_pin)?, None);
    Some(PinTries { pin, puk })
}

/// `+CSIM: <length>,"…<status>"`: 63Cx has x tries left, 6983 none (ETSI 102 221, 10.2.1).
fn verified(line: &str) -> Option<PinTries> {
    let response = fields(line, "+CSIM")?.nth(1)?;
    let status = response.get(response.len().checked_sub(4)?..)?;
    let pin = match u16::from_str_radix(status, 16).ok()? {
        status @ 0x63c0..=0x63cf => u8::try_from(status & 0xf).ok()?,
        0x6983 => 0,
        _ => return None,
    };
    Some(PinTries { pin, puk: None })
}

/// `PIN1=3; PUK1=10; PIN2=3; PUK2=10`.
fn longcheer(line: &str) -> Option<PinTries> {
    let mut parts = line.split(';').map(str::trim);
    let pin = parts.next()?.strip_prefix("PIN1=")?.parse().ok()?;
    let puk = parts.next().and_then(|part| part.strip_prefix("PUK1="));
    let puk = puk.and_then(|tries| tries.parse().ok());
    Some(PinTries { pin, puk })
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
            ("+CPIN: SIM_PIN", SimState::Pin),
            ("+CPIN: \"sim puk\"", SimState::Puk),
            ("+CPIN: PH_SP PUK", SimState::Locked(text("PH_SP PUK"))),
            ("+CPIN: NOT INSERTED", SimState::NotInserted),
            ("+CPIN: NOT READY", SimState::Other(text("NOT READY"))),
            ("+CPIN: SIM BUSY", SimState::Other(text("SIM BUSY"))),
            ("+CPIN: SIM PINX", SimState::Other(text("SIM PINX"))),
            ("+CPIN: PH-OTHER PIN", SimState::Other(text("PH-OTHER PIN"))),
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
        for (line, puk) in [
            ("+ZPINPUK: 2,9", Some(9)),
            ("_OERCN: 2, 9", Some(9)),
            ("^CPIN: SIM PIN,2,9,2,10,3", Some(9)),
            ("^CPIN: READY,,9,2,10,3", Some(9)),
            ("+QPINC: \"SC\",2,9", Some(9)),
            ("+CPINC: 2,3,9,10", Some(9)),
            ("+UPINCNT: 2,3,9,10", Some(9)),
            ("+EPINC: 2,3,9,10", Some(9)),
            ("+XPINCNT: 2, 3, 9, 10", Some(9)),
            ("*EPIN: 2, 9, 3, 10", Some(9)),
            ("%CPININFO: 2,9,3,10", Some(9)),
            ("%PINNUM: 2, 9, 3, 10", Some(9)),
            ("+SPIC: 2,9,0,10", Some(9)),
            ("+SPIC: 2", None),
            ("^SPIC: 2", None),
            ("#PCT: 2", None),
            ("$NWPINR: PIN1, 2", None),
            ("PIN1=2; PUK1=9; PIN2=3; PUK2=10", Some(9)),
            ("+CPINR: SIM PIN,2,3", None),
            ("+CPINR: \"SIM PIN\",2", None),
            ("+CSIM: 4,\"63C2\"", None),
            ("+CSIM: 4,63c2", None),
        ] {
            let tries = PinTries::parse(line).unwrap();
            assert_eq!((tries.pin, tries.puk), (2, puk), "{line}");
        }
        assert_eq!(PinTries::parse("+CSIM: 4,\"6983\"").unwrap().pin, 0);
    }

    #[test]
    fn tries_of_another_code_are_not_those_of_the_pin() {
        for line in [
            "+QPINC: \"P2\",3,10",
            "+CPINR: SIM PUK,10,10",
            "+CPINR: SIM PIN2,3,3",
            "+CPINR: 3",
            "$NWPINR: PIN2, 3",
            "+CSIM: 4,\"9000\"",
            "+CSIM: 4,\"6300\"",
            "+CSIM: 4,\"6E00\"",
            "+CSIM: 2,\"C3\"",
            "PIN2=3; PUK2=10",
            "+ZPINPUK: 255,255",
            "+CPINC: 16,3,10,10",
        ] {
            assert!(PinTries::parse(line).is_err(), "{line}");
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
