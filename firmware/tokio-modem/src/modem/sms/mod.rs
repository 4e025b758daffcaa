//! Short messages that came in: the answers to `+CMGL` and `+CMGR`, as PDU or as text.
//!
//! Owns the grouping of lines to messages and the decoding of both forms. Takes in the lines of an
//! answer one by one; gives out a [`Message`] or what is wrong with it. Read them as PDU: it is the
//! one form in which no letter is lost and no text can pass for the end of the answer.

mod commands;
mod listing;
mod message;
mod pdu;
mod time;

pub use commands::{DeleteMessage, ListMessages, MessageForm, ReadMessage};
pub use listing::{Listing, MessageError};
pub use message::{Message, MessageStatus, Part};
pub use pdu::PduError;
pub use time::Timestamp;

#[cfg(test)]
mod tests;
