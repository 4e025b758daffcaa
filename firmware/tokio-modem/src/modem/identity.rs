//! Who the stick and the SIM are.

use heapless::String;

use super::{
    Profile, Query,
    query::{SLOW_MS, bare, query},
    reply::ReplyError,
};
use crate::at::{Answer, Command, Text, text};

/// The digits of an IMEI or IMSI, at most 16.
pub type Digits = String<16>;

/// Longest serial number of a SIM (ITU-T E.118), with the filler of its last octet.
const ICCID_MAX: usize = 20;

/// From an answer to `+CGMI`, `+CGMM` or `+CGMR`: the text, with or without its name before it.
///
/// # Errors
/// Nothing is left.
pub fn identity(line: &str) -> Result<Text, ReplyError> {
    let value = ["+CGMI:", "+CGMM:", "+CGMR:"]
        .iter()
        .find_map(|name| line.strip_prefix(name))
        .unwrap_or(line)
        .trim()
        .trim_matches('"');
    if value.is_empty() {
        return Err(ReplyError::new("a name", line));
    }
    Ok(text(value))
}

/// From an answer to `+CGSN`: the serial number of the stick, 14 to 16 digits.
///
/// # Errors
/// The line has another form.
pub fn imei(line: &str) -> Result<Digits, ReplyError> {
    digits(line, "+CGSN:", 14).ok_or_else(|| ReplyError::new("an IMEI of 14 to 16 digits", line))
}

/// From an answer to `+CIMI`: the subscriber number of the SIM, 6 to 15 digits.
///
/// # Errors
/// The line has another form.
pub fn imsi(line: &str) -> Result<Digits, ReplyError> {
    digits(line, "+CIMI:", 6)
        .filter(|digits| digits.len() <= 15)
        .ok_or_else(|| ReplyError::new("an IMSI of 6 to 15 digits", line))
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $command:literal, $answer:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type(pub Text);

        impl $type {
            /// From the answer, with or without its name before it.
            ///
            /// # Errors
            /// Nothing is left.
            pub fn parse(line: &str) -> Result<Self, ReplyError> {
                identity(line).map(Self)
            }
        }

        query!($type, bare($command, $answer));
    };
}

name!(
    /// `+CGMI`: who made the stick (3GPP 27.007, 5.1).
    Manufacturer, "AT+CGMI", "+CGMI:"
);
name!(
    /// `+CGMM`: its model (3GPP 27.007, 5.2).
    Model, "AT+CGMM", "+CGMM:"
);
name!(
    /// `+CGMR`: its firmware (3GPP 27.007, 5.3).
    Revision, "AT+CGMR", "+CGMR:"
);

/// `+CGSN`: the serial number of the stick, 14 to 16 digits (3GPP 27.007, 5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imei(pub Digits);

impl Imei {
    /// From the answer, with or without its name before it.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        imei(line).map(Self)
    }
}

query!(Imei, bare("AT+CGSN", "+CGSN:"));

/// `+CIMI`: the subscriber number of the SIM, 6 to 15 digits (3GPP 27.007, 5.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imsi(pub Digits);

impl Imsi {
    /// From the answer, with or without its name before it.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        imsi(line).map(Self)
    }
}

query!(Imsi, bare("AT+CIMI", "+CIMI:"));

/// The serial number of the SIM, 18 to 20 digits, A to F among them in some networks. Every maker has a command of his own for it; the
/// [`Profile`] names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iccid(pub String<ICCID_MAX>);

