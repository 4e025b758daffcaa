//! DNS messages (RFC 1035), as little of them as a question for IPv4 addresses takes. Pure.

use std::net::Ipv4Addr;

/// Bytes of the header (RFC 1035, 4.1.1).
const HEADER: usize = 12;

/// `TYPE A` and `CLASS IN` (RFC 1035, 3.2.2 and 3.2.4).
const A: u16 = 1;
const IN: u16 = 1;

/// Flags of the header's third and fourth byte.
const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const CODE: u16 = 0x000F;

/// Longest name and label in bytes (RFC 1035, 2.3.4).
const NAME_MAX: usize = 255;
const LABEL_MAX: usize = 63;

/// The resolver says that the name does not exist (RFC 1035, 4.1.1).
pub(super) const NO_SUCH_NAME: u8 = 3;

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// `RCODE`; 0 is no error.
    pub(super) code: u8,
    /// The answer was too long for a datagram; TCP has the rest.
    pub(super) truncated: bool,
    /// The addresses, aliases resolved.
    pub(super) addresses: Vec<Ipv4Addr>,
}

/// Returns the question for the IPv4 addresses of `host`, or none where that is no name.
pub(super) fn question(id: u16, host: &str) -> Option<Vec<u8>> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut message = Vec::with_capacity(HEADER + host.len() + 6);
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    for label in host.split('.') {
        let length = u8::try_from(label.len()).ok()?;
        if label.is_empty() || label.len() > LABEL_MAX || !label.is_ascii() {
            return None;
        }
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    if message.len() > HEADER + NAME_MAX {
        return None;
    }
    for word in [A, IN] {
        message.extend(word.to_be_bytes());
    }
    Some(message)
}

/// Returns what `message` answers to `question`; none where it is no answer to it, or malformed.
pub(super) fn answer(question: &[u8], message: &[u8]) -> Option<Answer> {
    let mut reader = Reader { message, at: 0 };
    let (id, flags) = (reader.word()?, reader.word()?);
    let [questions, answers] = [reader.word()?, reader.word()?];
    reader.skip(4)?;
    if Some(id) != question.first_chunk().copied().map(u16::from_be_bytes)
        || flags & RESPONSE == 0
        || questions != 1
    {
        return None;
    }
    // The same name, type and class; case is not significant (RFC 4343).
    let asked = question.get(HEADER..)?;
    if !reader.take(asked.len())?.eq_ignore_ascii_case(asked) {
        return None;
    }
    let truncated = flags & TRUNCATED != 0;
    let mut addresses = Vec::new();
    for _ in 0..answers {
        match reader.record() {
            Some(address) => addresses.extend(address),
            // Cut off in the middle of a record.
            None if truncated => break,
            None => return None,
        }
    }
    let code = u8::try_from(flags & CODE).ok()?;
    Some(Answer {
        code,
        truncated,
        addresses,
    })
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.message.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(drop)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn word(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().copied().map(u16::from_be_bytes)
    }

    /// Skips a name: labels up to an empty one, or up to a pointer (RFC 1035, 4.1.4), which is
    /// not followed.
    fn name(&mut self) -> Option<()> {
        loop {
            match self.byte()? {
                0 => return Some(()),
                length @ 1..=0x3F => self.skip(length.into())?,
                0xC0.. => return self.skip(1),
                _ => return None,
            }
        }
    }

    /// The addresses in a record, one where it is of that type. Which alias it belongs to does not
    /// matter: a resolver sends no addresses but those that were asked for.
    fn record(&mut self) -> Option<impl Iterator<Item = Ipv4Addr>> {
        self.name()?;
        let (kind, class) = (self.word()?, self.word()?);
        self.skip(4)?;
        let length = self.word()?;
        let data = self.take(length.into())?;
        let mut address: Option<Ipv4Addr> = None;
        if (kind, class) == (A, IN) {
            let bytes: [u8; 4] = data.try_into().ok()?;
            address = Some(bytes.into());
        }
        Some(address.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "update.failberry.test";

    fn asked() -> Vec<u8> {
        question(0x1234, HOST).unwrap()
    }

    /// An alias and two addresses, their names compressed.
    fn reply(flags: u16) -> Vec<u8> {
        let asked = asked();
        let mut message = asked[..2].to_vec();
        message.extend(flags.to_be_bytes());
        message.extend([0, 1, 0, 3, 0, 0, 0, 0]);
        message.extend(&asked[HEADER..]);
        message.extend([0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'w', 0xC0, 19]);
        for last in [7, 8] {
            message.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
        }
        message
    }

    #[test]
    fn question_has_the_form_of_rfc_1035() {
        let expected =
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x06update\x09failberry\x04test\0\0\x01\0\x01";
        assert_eq!(asked(), expected);
        assert_eq!(question(0x1234, "update.failberry.test."), Some(asked()));
    }

    #[test]
    fn text_that_is_no_name_makes_no_question() {
        let long = "a".repeat(64);
        let deep = ["a".repeat(50).as_str(); 6].join(".");
        for host in ["", ".", "a..b", "ü.de", &long, &deep] {
            assert_eq!(question(1, host), None, "{host}");
        }
    }

    #[test]
    fn answer_with_alias_gives_the_addresses() {
        let answer = answer(&asked(), &reply(0x8180)).unwrap();
        let home = [7, 8].map(|last| Ipv4Addr::new(192, 0, 2, last));
        assert_eq!((answer.code, answer.truncated), (0, false));
        assert_eq!(answer.addresses, home);
    }

    #[test]
    fn answer_to_another_question_is_ignored() {
        let asked = asked();
        let other = question(0x1235, HOST).unwrap();
        assert_eq!(answer(&other, &reply(0x8180)), None);
        let other = question(0x1234, "update.failberry.tess").unwrap();
        assert_eq!(answer(&other, &reply(0x8180)), None);
        // A question is no answer.
        assert_eq!(answer(&asked, &reply(0x0180)), None);
    }

    #[test]
    fn refusal_and_truncation_are_read() {
        let refused = answer(&asked(), &reply(0x8185)).unwrap();
        assert_eq!(refused.code, 5);
        let whole = reply(0x8380);
        let cut = answer(&asked(), &whole[..whole.len() - 3]).unwrap();
        assert!(cut.truncated);
        assert_eq!(cut.addresses, [Ipv4Addr::new(192, 0, 2, 7)]);
    }

    #[test]
    fn answer_that_is_cut_anywhere_is_no_answer() {
        let whole = reply(0x8180);
        for length in 0..whole.len() {
            assert_eq!(answer(&asked(), &whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn noise_behind_the_question_never_panics() {
        let whole = reply(0x8180);
        for place in HEADER..whole.len() {
            for value in [0, 1, 0x3F, 0x40, 0xC0, 0xFF] {
                let mut message = whole.clone();
                message[place] = value;
                let _ = answer(&asked(), &message);
            }
        }
    }
}
