//! Who the stick and the SIM are.

use heapless::String;

use super::reply::ReplyError;
use crate::at::{Text, text};

/// The digits of an IMEI or IMSI, at most 16.
pub type Digits = String<16>;

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

fn digits(line: &str, name: &str, least: usize) -> Option<Digits> {
    let value = line.strip_prefix(name).unwrap_or(line);
    let value = value.trim().trim_matches('"');
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
        for line in ["", "35123", "35123456789012x", "351234567890123456"] {
            assert!(imei(line).is_err(), "{line}");
        }
        assert!(imsi("2500212345678901").is_err());
    }
}
