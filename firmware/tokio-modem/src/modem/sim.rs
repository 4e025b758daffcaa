//! The SIM: what it asks for, and the codes that are entered.

use core::fmt;

use heapless::String;
use thiserror::Error;

use super::{
    query::{SLOW_MS, SetCommand, query, slow},
    reply::{ReplyError, fields, is_same},
};
use crate::at::{Text, text};

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
/// [`PinTries`](super::PinTries) first, and send one that was refused never again.
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

impl SetCommand for EnterPin {
    const TIMEOUT_MS: u64 = SLOW_MS;
}

impl SetCommand for Unblock {
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
