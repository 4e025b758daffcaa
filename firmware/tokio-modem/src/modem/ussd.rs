//! USSD: short dialogues with the network, as carriers tell the balance in.

use core::fmt;

use heapless::String;
use thiserror::Error;

use super::{
    Profile,
    query::{NETWORK_MS, SetCommand},
    reply::ReplyError,
    text::{Alphabet, Prose, characters, likeliest, octets, pack, prose, ucs2_octets, unpack},
};
use crate::at::Line;

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

impl SetCommand for UssdRequest {
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

impl SetCommand for UssdCancel {}

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
    /// octets in such digits that are characters or have seven bits packed in them. The coding
    /// scheme (3GPP 23.038, 5) tells what the network sent, not what the stick has made of it, so
    /// digits are read as what they make words as. Quotes may be missing, and the scheme.
    ///
    /// # Errors
    /// The line has another form, or the text is compressed (3GPP 23.042).
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let wrong = || ReplyError::new("+CUSD: <state>,\"<text>\",<coding>", line);
        let rest = line.strip_prefix("+CUSD:").ok_or_else(wrong)?;
        let (state, rest) = rest.split_once(',').unwrap_or((rest, ""));
        let state = state.trim_matches([' ', '"']).parse::<u8>();
        let state = state.map_err(|_| wrong())?;
        let (text, coding) = parts(rest.trim());
        let coding = Coding::of(coding.unwrap_or(UNSPECIFIED));
        let text = match coding.map(|coding| read(text, coding)) {
            Some(text) => text,
            // Not in digits, so it was not compressed any more.
            None if octets(text).is_none() => prose(text.chars()),
            None => return Err(ReplyError::new("a text that is not compressed", line)),
        };
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
            text,
        })
    }
}

/// The coding scheme where there is none: the GSM alphabet, no language.
const UNSPECIFIED: u8 = 15;

/// Parts text and coding scheme. The text ends at the last quote that only numbers follow, for it
/// may have quotes itself. Without such a quote it ends at the last comma, if what follows is a
/// coding scheme rather than a part of the text.
fn parts(rest: &str) -> (&str, Option<u8>) {
    let text = rest.strip_prefix('"');
    let inner = text.unwrap_or(rest);
    if let Some((text, behind)) = inner.rsplit_once('"') {
        let is_end = |byte: u8| byte.is_ascii_digit() || matches!(byte, b',' | b' ' | b'\n');
        if behind.bytes().all(is_end) {
            let coding = behind.split(',').nth(1).unwrap_or_default();
            return (text, coding.trim().parse().ok());
        }
    }
    if let Some((text, coding)) = inner.rsplit_once(',')
        && coding.trim().is_empty()
    {
        return (text.trim(), None);
    }
    if let Some((text, coding)) = inner.rsplit_once(',')
        && let Ok(number) = coding.trim().parse::<u8>()
    {
        // `10,50` is an amount. Digits are no text that has one.
        let is_amount = text.ends_with(|last: char| last.is_ascii_digit())
            && coding.len() == 2
            && !matches!(number, 15 | 17 | 68 | 72);
        if text.is_empty() || octets(text.trim()).is_some() || !is_amount {
            return (text.trim(), Some(number));
        }
    }
    (inner, None)
}

/// A coding scheme: the alphabet, and what the text begins with.
#[derive(Clone, Copy)]
struct Coding {
    alphabet: Alphabet,
    /// Two letters of the language that the text is in.
    has_language: bool,
    /// A user data header (3GPP 23.040, 9.2.3.24).
    has_header: bool,
}

impl Coding {
    /// Nothing if the text is compressed.
    fn of(scheme: u8) -> Option<Self> {
        let is_compressed = matches!(scheme, 0x60..=0x7f);
        (!is_compressed).then_some(Self {
            alphabet: Alphabet::of_ussd(scheme),
            has_language: matches!(scheme, 0x10 | 0x11),
            has_header: matches!(scheme, 0x90..=0x9f),
        })
    }
}

