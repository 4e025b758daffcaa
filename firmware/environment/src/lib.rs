//! U-Boot's environment as it lies on the card: two copies in raw sectors, one of them valid.
//!
//! Takes in a [`Disk`]; gives out the variables of the newer valid copy, and writes the other one,
//! so that a power cut at any moment leaves a valid copy: the old or the new.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod checksum;
mod disk;
mod slots;
#[cfg(test)]
mod tests;

use std::io;

pub use checksum::crc32;
pub use disk::{Disk, SECTOR};
pub use slots::{Slots, VariableError};

/// Bytes of one copy; `board/layout.toml` and U-Boot's configuration say the same.
pub const SIZE: usize = 0x4000;

/// Byte on the card at which each copy begins. Each has an erase block of 8 MiB to itself: power that
/// fails while one is written may cost its whole block, and must not cost the other copy.
pub const OFFSETS: [u64; 2] = [0x80_0000, 0x100_0000];

/// CRC-32 of the data and the copy's serial number stand before the data.
const HEADER: usize = 5;

/// The environment could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The device's error.
    #[error("U-Boot's environment at {at:#x}: {source}")]
    Io {
        /// Byte on the card.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// Neither copy has the checksum it says. U-Boot goes by what is compiled in then.
    #[error(
        "expected a valid copy of U-Boot's environment at {:#x} or {:#x}, got none",
        OFFSETS[0],
        OFFSETS[1]
    )]
    NoneValid,
    /// The variables need more bytes than there are.
    #[error("expected U-Boot's environment in {room} bytes, got {got}")]
    TooLarge {
        /// Bytes needed.
        got: usize,
        /// Bytes there are.
        room: usize,
    },
    /// What was read back is not what was written.
    #[error("U-Boot's environment at {at:#x} does not read back as it was written")]
    NotKept {
        /// Byte on the card.
        at: u64,
    },
}

/// The variables, in their order; those that nobody here knows are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Each as `name=value`.
    entries: Vec<Vec<u8>>,
}

impl Environment {
    /// An environment with these `name=value` texts.
    pub fn new<T: AsRef<[u8]>>(entries: &[T]) -> Self {
        let entries = entries.iter().map(|it| it.as_ref().to_vec()).collect();
        Self { entries }
    }

    /// The value of `name`; none where it is not set or no text. What is said last counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut entries = self.entries.iter().rev();
        let (_, value) = entries
            .find_map(|entry| parts(entry).filter(|(known, _)| *known == name.as_bytes()))?;
        std::str::from_utf8(value)
            .ok()
            .filter(|value| !value.is_empty())
    }

    /// Sets `name`, or takes it away where `to` is empty, as U-Boot's `setenv` does.
    pub fn set(&mut self, name: &str, to: &str) {
        let is_it =
            |entry: &Vec<u8>| parts(entry).is_some_and(|(known, _)| known == name.as_bytes());
        let place = self.entries.iter().position(is_it);
        self.entries.retain(|entry| !is_it(entry));
        if !to.is_empty() {
            // All before the first was kept, so its place is still there.
            let place = place.unwrap_or(self.entries.len());
            self.entries
                .insert(place, format!("{name}={to}").into_bytes());
        }
    }

    /// One copy as it lies on the card, `size` bytes with the serial number `serial`.
    ///
    /// # Errors
    /// The variables do not fit.
    pub fn copy(&self, size: usize, serial: u8) -> Result<Vec<u8>, EnvironmentError> {
        let mut data = Vec::with_capacity(size);
        for entry in &self.entries {
            data.extend_from_slice(entry);
            data.push(0);
        }
        data.push(0); // an empty variable ends the list
        let room = size.saturating_sub(HEADER);
        if data.len() > room {
            let got = data.len();
            return Err(EnvironmentError::TooLarge { got, room });
        }
        data.resize(room, 0);
        let mut copy = crc32(&data).to_le_bytes().to_vec();
        copy.push(serial);
        copy.append(&mut data);
        Ok(copy)
    }

    /// The serial number and the variables of one copy; none where its checksum is wrong.
    fn from_copy(copy: &[u8]) -> Option<(u8, Self)> {
        let (crc, rest) = copy.split_first_chunk()?;
        let (&serial, data) = rest.split_first()?;
        if u32::from_le_bytes(*crc) != crc32(data) {
            return None;
        }
        let entries = data
            .split(|byte| *byte == 0)
            .take_while(|entry| !entry.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        Some((serial, Self { entries }))
    }
}

