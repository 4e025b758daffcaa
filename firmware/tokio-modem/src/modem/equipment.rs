//! The stick itself: how much of it is on, its message storage, why its last call ended.

use core::fmt;

use heapless::String;

use super::{
    query::{SLOW_MS, SetCommand, bare, query, slow, standard},
    reply::{ReplyError, fields},
};
use crate::at::{Text, text};

/// `+CFUN`: how much of the stick is on (3GPP 27.007, 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// 0: the least.
    Minimum,
    /// 1: all.
    Full,
    /// 4: all but the radio.
    Flight,
    /// A maker's own.
    Other(u8),
}

impl Function {
    /// From `+CFUN: <number>`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        match fields(line, "+CFUN").and_then(|mut fields| fields.number::<u8>()) {
            Some(0) => Ok(Self::Minimum),
            Some(1) => Ok(Self::Full),
            Some(4) => Ok(Self::Flight),
            Some(other) => Ok(Self::Other(other)),
            None => Err(ReplyError::new("+CFUN: <number>", line)),
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Minimum => 0,
            Self::Full => 1,
            Self::Flight => 4,
            Self::Other(number) => number,
        }
    }
}

query!(Function, standard("AT+CFUN?", "+CFUN:"));

impl SetCommand for Function {
    const TIMEOUT_MS: u64 = SLOW_MS;
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AT+CFUN={}", self.number())
    }
}

/// `+CFUN=1,1`: starts the stick anew (3GPP 27.007, 8.2). Its ports go away, often before `OK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart;

impl SetCommand for Restart {
    const TIMEOUT_MS: u64 = SLOW_MS;
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AT+CFUN=1,1")
    }
}

/// `+CPMS`: where messages are read from (3GPP 27.005, 3.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// `SM` for the SIM, `ME` for the stick, `MT` for both.
    pub name: String<8>,
    /// Messages in it.
    pub used: u16,
    /// Room for so many.
    pub total: u16,
}

impl Storage {
    /// From `+CPMS: "<name>",<used>,<total>,…`: the first of up to three storages.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let find = || {
            let mut fields = fields(line, "+CPMS")?;
            let name = fields
                .next()
                .filter(|name| name.starts_with(char::is_alphabetic))?;
            Some(Self {
                name: String::try_from(name).ok()?,
                used: fields.number()?,
                total: fields.number()?,
            })
        };
        find().ok_or_else(|| ReplyError::new("+CPMS: \"<name>\",<used>,<total>", line))
    }
}

query!(Storage, slow("AT+CPMS?", "+CPMS:"));

/// `+CPMS=`: which storage to use from now on (3GPP 27.005, 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseStorage {
    /// The SIM.
    Sim,
    /// The stick.
    Stick,
    /// Both, as one.
    Both,
}

impl fmt::Display for UseStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sim => "AT+CPMS=\"SM\"",
            Self::Stick => "AT+CPMS=\"ME\"",
            Self::Both => "AT+CPMS=\"MT\"",
        })
    }
}

impl SetCommand for UseStorage {
    const TIMEOUT_MS: u64 = SLOW_MS;
}

/// `+CEER`: why the last call ended, in the stick's words (3GPP 27.007, 6.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnd(pub Text);

impl CallEnd {
    /// From `+CEER: <report>`, or the report alone.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let report = line
            .strip_prefix("+CEER:")
            .unwrap_or(line)
            .trim()
            .trim_matches('"');
        if report.is_empty() {
            return Err(ReplyError::new("+CEER: <report>", line));
        }
        Ok(Self(text(report)))
    }
}

query!(CallEnd, bare("AT+CEER", "+CEER:"));

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn functions_round_trip() {
        for number in 0..=255 {
            let function = Function::parse(&std::format!("+CFUN: {number}")).unwrap();
            assert_eq!(function.to_string(), std::format!("AT+CFUN={number}"));
        }
        for line in ["+CFUN:", "+CFUN: x", "+CFUN: 256", "CFUN: 1"] {
            assert!(Function::parse(line).is_err(), "{line}");
        }
        assert_eq!(Restart.to_string(), "AT+CFUN=1,1");
    }

    #[test]
    fn storage_and_its_room() {
        let storage = Storage::parse("+CPMS: \"SM\",3,20,\"SM\",3,20,\"SM\",3,20").unwrap();
        assert_eq!(
            (storage.name.as_str(), storage.used, storage.total),
            ("SM", 3, 20)
        );
        for line in [
            "+CPMS:",
            "+CPMS: 3,20,3,20",
            "+CPMS: \"SM\",x,20",
            "+CPMS: \"a long name\",1,2",
        ] {
            assert!(Storage::parse(line).is_err(), "{line}");
        }
        assert_eq!(UseStorage::Both.to_string(), "AT+CPMS=\"MT\"");
    }

    #[test]
    fn the_last_call_ended_somehow() {
        let end = |line| CallEnd::parse(line).map(|end| end.0);
        assert_eq!(
            end("+CEER: No cause information available").unwrap(),
            "No cause information available"
        );
        assert_eq!(end("Client ended call").unwrap(), "Client ended call");
        assert!(end("+CEER: \"\"").is_err());
    }
}
