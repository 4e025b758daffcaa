//! Lines to messages.

use thiserror::Error;

use super::{Message, MessageForm, MessageStatus, PduError, Timestamp, pdu};
use crate::{
    at::text,
    modem::{
        Prose, ReplyError,
        reply::fields,
        text::{either, ucs2},
    },
};

/// A message that cannot be read. The ones after it can.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The line before its text.
    #[error(transparent)]
    Header(#[from] ReplyError),
    /// Its octets.
    #[error(transparent)]
    Pdu(#[from] PduError),
}

/// The answer to [`ListMessages`](super::ListMessages) or [`ReadMessage`](super::ReadMessage) as it
/// comes in.
#[derive(Debug)]
pub struct Listing {
    form: MessageForm,
    pending: Pending,
}

#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a message in the making, without a heap"
)]
enum Pending {
    /// A header.
    Header,
    /// The octets that a header announced.
    Pdu(Option<u16>, MessageStatus),
    /// More lines of a text.
    Text(Message),
}

const PDU_FORM: &str = "+CMGL: <index>,<status>,<name>,<length> or +CMGR: <status>,<name>,<length>";
const TEXT_FORM: &str = "+CMGL: <index>,\"<status>\",\"<sender>\",<name>,\"<time>\" or +CMGR: …";

impl Listing {
    /// Of messages in this form.
    pub fn new(form: MessageForm) -> Self {
        Self {
            form,
            pending: Pending::Header,
        }
    }

    /// Takes a line of the answer; gives out the message that it completes. The stick's own
    /// messages are passed over.
    ///
    /// # Errors
    /// The line completes a message that cannot be read.
    pub fn hear(&mut self, line: &str) -> Result<Option<Message>, MessageError> {
        let is_header = line.starts_with("+CMGL:") || line.starts_with("+CMGR:");
        match core::mem::replace(&mut self.pending, Pending::Header) {
            Pending::Pdu(index, status) if !is_header => {
                if status == MessageStatus::Own {
                    return Ok(None);
                }
                Ok(Some(pdu::decode(line, index, status)?))
            }
            Pending::Text(mut message) if !is_header => {
                extend(&mut message.text, line);
                self.pending = Pending::Text(message);
                Ok(None)
            }
            before => {
                // Of a text in lines that are not a message's, there is nothing to say.
                if is_header {
                    let form = if self.form == MessageForm::Pdu {
                        PDU_FORM
                    } else {
                        TEXT_FORM
                    };
                    let pending = match self.form {
                        MessageForm::Pdu => header_of_pdu(line),
                        MessageForm::Text => header_of_text(line),
                    };
                    self.pending = pending.ok_or_else(|| ReplyError::new(form, line))?;
                }
                Ok(finished(before))
            }
        }
    }

    /// The answer is complete: the last text, which no header ended.
    pub fn finish(self) -> Option<Message> {
        finished(self.pending)
    }
}

fn finished(pending: Pending) -> Option<Message> {
    match pending {
        Pending::Text(mut message) if message.status != MessageStatus::Own => {
            message.text = either(&message.text);
            Some(message)
        }
        _ => None,
    }
}

/// Longer than a message it is cut.
fn extend(text: &mut Prose, line: &str) {
    if !text.is_empty() {
        let _ = text.push('\n');
    }
    for character in line.chars() {
        let _ = text.push(character);
    }
}

/// Of `+CMGL`, the index comes first.
fn begin(line: &str) -> Option<(crate::modem::reply::Fields<'_>, Option<u16>, MessageStatus)> {
    let (mut fields, index) = match fields(line, "+CMGL") {
        Some(mut fields) => {
            let index = fields.number()?;
            (fields, Some(index))
        }
        None => (fields(line, "+CMGR")?, None),
    };
    let status = MessageStatus::parse(fields.next()?)?;
    Some((fields, index, status))
}

fn header_of_pdu(line: &str) -> Option<Pending> {
    let (fields, index, status) = begin(line)?;
    // The length stands last, whether there is a name before it or not.
    fields.last()?.parse::<u16>().ok()?;
    Some(Pending::Pdu(index, status))
}

fn header_of_text(line: &str) -> Option<Pending> {
    let (mut fields, index, status) = begin(line)?;
    let sender = fields.next()?;
    // With UCS-2 chosen, numbers are written in it too: four digits for each, the first of which
    // are zeros, as no number has them.
    let spelt = sender.starts_with("00") && sender.len() % 4 == 0;
    let sender = match spelt.then(|| ucs2(sender)).flatten() {
        Some(sender) => text(&sender),
        None => text(sender),
    };
    let sent = fields.nth(1).and_then(Timestamp::of_text);
    Some(Pending::Text(Message {
        index,
        status,
        sender,
        sent,
        part: None,
        text: Prose::new(),
    }))
}
