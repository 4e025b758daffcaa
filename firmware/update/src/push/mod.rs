//! Push of an update over the LAN: one TLS connection, one update.
//!
//! Both ends prove their keys first. Then the laptop sends its options in a line of JSON and the
//! bundle's header; the box answers with lines of JSON. The image goes in portions, each
//! acknowledged when it is written, so that neither end runs ahead of the other.

mod admission;
mod client;
mod server;
mod stream;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

use failberry_state::Slot;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(crate) use admission::{Admission, ConnectionId};
pub use client::{PushError, Pushed, push};
pub(crate) use server::{Bounds, UpdateReceiver, handshake};

use crate::{Header, Version};

/// Default TCP port of the box.
pub const PORT: u16 = 9002;

/// Smallest number of image bytes between two acknowledgements: little enough that the slowest LAN
/// and card have them in seconds.
const PORTION: u64 = 256 * 1024;

/// Longest line of JSON in bytes; a reason is a sentence.
const MAX_LINE_LEN: usize = 4096;

/// Options of a push, sent by the laptop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushOptions {
    /// Accept an older version than the running one.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Restart the box into it at once.
    #[serde(default)]
    pub restart: bool,
}

/// Answer of the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// The header is accepted; the image may follow.
    Accepted {
        /// Slot it will be written to.
        slot: Slot,
        /// Running version.
        running: Version,
    },
    /// Number of bytes written so far.
    Written(u64),
    /// The image is complete and will be tried.
    Installed,
    /// The update is refused.
    Refused {
        /// The reason.
        why: String,
    },
}

/// Returns the bytes of this image between two acknowledgements: whole blocks, since only those are
/// written.
fn portion(header: &Header) -> u64 {
    PORTION.max(header.block.into())
}

fn send<T: Serialize>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.flush()
}

/// Reads one line and not a byte further: the rest belongs to other readers.
fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        if byte == *b"\n" {
            return Ok(serde_json::from_slice(&line)?);
        }
        if line.len() >= MAX_LINE_LEN {
            let why = format!("expected a line of less than {MAX_LINE_LEN} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        line.extend(byte);
    }
}
