//! Whose network it is.

use core::fmt;

use super::{
    Profile, Query,
    query::{NETWORK_MS, SetCommand, slow},
    reply::{ReplyError, fields},
    text::{Prose, is_obeyed, name},
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
    /// when only the mode is there or the name is empty.
    ///
    /// A name may be in hexadecimal digits: UCS-2, or octets of ASCII or of packed septets. The
    /// name that comes out has no line ends and nothing else that a terminal would obey.
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
        let name = shown(&name(fields.next().ok_or_else(wrong)?));
        if name.is_empty() {
            return Ok(None);
        }
        let technology = fields.number().and_then(Technology::of);
        Ok(Some(Self { name, technology }))
    }
}

/// A name in one line, and safe to log.
fn shown(name: &str) -> Text {
    let mut out = Prose::new();
    for word in name.split_whitespace() {
        let gap = if out.is_empty() { "" } else { " " };
        let safe = word.chars().map(|character| match character {
            obeyed if is_obeyed(obeyed) => char::REPLACEMENT_CHARACTER,
            other => other,
        });
        for character in gap.chars().chain(safe) {
            // What does not fit is far behind what is kept.
            let _ = out.push(character);
        }
    }
    text(&out)
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

impl SetCommand for SelectOperator {
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
    use proptest::prelude::*;

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
        assert_eq!(told("+COPS: 0,0,\"\""), None);
        for line in ["+COPS:", "+COPS: 0,0", "+COPS: (2,\"A\")"] {
            assert!(Operator::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn name_in_any_writing_reads_as_its_letters() {
        for (line, operator) in [
            (
                "+COPS: 0,0,\"004D006F007600690073007400610072\",7",
                "Movistar, LTE",
            ),
            ("+COPS: 0,0,\"041C04220421\",2", "МТС, UMTS"),
            ("+COPS: 0,2,\"00320030003400300034\",2", "20404, UMTS"),
            ("+COPS: 0,0,\"4D6F766973746172\",2", "Movistar, UMTS"),
            ("+COPS: 0,0,\"CDB73D3DA787E5\",2", "Movistar, UMTS"),
            ("+COPS: 0,0,\"A1\",2", "A1, UMTS"),
            ("+COPS: 0,0,\"CAFE\",2", "CAFE, UMTS"),
            ("+COPS: 0,0,\"Mobile Vikings\n\",7", "Mobile Vikings, LTE"),
            ("+COPS: 0,0,\"Two\n \tlines\",7", "Two lines, LTE"),
            ("+COPS: 0,0,\"Telefónica\",2", "Telefónica, UMTS"),
            ("+COPS: 0,0,Orange F,2", "Orange F, UMTS"),
            ("+COPS: 0,0,\"Orange F,2", "Orange F, UMTS"),
            (
                "+COPS: 000,000, \"Orange \"F\"\" ,002,1",
                "Orange \"F\", UMTS",
            ),
            (
                "+COPS: 0,0,\"a\u{202e}b\u{1b}[2J\"",
                "a\u{fffd}b\u{fffd}[2J",
            ),
            ("+COPS: 0,0,\"0061202E0062200F0063\"", "a\u{fffd}b\u{fffd}c"),
            ("+COPS: 0,0,\"x\",99", "x"),
        ] {
            let found = Operator::parse(line).unwrap().unwrap();
            assert_eq!(found.to_string(), operator, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_safe_to_log(name in "\\PC{0,60}|([0-9A-F]{4}){1,60}|[\u{0}-\u{2100}]{0,40}") {
            if let Ok(Some(found)) = Operator::parse(&std::format!("+COPS: 0,0,\"{name}\",2")) {
                prop_assert!(!found.name.chars().any(is_obeyed), "{found:?}");
            }
        }
    }

    #[test]
    fn operator_selections_are_formatted() {
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
