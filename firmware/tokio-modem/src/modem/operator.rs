//! Whose network it is.

use core::fmt;

use super::{
    Profile, Query,
    query::{NETWORK_MS, Order, slow},
    reply::{ReplyError, fields},
};
use crate::at::{Command, Text, text};

/// Radio technology, as `+COPS` and `+CREG` number it (3GPP 27.007, 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// GSM, with or without EDGE.
    Gsm,
    /// UMTS.
    Umts,
    /// UMTS with HSDPA, HSUPA or both.
    Hspa,
    /// LTE.
    Lte,
    /// New Radio.
    Nr,
}

impl Technology {
    pub(super) fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 | 1 | 3 | 8 => Self::Gsm,
            2 => Self::Umts,
            4..=6 => Self::Hspa,
            7 | 9 | 10 => Self::Lte,
            11..=13 => Self::Nr,
            _ => return None,
        })
    }
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gsm => "GSM",
            Self::Umts => "UMTS",
            Self::Hspa => "HSPA",
            Self::Lte => "LTE",
            Self::Nr => "5G",
        })
    }
}

/// `+COPS?`: whose network it is (3GPP 27.007, 7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Name or number, in the form the stick has chosen.
    pub name: Text,
    /// Radio technology, where told.
    pub technology: Option<Technology>,
}

impl Operator {
    /// From `+COPS: <mode>,<format>,"<name>"[,<technology>]`; nothing while no network is chosen,
    /// when only the mode is told.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Option<Self>, ReplyError> {
        let wrong = || ReplyError::new("+COPS: <mode>,<format>,\"<name>\",<technology>", line);
        let mut fields = fields(line, "+COPS").ok_or_else(wrong)?;
        fields.number::<u8>().ok_or_else(wrong)?;
        let Some(_format) = fields.next() else {
            return Ok(None);
        };
        let name = text(fields.next().ok_or_else(wrong)?);
        let technology = fields.number().and_then(Technology::of);
        Ok(Some(Self { name, technology }))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.technology {
            Some(technology) => write!(f, "{}, {technology}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Nothing while no network is chosen.
impl Query for Option<Operator> {
    fn command(_: &Profile) -> Option<Command<'static>> {
        // Some sticks wait for the radio.
        slow("AT+COPS?", "+COPS:")
    }

    fn parse(line: &str) -> Result<Self, ReplyError> {
        Operator::parse(line)
    }
}

/// `+COPS=`: which network to use (3GPP 27.007, 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectOperator {
    /// The SIM and the stick choose.
    Automatic,
    /// None: the stick leaves the network.
    Leave,
    /// No choice, but names in words from now on.
    NamesInWords,
    /// No choice, but names as numbers from now on.
    NamesAsNumbers,
    /// The one with this country and network code, five or six digits.
    Manual(u32),
}

impl Order for SelectOperator {
    const TIMEOUT_MS: u64 = NETWORK_MS;
}

impl fmt::Display for SelectOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.write_str("AT+COPS=0"),
            Self::Leave => f.write_str("AT+COPS=2"),
            Self::NamesInWords => f.write_str("AT+COPS=3,0"),
            Self::NamesAsNumbers => f.write_str("AT+COPS=3,2"),
            Self::Manual(network) => write!(f, "AT+COPS=1,2,\"{network:05}\""),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn operator_with_and_without_technology() {
        let told = |line| {
            Operator::parse(line)
                .unwrap()
                .map(|found| found.to_string())
        };
        assert_eq!(
            told("+COPS: 0,0,\"MegaFon, RUS\",2").unwrap(),
            "MegaFon, RUS, UMTS"
        );
        assert_eq!(told("+COPS: 0,2,\"25002\"").unwrap(), "25002");
        assert_eq!(told("+COPS: 0"), None);
        for line in ["+COPS:", "+COPS: 0,0", "+COPS: (2,\"A\")"] {
            assert!(Operator::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn choices_as_they_go_out() {
        for (choice, command) in [
            (SelectOperator::Automatic, "AT+COPS=0"),
            (SelectOperator::Leave, "AT+COPS=2"),
            (SelectOperator::NamesInWords, "AT+COPS=3,0"),
            (SelectOperator::NamesAsNumbers, "AT+COPS=3,2"),
            (SelectOperator::Manual(25002), "AT+COPS=1,2,\"25002\""),
            (SelectOperator::Manual(1001), "AT+COPS=1,2,\"01001\""),
        ] {
            assert_eq!(choice.to_string(), command);
        }
    }
}
