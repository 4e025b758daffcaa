//! Writing a slot so that it is a valid image only when all of it is there.
//!
//! The slot is made invalid first; its first sector, by which U-Boot knows an image, is written
//! when everything else is on the card and has been read back.

use std::io;

use failberry_environment::{Disk, SECTOR};

use crate::Header;

/// So much is on the card at most before it is made sure of: a card is not held up by minutes of
/// writing, and progress is what it says.
const FLUSH_EVERY: u64 = 1024 * 1024;

/// What a flattened image tree begins with; its size follows, big endian.
const FIT: [u8; 4] = [0xD0, 0x0D, 0xFE, 0xED];

/// A slot that could not be written. It holds no valid image then.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The card's error.
    #[error("{what} the slot at byte {at}: {source}")]
    Io {
        /// Reading or writing.
        what: &'static str,
        /// Where.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// A block is not the one that was signed.
    #[error("block {index} of {count} is not the one that was signed")]
    WrongBlock {
        /// Its number, from 0.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// What was read back is not what was written.
    #[error("block {index} of {count} does not read back as it was written: the card is failing")]
    NotKept {
        /// Its number, from 0.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// The image is none that the boot loader would start.
    #[error("expected an image that says it has {expected} bytes, got one that says {got}")]
    NoImage {
        /// Size of the image.
        expected: u64,
        /// What it says of itself.
        got: String,
    },
    /// The image ended early.
    #[error("expected {count} blocks, got {index}")]
    Missing {
        /// Blocks that came.
        index: u64,
        /// Blocks of the image.
        count: u64,
    },
}

/// A slot being written.
pub struct SlotWriter<'a, D> {
    header: &'a Header,
    slot: &'a mut D,
    first: Vec<u8>,
    next: u64,
    unflushed: u64,
}

impl<'a, D: Disk> SlotWriter<'a, D> {
    /// Begins by making the slot invalid, for good.
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

    /// Number of the block that comes next, and its bytes; none when all are there.
    pub fn wanted(&self) -> Option<(u64, usize)> {
        let length = self.header.block_length(self.next)?;
        Some((self.next, length))
    }

    /// Takes the next block; writes it where it is the one that was signed.
    ///
    /// # Errors
    /// It is not, or the card's.
    pub fn put(&mut self, block: &[u8]) -> Result<(), WriteError> {
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
    /// Blocks are missing, the card's, or it does not give back what was written.
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
                // The first sector is not there yet.
                kept.splice(..head.len(), head.iter().copied());
            }
            if !self.header.holds(index, &kept) {
                return Err(WriteError::NotKept { index, count });
            }
        }
        self.write(0, head)?;
        self.flush(0)?;
        self.read(0, &mut kept)?;
        if kept != first {
            return Err(WriteError::NotKept { index: 0, count });
        }
        Ok(())
    }

    /// Whether this is the beginning of an image that is as long as the header says.
    fn check_image(&self, block: &[u8]) -> Result<(), WriteError> {
        let expected = self.header.payload;
        let size = block
            .strip_prefix(&FIT)
            .and_then(|rest| rest.first_chunk())
            .map(|size| u64::from(u32::from_be_bytes(*size)));
        if size == Some(expected) {
            return Ok(());
        }
        Err(WriteError::NoImage {
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
