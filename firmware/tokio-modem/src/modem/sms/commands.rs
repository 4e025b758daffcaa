//! Commands about messages.

use core::fmt;

use crate::{
    at::{Answer, Command},
    modem::query::{SLOW_MS, SetCommand},
};

/// `+CMGF`: how messages are written (3GPP 27.005, 3.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageForm {
    /// Octets as they came from the network, in hexadecimal digits.
    Pdu,
    /// Text. Letters beyond the character set chosen with `+CSCS` are lost, and a text that has a
    /// line `OK` ends the answer.
    Text,
}

impl SetCommand for MessageForm {}

impl fmt::Display for MessageForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pdu => "AT+CMGF=0",
            Self::Text => "AT+CMGF=1",
        })
    }
}

/// `+CMGL`: all messages in the storage (3GPP 27.005, 3.4.2 and 4.1). Those that were unread count
/// as read from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListMessages;

impl ListMessages {
    /// The command; its lines are for a [`Listing`](super::Listing) of the same form.
    pub fn command(form: MessageForm) -> Command<'static> {
        let (text, answer) = match form {
            MessageForm::Pdu => ("AT+CMGL=4", Answer::Bare("+CMGL:")),
            MessageForm::Text => ("AT+CMGL=\"ALL\"", Answer::Text("+CMGL:")),
        };
        Command {
            text,
            answer,
            timeout_ms: SLOW_MS,
        }
    }
}

/// `+CMGR`: one message (3GPP 27.005, 3.4.3 and 4.2). Shown, it is the command as it goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadMessage(pub u16);

impl ReadMessage {
    /// The form of its answer.
    pub fn answer(form: MessageForm) -> Answer {
        match form {
            MessageForm::Pdu => Answer::Bare("+CMGR:"),
            MessageForm::Text => Answer::Text("+CMGR:"),
        }
    }
}

impl fmt::Display for ReadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AT+CMGR={}", self.0)
    }
}

/// `+CMGD`: deletes one message (3GPP 27.005, 3.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteMessage(pub u16);

impl SetCommand for DeleteMessage {
    const TIMEOUT_MS: u64 = SLOW_MS;
}

impl fmt::Display for DeleteMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AT+CMGD={}", self.0)
    }
}
