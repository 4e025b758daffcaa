//! Pushing an update over the LAN: one TLS connection, one update.
//!
//! Both ends prove their keys first. Then the laptop says its wish in a line of JSON and sends the
//! bundle's header; the box answers with lines of JSON. The image goes in portions, each of them
//! answered when it is written, so that neither end runs ahead of the other.

mod client;
mod door;
mod server;
mod stream;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

use failberry_state::Slot;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use client::{PushError, Pushed, push};
pub(crate) use door::{Door, Id};
pub(crate) use server::{Bounds, Taker, handshake};

use crate::{Header, Version};

/// Where the box listens unless its configuration says otherwise.
pub const PORT: u16 = 9002;

/// Bytes of the image between two answers, at least: little enough that the slowest LAN and card
/// have them in seconds.
const PORTION: u64 = 256 * 1024;

/// Longest line of JSON; a reason is a sentence.
const MOST_LINE: usize = 4096;

/// What the laptop wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// An older version is wanted.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// The box shall start it at once.
    #[serde(default)]
    pub restart: bool,
}

/// What the box answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// The header is good; the image may come.
    Accepted {
        /// Where it will be written.
        slot: Slot,
        /// What runs.
        running: Version,
    },
    /// So many bytes are written.
    Written(u64),
    /// All is there and will be tried.
    Installed,
    /// It is not taken.
    Refused {
        /// Why.
        why: String,
    },
}

/// Bytes of this image between two answers: whole blocks, since only those are written.
fn portion(header: &Header) -> u64 {
    PORTION.max(header.block.into())
}

fn send<T: Serialize>(stream: &mut impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.flush()
}

/// Reads up to the end of a line and no further: what follows is for others.
fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        if byte == *b"\n" {
            return Ok(serde_json::from_slice(&line)?);
        }
        if line.len() >= MOST_LINE {
            let why = format!("expected a line of less than {MOST_LINE} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        line.extend(byte);
    }
}
