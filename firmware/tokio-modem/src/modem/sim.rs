//! The SIM: what it asks for, and how many wrong answers it still takes.

use super::reply::{ReplyError, fields};
use crate::at::{Text, text};

/// `+CPIN?`: what the SIM waits for.
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

/// `+ZPINPUK=?` of ZTE: tries left before the SIM locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinTries {
    /// Of the PIN, 3 on a fresh SIM.
    pub pin: u8,
    /// Of the unblocking code, 10 on a fresh SIM.
    pub puk: Option<u8>,
}

impl PinTries {
    /// From `+ZPINPUK: <pin>[,<puk>]`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let mut fields = fields(line, "+ZPINPUK")
            .ok_or_else(|| ReplyError::new("+ZPINPUK: <pin>,<puk>", line))?;
        let pin = fields.number();
        Ok(Self {
            pin: pin.ok_or_else(|| ReplyError::new("+ZPINPUK: <pin>,<puk>", line))?,
            puk: fields.number(),
        })
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
        for line in ["+ZPINPUK:", "+ZPINPUK: x,10", "+ZPINPUK: 300,10"] {
            assert!(PinTries::parse(line).is_err(), "{line}");
        }
    }
}