fn read(source: &str, coding: Coding) -> Prose {
    let text = decoded(source, coding);
    // Two letters and a carriage return, which a stick that writes plain text may make a line end.
    let language = coding.has_language.then(|| text.get(..2)).flatten();
    let behind = text
        .get(2..)
        .and_then(|rest| rest.strip_prefix(['\r', '\n']));
    match (language, behind) {
        (Some(language), Some(behind)) if is_language(language.bytes()) => {
            prose(behind.trim_start_matches('\n').chars())
        }
        _ => text,
    }
}

fn decoded(source: &str, coding: Coding) -> Prose {
    // A long text may come in lines.
    let mut joined = joined(source);
    if coding.alphabet == Alphabet::Ucs2 && joined.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        // What was cut off by its length ends in a part of a character.
        joined.truncate(joined.len() / 4 * 4);
    }
    let Some(octets) = octets(&joined) else {
        return prose(source.chars());
    };
    let header = if coding.has_header {
        header_length(&octets)
    } else {
        0
    };
    let behind = octets.get(header..).unwrap_or_default();
    match coding.alphabet {
        Alphabet::Gsm if header > 0 => {
            // The text begins at the next septet.
            let septets = (8 * header).div_ceil(7);
            unpack(&octets, 7 * septets, octets.len() * 8 / 7 - septets)
        }
        Alphabet::Data if header > 0 => characters(behind),
        Alphabet::Ucs2 => {
            // Two septets of language, filled to two octets.
            let text = match *behind {
                [low, high, ref text @ ..] if coding.has_language && high & 0xc0 == 0 => {
                    let letters = [low & 0x7f, low >> 7 | (high & 0x3f) << 1];
                    is_language(letters.into_iter()).then_some(text)
                }
                _ => None,
            };
            ucs2_octets(text.unwrap_or(behind))
        }
        alphabet => likeliest(&joined, &octets, alphabet),
    }
}

/// Octets of a user data header: its length, and elements with a length each that fill it. 0 if the
/// stick has removed it.
fn header_length(octets: &[u8]) -> usize {
    let Some((&length, behind)) = octets.split_first() else {
        return 0;
    };
    let mut elements = behind.get(..length.into()).unwrap_or_default();
    while let [_, length, ref rest @ ..] = *elements {
        match rest.get(length.into()..) {
            Some([]) => return 1 + usize::from(octets.first().copied().unwrap_or(0)),
            Some(next) => elements = next,
            None => return 0,
        }
    }
    0
}

/// Without line ends.
fn joined(source: &str) -> Line {
    let mut line = Line::new();
    for character in source.chars().filter(|character| *character != '\n') {
        // It fits: it is a part of a line.
        let _ = line.push(character);
    }
    line
}