impl Iccid {
    /// From `+CCID: …`, `+ZGETICCID: …`, `^ICCID: …` and the like, or the digits alone.
    ///
    /// The number begins with 89 and has decimal digits (ITU-T E.118); some networks use A to F
    /// too. One that begins with 98 is read from the card as its octets are stored, with the digits
    /// of each swapped (3GPP 31.102, 4.2.2). F fills the last octet.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let named = line.rsplit_once("CID:").map(|(_, value)| value);
        let value = named.unwrap_or(line);
        let value = value.split(',').next().unwrap_or_default();
        Self::find(value.trim().trim_matches('"').trim())
            .ok_or_else(|| ReplyError::new("a SIM's number of 18 to 20 digits", line))
    }

    fn find(value: &str) -> Option<Self> {
        let swapped = value.starts_with("98") && value.len().is_multiple_of(2);
        let mut digits = String::<ICCID_MAX>::new();
        for pair in value.as_bytes().chunks(2) {
            let (first, second) = match *pair {
                [low, high] if swapped => (high, Some(low)),
                [first, second] => (first, Some(second)),
                [last] => (last, None),
                _ => return None,
            };
            for digit in [Some(first), second].into_iter().flatten() {
                let digit = char::from(digit).to_ascii_uppercase();
                digits.push(digit).ok()?;
            }
        }
        let filled = digits.trim_end_matches('F').len();
        digits.truncate(filled);
        let is_decimal = digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = is_decimal || (is_hexadecimal && digits.starts_with("89"));
        (digits.len() >= 18 && is_number).then_some(Self(digits))
    }
}

impl Query for Iccid {
    fn command(profile: &Profile) -> Option<Command<'static>> {
        Some(Command {
            text: profile.iccid.command,
            answer: Answer::Bare(profile.iccid.answer),
            timeout_ms: SLOW_MS,
        })
    }

    fn parse(line: &str) -> Result<Self, ReplyError> {
        Self::parse(line)
    }
}

fn digits(line: &str, name: &str, least: usize) -> Option<Digits> {
    let value = line.strip_prefix(name).unwrap_or(line);
    let value = value.split(',').next().unwrap_or_default();
    let value = value.trim().trim_matches('"').trim();
    let all = value.bytes().all(|byte| byte.is_ascii_digit());
    if !all || value.len() < least {
        return None;
    }
    Digits::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_with_and_without_prefix() {
        assert_eq!(identity("MF180").unwrap(), "MF180");
        assert_eq!(identity("+CGMM: \"MF180\"").unwrap(), "MF180");
        assert!(identity("+CGMR: ").is_err());
    }

    #[test]
    fn numbers_are_digits_of_the_right_length() {
        assert_eq!(imei("351234567890123").unwrap(), "351234567890123");
        assert_eq!(imei("+CGSN: \"35123456789012\"").unwrap(), "35123456789012");
        assert_eq!(imsi("250021234567890").unwrap(), "250021234567890");
        assert_eq!(
            imsi("+CIMI: \" 250021234567890\",1").unwrap(),
            "250021234567890"
        );
        for line in ["", "35123", "35123456789012x", "351234567890123456"] {
            assert!(imei(line).is_err(), "{line}");
        }
        assert!(imsi("2500212345678901").is_err());
    }

    #[test]
    fn the_number_of_the_sim_in_every_form() {
        for line in [
            "+CCID: \"89701983875679234987\"",
            "+ZGETICCID: 89701983875679234987",
            "^ICCID: 89701983875679234987",
            "!ICCID: 89701983875679234987",
            "89701983875679234987",
        ] {
            assert_eq!(
                Iccid::parse(line).unwrap().0,
                "89701983875679234987",
                "{line}"
            );
        }
        for (line, number) in [
            ("8970198387567923498F", "8970198387567923498"),
            ("+CCID: 8970198387567923498f", "8970198387567923498"),
            ("+ICCID: 897019838756792349FF", "897019838756792349"),
            ("+CCID: \"898600d9d22a21000035\"", "898600D9D22A21000035"),
            ("+QCCID: 898600D9D22A2100003F", "898600D9D22A2100003"),
            ("!ICCID: \"984402003576012594F9\"", "8944200053671052499"),
            ("98231420326409614067", "89324102234690160476"),
            (
                "+CCID: \"89701983875679234987\" ,\"\"",
                "89701983875679234987",
            ),
        ] {
            assert_eq!(Iccid::parse(line).unwrap().0, number, "{line}");
        }
        for line in [
            "+CCID:",
            "8970",
            "897019838756792349871",
            "+CCID: \"8970198387567923498X\"",
            "+CCID: \"CAFECAFECAFECAFECAFE\"",
            "+CCID: \"8970198387567923é498\"",
            "FFFFFFFFFFFFFFFFFFFF",
        ] {
            assert!(Iccid::parse(line).is_err(), "{line}");
        }
    }
}