/// Name and value as U-Boot's `himport_r` tells them apart: after blanks, and nothing of a comment.
/// A name without value takes away what was said of it before.
fn parts(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let begin = entry.iter().position(|byte| !b" \t".contains(byte))?;
    let entry = entry
        .get(begin..)
        .filter(|entry| !entry.starts_with(b"#"))?;
    let mut parts = entry.splitn(2, |byte| *byte == b'=');
    Some((parts.next()?, parts.next().unwrap_or_default()))
}

/// The environment of a card, and which copy it came from.
#[derive(Debug)]
pub struct Stored {
    /// The variables.
    pub environment: Environment,
    serial: u8,
    /// Number of the copy that is valid.
    copy: usize,
}

impl Stored {
    /// Reads both copies and takes the newer valid one, as U-Boot chooses it.
    ///
    /// # Errors
    /// The card's, or no copy is valid. A copy that cannot be read counts as invalid, while the
    /// other one is good.
    pub fn read(card: &impl Disk) -> Result<Self, EnvironmentError> {
        let mut failed = None;
        let mut copies = OFFSETS.map(|at| {
            let mut bytes = vec![0; SIZE];
            if let Err(source) = card.read_at(at, &mut bytes) {
                failed = Some(EnvironmentError::Io { at, source });
                return None;
            }
            Environment::from_copy(&bytes)
        });
        let serials = [&copies[0], &copies[1]].map(|it| it.as_ref().map(|it| it.0));
        let copy = newer(serials).ok_or(failed.unwrap_or(EnvironmentError::NoneValid))?;
        let (serial, environment) = copies
            .get_mut(copy)
            .and_then(Option::take)
            .ok_or(EnvironmentError::NoneValid)?;
        Ok(Self {
            environment,
            serial,
            copy,
        })
    }

    /// Writes the variables over the copy that is not the valid one, and makes it the newer.
    /// Returns when they are on the card and were read back.
    ///
    /// # Errors
    /// The card's, or that the variables do not fit. The valid copy stays valid.
    pub fn save(&mut self, card: &mut impl Disk) -> Result<(), EnvironmentError> {
        let serial = self.serial.wrapping_add(1);
        let other = 1 - self.copy;
        let at = OFFSETS.get(other).copied().unwrap_or_default();
        let bytes = self.environment.copy(SIZE, serial)?;
        let io = |source| EnvironmentError::Io { at, source };
        card.write_at(at, &bytes).map_err(io)?;
        card.flush().map_err(io)?;
        let mut kept = vec![0; SIZE];
        card.read_at(at, &mut kept).map_err(io)?;
        if kept != bytes {
            return Err(EnvironmentError::NotKept { at });
        }
        self.serial = serial;
        self.copy = other;
        Ok(())
    }
}

/// Which of two copies U-Boot takes, by their serial numbers; none for one that is not valid.
/// Only 0 after 255 is an overflow, and the first wins where they are equal.
fn newer(serials: [Option<u8>; 2]) -> Option<usize> {
    match serials {
        [None, None] => None,
        [Some(_), None] | [Some(0), Some(255)] => Some(0),
        [None, Some(_)] | [Some(255), Some(0)] => Some(1),
        [Some(first), Some(second)] => Some(usize::from(second > first)),
    }
}