fn is_language(mut letters: impl Iterator<Item = u8>) -> bool {
    letters.all(|letter| letter.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use core::fmt::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::modem::{GENERIC, profile_for};

    fn told(line: &str) -> std::string::String {
        Ussd::parse(line).unwrap().text.as_str().into()
    }

    fn digits(octets: impl IntoIterator<Item = u8>) -> std::string::String {
        octets
            .into_iter()
            .fold(std::string::String::new(), |mut out, octet| {
                write!(out, "{octet:02X}").unwrap();
                out
            })
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
    fn text_in_each_coding_scheme_reads_as_its_words() {
        for (line, text) in [
            // GSM alphabet: packed, as octets of ASCII, as UCS-2, as it is.
            ("+CUSD: 0,\"C2303BEC1E971B\",0", "Balance"),
            ("+CUSD: 0,\"c2303bec1e971b\",15", "Balance"),
            ("+CUSD: 0, C2303BEC1E971B", "Balance"),
            ("+CUSD: 0,C2303BEC1E971B,15", "Balance"),
            ("+CUSD:0 , \"C2303BEC1E971B\" , 15 ", "Balance"),
            ("+CUSD: 0,\"C2303BEC1E971B", "Balance"),
            ("+CUSD: 0,\"C2303BEC1E971B,15", "Balance"),
            (
                "+CUSD: 1,\"536973612070756C73612052702E3330\",0",
                "Sisa pulsa Rp.30",
            ),
            ("+CUSD: 0,\"4F4B\",15", "OK"),
            ("+CUSD: 0,\"CF25\",15", "OK"),
            (
                "+CUSD: 0,\"42616C616E63653A203130E282AC\",15",
                "Balance: 10€",
            ),
            ("+CUSD: 0,\"0042\n0061006C\",72", "Bal"),
            ("+CUSD: 0,\"0E2A0E270E310E2A0E140E35\",15", "สวัสดี"),
            // With a language before it.
            ("+CUSD: 0,\"657743186687DDE332\",16", "Balance"),
            ("+CUSD: 0,\"en\nBalance\",16", "Balance"),
            ("+CUSD: 0,\"6537004200610069\",17", "Bai"),
            ("+CUSD: 0,\"00420061\",17", "Ba"),
            // UCS-2.
            ("+CUSD: 0,\"4F60597D\",72", "你好"),
            ("+CUSD: 0,\"4F60597D4E\",72", "你好"),
            ("+CUSD: 0,\"plain\",72", "plain"),
            // With a header before it.
            ("+CUSD: 0,\"05000301020100420061\",152", "Ba"),
            ("+CUSD: 0,\"050003010201426173\",148", "Bas"),
            ("+CUSD: 0,\"00420061\",152", "Ba"),
            // Eight bits.
            ("+CUSD: 0,\"48656C6C6F\",68", "Hello"),
            ("+CUSD: 0,\"48656C6C6F\",244", "Hello"),
            ("+CUSD: 0,\"536F6C64E9203130\",68", "Soldé 10"),
            // Quotes, commas and numbers in the text, and none around it.
            ("+CUSD: 0,Balance 10,50", "Balance 10,50"),
            ("+CUSD: 0,Balance 10.50,15", "Balance 10.50"),
            ("+CUSD: 0,Hello\",15", "Hello"),
            (
                "+CUSD: 2,\"Zostalo 50,04zl do 23:59",
                "Zostalo 50,04zl do 23:59",
            ),
            ("+CUSD: 0,\"a\nb \"c\"\nd\",15", "a\nb \"c\"\nd"),
            ("+CUSD: 0,\"FACE\",15", "FACE"),
            (
                "+CUSD: 0,\"89701983875679234987\",15",
                "89701983875679234987",
            ),
            ("+CUSD: 000,\"\"", ""),
            ("+CUSD: \"0\",\"Hi\"", "Hi"),
            ("+CUSD: 0,,", ""),
        ] {
            assert_eq!(told(line), text, "{line}");
        }
        let packed = Ussd::parse("+CUSD: 0,\"C2303BEC1E971B\",96").unwrap_err();
        assert_eq!(packed.expected, "a text that is not compressed");
    }

    #[test]
    fn ussd_codes_are_formatted() {
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
        fn any_text_of_words_reads_back_in_each_writing(
            text in "[A-Z][a-z]{2,9}( [a-z]{2,9}){2,12}( [0-9]{1,4}\\.[0-9]{2} [A-Z]{3})?",
        ) {
            let ascii = digits(text.bytes());
            let ucs2 = digits(text.encode_utf16().flat_map(u16::to_be_bytes)).to_lowercase();
            let packed = digits(pack(&text).unwrap());
            // Digits alone are a number.
            prop_assume!(ascii.bytes().any(|digit| digit.is_ascii_alphabetic()));
            for source in [&ascii, &ucs2, &packed, &text] {
                for quoted in [std::format!("\"{source}\",15"), std::format!("\"{source}"), source.clone()] {
                    let line = std::format!("+CUSD: 0,{quoted}");
                    let read = told(&line);
                    prop_assert_eq!(&read, &text, "{}", line);
                }
            }
        }

        #[test]
        fn any_field_is_a_text_or_an_error(field in "\\PC{0,300}|[0-9A-F\n]{0,300}", coding in any::<u8>(), quoted: bool) {
            let quote = if quoted { "\"" } else { "" };
            let line = std::format!("+CUSD: 1,{quote}{field}{quote},{coding}");
            match Ussd::parse(&line) {
                Ok(found) => prop_assert_eq!(found.state, UssdState::Asks),
                Err(error) => prop_assert!(error.to_string().starts_with("expected "), "{error}"),
            }
        }

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
