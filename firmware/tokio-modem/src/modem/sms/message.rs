//! One message.

use super::Timestamp;
use crate::{at::Text, modem::Prose};

/// A short message that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the storage; known from a list only.
    pub index: Option<u16>,
    /// Whether it was read before.
    pub status: MessageStatus,
    /// Number or name of the sender.
    pub sender: Text,
    /// When the network got it.
    pub sent: Option<Timestamp>,
    /// Which part of a longer text it is; in text mode nobody tells.
    pub part: Option<Part>,
    /// What it says. Of data that is no text, the octets in hexadecimal digits.
    pub text: Prose,
}

/// `<stat>` of 3GPP 27.005, 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStatus {
    /// 0, `REC UNREAD`.
    Unread,
    /// 1, `REC READ`.
    Read,
    /// 2 or 3, `STO UNSENT` or `STO SENT`: of one's own, never given out.
    Own,
}

/// A part of a text that was too long for one message (3GPP 23.040, 9.2.3.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The same in all parts of a text from one sender.
    pub reference: u16,
    /// From 1 on.
    pub number: u8,
    /// How many there are.
    pub of: u8,
}

impl MessageStatus {
    pub(super) fn parse(field: &str) -> Option<Self> {
        match field {
            "0" | "REC UNREAD" => Some(Self::Unread),
            "1" | "REC READ" => Some(Self::Read),
            "2" | "3" | "STO UNSENT" | "STO SENT" => Some(Self::Own),
            _ => None,
        }
    }
}
