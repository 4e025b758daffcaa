//! USSD: short dialogues with the network, as carriers tell the balance in.

use core::fmt;

use heapless::String;
use thiserror::Error;

use super::{
    Profile,
    query::{NETWORK_MS, Order},
    reply::ReplyError,
    text::{Alphabet, Prose, either, is_likely_ucs2, octets, pack, prose, ucs2_octets, unpack},
};

/// Longest code or answer that is sent; codes have under 20.
const CODE_MAX: usize = 32;

/// How a stick wants what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UssdCoding {
    /// As it is.
    Plain,
    /// Seven bits packed in octets, as hexadecimal digits.
    Packed,
}

/// `+CUSD=1`: sends a code, or the answer that the network asks for (3GPP 27.007, 7.15). What comes
/// of it follows `OK` as an unsolicited line: a [`Ussd`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UssdRequest {
    code: String<CODE_MAX>,
    coding: UssdCoding,
}

/// A code that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("USSD code: expected 1 to {CODE_MAX} letters, digits, stars, hashes, pluses or blanks")]
pub struct UssdCodeError;

impl UssdRequest {
    /// A code such as `*100#`, or the answer to a menu such as `1`.
    ///
    /// # Errors
    /// It has characters that could break out of the command, or too many.
    pub fn new(code: &str, profile: &Profile) -> Result<Self, UssdCodeError> {
        let in_code = |byte: u8| byte.is_ascii_alphanumeric() || b"*#+ ".contains(&byte);
        if code.is_empty() || !code.bytes().all(in_code) {
            return Err(UssdCodeError);
        }
        Ok(Self {
            code: String::try_from(code).map_err(|_| UssdCodeError)?,
            coding: profile.ussd,
        })
    }
}

impl Order for UssdRequest {
    const TIMEOUT_MS: u64 = NETWORK_MS;
}

impl fmt::Display for UssdRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AT+CUSD=1,\"")?;
        match (self.coding, pack(&self.code)) {
            (UssdCoding::Packed, Some(packed)) => {
                for octet in packed {
                    write!(f, "{octet:02X}")?;
                }
            }
            (UssdCoding::Plain, _) | (_, None) => f.write_str(&self.code)?,
        }
        // 15: the GSM alphabet, no language told.
        f.write_str("\",15")
    }
}

/// `+CUSD=2`: ends a dialogue in which the network waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UssdCancel;

impl Order for UssdCancel {}

impl fmt::Display for UssdCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AT+CUSD=2")
    }
}

/// `+CUSD:` what the network says (3GPP 27.007, 7.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ussd {
    /// How the dialogue goes on.
    pub state: UssdState,
    /// In its words.
    pub text: Prose,
}

/// How a USSD dialogue goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UssdState {
    /// 0: that is all.
    Done,
    /// 1: the network waits for an answer.
    Asks,
    /// 2: the network has ended it.
    Ended,
    /// 3: something else has answered.
    AnsweredElsewhere,
    /// 4: the network does not know the code.
    NotSupported,
    /// 5: the network did not answer.
    TimedOut,
    /// Another number.
    Other(u8),
}

impl Ussd {
    /// From `+CUSD: <state>[,"<text>"[,<coding scheme>]]`.
    ///
    /// Sticks differ in how they write the text: as it is, as UCS-2 in hexadecimal digits, or as
    /// seven bits packed in octets. The coding scheme tells what the network sent, not what the
    /// stick has made of it, so digits are read as what they make words as.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let wrong = || ReplyError::new("+CUSD: <state>,\"<text>\",<coding>", line);
        let rest = line.strip_prefix("+CUSD:").ok_or_else(wrong)?;
        let (state, rest) = rest.split_once(',').unwrap_or((rest, ""));
        let state = state.trim().parse::<u8>().map_err(|_| wrong())?;
        // The text may have quotes itself.
        let (text, coding) = match (rest.find('"'), rest.rfind('"')) {
            (Some(begin), Some(end)) if begin < end => (
                rest.get(begin + 1..end).unwrap_or_default(),
                rest.get(end + 1..).unwrap_or_default(),
            ),
            _ => rest.rsplit_once(',').unwrap_or((rest, "")),
        };
        let coding = coding.trim_matches([',', ' ']).parse().unwrap_or(15);
        Ok(Self {
            state: match state {
                0 => UssdState::Done,
                1 => UssdState::Asks,
                2 => UssdState::Ended,
                3 => UssdState::AnsweredElsewhere,
                4 => UssdState::NotSupported,
                5 => UssdState::TimedOut,
                other => UssdState::Other(other),
            },
            text: read(text.trim_matches('"'), Alphabet::of_ussd(coding)),
        })
    }
}

