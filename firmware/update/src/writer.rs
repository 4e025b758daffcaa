//! Slot writer: a slot becomes a valid image only when all of it is written and verified.
//!
//! The slot is made invalid first; its first sector, by which U-Boot recognises an image, is
//! written when everything else is on the card and has been read back.

use std::io;

use failberry_environment::{Disk, SECTOR};

use crate::Header;

/// Bytes written between two flushes, so that the card does not accumulate minutes of writing and
/// progress means what it says.
const FLUSH_EVERY: u64 = 1024 * 1024;

/// Magic number of a flattened image tree; its size follows, big endian.
const FIT: [u8; 4] = [0xD0, 0x0D, 0xFE, 0xED];

/// The slot could not be written. It holds no valid image then.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The card reported an error.
    #[error("{what} the slot at byte {at}: {source}")]
    Io {
        /// Reading or writing.
        what: &'static str,
        /// Offset in bytes.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// A block does not match its signed hash.
    #[error("block {index} of {count} is not the one that was signed")]
    WrongBlock {
        /// Its number, from 0.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// A block read back differs from what was written.
    #[error("block {index} of {count} does not read back as it was written: the card is failing")]
    ReadBackMismatch {
        /// Its number, from 0.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// The boot loader would not start this image.
    #[error("expected an image that says it has {expected} bytes, got one that says {got}")]
    NotBootable {
        /// Size of the image.
        expected: u64,
        /// Size in its own header.
        got: String,
    },
    /// Blocks are missing.
    #[error("expected {count} blocks, got {index}")]
    Missing {
        /// Blocks received.
        index: u64,
        /// Blocks of the image.
        count: u64,
    },
}

/// Writer of one slot.
pub struct SlotWriter<'a, D> {
    header: &'a Header,
    slot: &'a mut D,
    first: Vec<u8>,
    next: u64,
    unflushed: u64,
}

impl<'a, D: Disk> SlotWriter<'a, D> {
    /// Starts by invalidating the slot on the card.
    ///
    /// # Errors
    /// The card's.
    pub fn begin(header: &'a Header, slot: &'a mut D) -> Result<Self, WriteError> {
        let mut writer = Self {
            header,
            slot,
            first: Vec::new(),
            next: 0,
            unflushed: 0,
        };
        writer.write(0, &[0; SECTOR])?;
        writer.flush(0)?;
        Ok(writer)
    }

    /// Returns number and length of the next block; none when all are written.
    pub fn wanted(&self) -> Option<(u64, usize)> {
        let length = self.header.block_length(self.next)?;
        Some((self.next, length))
    }

    /// Writes the next block after checking its hash.
    ///
    /// # Errors
    /// The hash differs, or the card's error.
    pub fn write_block(&mut self, block: &[u8]) -> Result<(), WriteError> {
        let index = self.next;
        if !self.header.holds(index, block) {
            let count = self.header.blocks();
            return Err(WriteError::WrongBlock { index, count });
        }
        if index == 0 {
            self.check_image(block)?;
            self.first = block.to_vec();
        } else {
            self.write(self.place(index), block)?;
        }
        self.next += 1;
        self.unflushed += block.len() as u64;
        if self.unflushed >= FLUSH_EVERY {
            self.flush(self.place(index))?;
        }
        Ok(())
    }

    /// Makes the slot a valid image, after everything was read back from the card.
    ///
    /// # Errors
    /// Blocks are missing, the card failed, or it returned something else than was written.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let count = self.header.blocks();
        if self.next != count {
            return Err(WriteError::Missing {
                index: self.next,
                count,
            });
        }
        let first = std::mem::take(&mut self.first);
        let (head, rest) = first.split_at_checked(SECTOR).unwrap_or((&first, &[]));
        self.write(SECTOR as u64, rest)?;
        self.flush(SECTOR as u64)?;
        let mut kept = Vec::new();
        for index in 0..count {
            self.read(index, &mut kept)?;
            if index == 0 {
                // The first sector is still cleared.
                kept.splice(..head.len(), head.iter().copied());
            }
            if !self.header.holds(index, &kept) {
                return Err(WriteError::ReadBackMismatch { index, count });
            }
        }
        self.write(0, head)?;
        self.flush(0)?;
        self.read(0, &mut kept)?;
        if kept != first {
            return Err(WriteError::ReadBackMismatch { index: 0, count });
        }
        Ok(())
    }

    /// Checks that this is the beginning of an image of the length in the header.
    fn check_image(&self, block: &[u8]) -> Result<(), WriteError> {
        let expected = self.header.payload;
        let size = block
            .strip_prefix(&FIT)
            .and_then(|rest| rest.first_chunk())
            .map(|size| u64::from(u32::from_be_bytes(*size)));
        if size == Some(expected) {
            return Ok(());
        }
        Err(WriteError::NotBootable {
            expected,
            got: size.map_or("nothing: it is no FIT image".into(), |it| it.to_string()),
        })
    }

    const fn place(&self, index: u64) -> u64 {
        index * self.header.block as u64
    }

    fn read(&self, index: u64, into: &mut Vec<u8>) -> Result<(), WriteError> {
        let at = self.place(index);
        into.resize(self.header.block_length(index).unwrap_or(0), 0);
        self.slot
            .read_at(at, into)
            .map_err(failed("reading back", at))
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), WriteError> {
        self.slot.write_at(at, bytes).map_err(failed("writing", at))
    }

    fn flush(&mut self, at: u64) -> Result<(), WriteError> {
        self.unflushed = 0;
        self.slot.flush().map_err(failed("writing", at))
    }
}

fn failed(what: &'static str, at: u64) -> impl FnOnce(io::Error) -> WriteError {
    move |source| WriteError::Io { what, at, source }
}
