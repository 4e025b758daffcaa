//! SMS-DELIVER, octet by octet (3GPP 23.040, 9.2.2.1).

use heapless::String;
use thiserror::Error;

use super::{Message, MessageStatus, Part, Timestamp};
use crate::{
    at::{Text, text},
    modem::text::{Alphabet, Prose, octets, prose, ucs2_octets, unpack},
};

/// A PDU that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("SMS octet {at}: expected {expected}")]
pub struct PduError {
    /// Which octet, from 0 on.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

/// Octets taken off one by one.
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], PduError> {
        let at = self.at;
        let taken = self.octets.get(at..at.saturating_add(count));
        self.at = at.saturating_add(count);
        taken.ok_or(PduError { at, expected })
    }

    fn octet(&mut self, expected: &'static str) -> Result<u8, PduError> {
        let at = self.at;
        let octet = self.take(1, expected)?.first().copied();
        octet.ok_or(PduError { at, expected })
    }
}

/// What a user data header tells.
#[derive(Default)]
struct Header {
    /// Octets with the length before it.
    length: usize,
    part: Option<Part>,
}

/// Decodes the digits of a stored message, which begin with the service centre's address.
pub(super) fn decode(
    digits: &str,
    index: Option<u16>,
    status: MessageStatus,
) -> Result<Message, PduError> {
    let octets = octets(digits).ok_or(PduError {
        at: 0,
        expected: "pairs of hexadecimal digits",
    })?;
    let mut reader = Reader {
        octets: &octets,
        at: 0,
    };
    let centre = reader.octet("the length of the service centre's address")?;
    reader.take(centre.into(), "the service centre's address")?;
    let first = reader.octet("the kind of message")?;
    if first & 0x03 != 0 {
        let at = reader.at - 1;
        let expected = "SMS-DELIVER";
        return Err(PduError { at, expected });
    }
    let sender = address(&mut reader)?;
    reader.octet("the protocol")?;
    let alphabet = Alphabet::of_message(reader.octet("the coding scheme")?);
    let sent = Timestamp::of_octets(reader.take(7, "the time stamp")?);
    let length = usize::from(reader.octet("the length of the text")?);
    let (octets, expected) = match alphabet {
        Alphabet::Gsm => ((7 * length).div_ceil(8), "the text in septets"),
        Alphabet::Data | Alphabet::Ucs2 => (length, "the text in octets"),
    };
    let at = reader.at;
    let data = reader.take(octets, expected)?;
    let header = match first & 0x40 {
        0 => Header::default(),
        _ => header(data).ok_or(PduError {
            at,
            expected: "a header within the text",
        })?,
    };
    Ok(Message {
        index,
        status,
        sender,
        sent,
        part: header.part,
        text: body(data, header.length, length, alphabet),
    })
}

/// The sender: a number of so many digits, or a name in septets (3GPP 23.040, 9.1.2.5).
fn address(reader: &mut Reader<'_>) -> Result<Text, PduError> {
    let digits = usize::from(reader.octet("the length of the sender")?);
    let kind = reader.octet("the kind of the sender")?;
    let octets = reader.take(digits.div_ceil(2), "the sender")?;
    // A name.
    if kind & 0x70 == 0x50 {
        return Ok(text(&unpack(octets, 0, digits * 4 / 7)));
    }
    let nibbles = octets.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]);
    let mut number = String::<{ crate::at::TEXT_MAX }>::new();
    // International.
    if kind & 0x70 == 0x10 {
        let _ = number.push('+');
    }
    for nibble in nibbles.take(digits) {
        let known = "0123456789*#abc".chars().nth(nibble.into());
        // Twenty digits is the most an address has; more than fit are not read.
        let _ = number.push(known.unwrap_or('?'));
    }
    Ok(number)
}

/// The elements of a user data header (3GPP 23.040, 9.2.3.24): only the number of a part matters.
fn header(data: &[u8]) -> Option<Header> {
    let (&length, rest) = data.split_first()?;
    let mut elements = rest.get(..length.into())?;
    let mut part = None;
    while let [kind, length, after @ ..] = elements {
        let (element, behind) = after.split_at_checked((*length).into())?;
        part = match (*kind, element) {
            (0x00, &[reference, of, number]) => Some(Part {
                reference: reference.into(),
                number,
                of,
            }),
            (0x08, &[high, low, of, number]) => {
                let reference = u16::from_be_bytes([high, low]);
                Some(Part {
                    reference,
                    number,
                    of,
                })
            }
            _ => part,
        };
        elements = behind;
    }
    Some(Header {
        length: 1 + usize::from(length),
        part,
    })
}

fn body(data: &[u8], header: usize, length: usize, alphabet: Alphabet) -> Prose {
    let rest = data.get(header..).unwrap_or_default();
    match alphabet {
        // Septets begin at a multiple of seven bits, counted with the header.
        Alphabet::Gsm => {
            let skipped = (8 * header).div_ceil(7);
            unpack(data, 7 * skipped, length.saturating_sub(skipped))
        }
        Alphabet::Ucs2 => ucs2_octets(rest),
        Alphabet::Data => prose(rest.iter().flat_map(|octet| {
            [octet >> 4, octet & 0x0f]
                .map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('?'))
        })),
    }
}