fn read(source: &str, alphabet: Alphabet) -> Prose {
    let Some(octets) = octets(source) else {
        return prose(source.chars());
    };
    match alphabet {
        Alphabet::Ucs2 => ucs2_octets(&octets),
        Alphabet::Gsm if is_likely_ucs2(&octets) => ucs2_octets(&octets),
        Alphabet::Gsm if source.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
            let text = unpack(&octets, 0, octets.len() * 8 / 7);
            // What fills the last octet.
            prose(text.strip_suffix('\r').unwrap_or(&text).chars())
        }
        // Digits alone: a number, rather than packed letters that happen to have none of A to F.
        Alphabet::Gsm | Alphabet::Data => either(source),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::modem::{GENERIC, profile_for};

    fn told(line: &str) -> std::string::String {
        Ussd::parse(line).unwrap().text.as_str().into()
    }

    #[test]
    fn a_balance_in_every_writing() {
        for (line, text) in [
            ("+CUSD: 0,\"Balance: 12.50 EUR\",15", "Balance: 12.50 EUR"),
            (
                "+CUSD:0,\"Balance: \"12\", or so\",15",
                "Balance: \"12\", or so",
            ),
            ("+CUSD: 0,\"Balance\n12\"", "Balance\n12"),
            (
                "+CUSD: 0,\"04110430043B0430043D0441003A0020003100320440002E\",72",
                "Баланс: 12р.",
            ),
            (
                "+CUSD: 0,\"04110430043B0430043D0441003A0020003100320440002E\",15",
                "Баланс: 12р.",
            ),
            ("+CUSD: 0,\"00420061006C0061006E00630065\",0", "Balance"),
            ("+CUSD: 0,\"C2303BEC1E971B\",15", "Balance"),
            ("+CUSD: 0,\"1234\",15", "1234"),
            ("+CUSD: 0,,15", ""),
            ("+CUSD: 4", ""),
        ] {
            assert_eq!(told(line), text, "{line}");
        }
        assert_eq!(
            Ussd::parse("+CUSD: 1,\"1 more\",15").unwrap().state,
            UssdState::Asks
        );
        assert_eq!(
            Ussd::parse("+CUSD: 4").unwrap().state,
            UssdState::NotSupported
        );
        for line in [
            "+CUSD:",
            "+CUSD: x",
            "+CUSD: 300",
            "CUSD: 0",
            "+CUSD: -1,\"a\"",
        ] {
            assert!(Ussd::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn codes_as_they_go_out() {
        let huawei = profile_for(0x12d1, 0x1003).unwrap();
        let sent = |code, profile| UssdRequest::new(code, profile).unwrap().to_string();
        assert_eq!(sent("*100#", &GENERIC), "AT+CUSD=1,\"*100#\",15");
        assert_eq!(sent("*100#", huawei), "AT+CUSD=1,\"AA180C3602\",15");
        let longest = sent(&"1".repeat(CODE_MAX), huawei);
        assert!(longest.len() <= crate::at::COMMAND_MAX, "{longest}");
        for code in ["", "*100#\"", "*100#\r", "ä", &"1".repeat(CODE_MAX + 1)] {
            assert_eq!(
                UssdRequest::new(code, &GENERIC),
                Err(UssdCodeError),
                "{code}"
            );
        }
        assert_eq!(UssdCancel.to_string(), "AT+CUSD=2");
    }

    proptest! {
        #[test]
        fn what_is_sent_packed_would_be_read_back(code in "[*#][0-9*#]{3,29}[a-zA-Z]{2}") {
            let huawei = profile_for(0x12d1, 0x1003).unwrap();
            let sent = UssdRequest::new(&code, huawei).unwrap().to_string();
            let digits = sent.split('"').nth(1).unwrap();
            let packed = octets(digits).unwrap();
            let text = unpack(&packed, 0, packed.len() * 8 / 7);
            prop_assert_eq!(text.trim_end_matches('\r'), code.as_str());
        }
    }
}
