//! Image of an empty data partition (ext4): only its blocks that are not zero. It replaces `mkfs`.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// Size of a block in bytes.
const BLOCK_BYTES: usize = 1024;

/// Number of the superblock, which identifies the file system (ext4 with blocks of 1 KiB).
const SUPERBLOCK_NUMBER: u32 = 1;

/// Zeros written at once, in bytes.
const ZERO_CHUNK_BYTES: u64 = 256 * 1024;

/// Why the file system could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EmptyFsError {
    /// The image is invalid.
    #[error("expected blocks of an ext4 file system in {}, got {got}", path.display())]
    Blocks {
        /// File of the image.
        path: PathBuf,
        /// What was read.
        got: String,
    },
    /// The partition is too small.
    #[error("expected a partition of at least {expected} bytes, got {got}")]
    TooSmall {
        /// Size of the file system in bytes.
        expected: u64,
        /// Size of the partition in bytes.
        got: u64,
    },
    /// Reading or writing failed.
    #[error("{what}: {source}")]
    Io {
        /// The part concerned.
        what: &'static str,
        /// Cause.
        source: io::Error,
    },
}

/// A block device that can be flushed.
pub(super) trait Device: Read + Write + Seek {
    /// Waits until all writes are on the device.
    fn sync(&mut self) -> io::Result<()>;
}

impl Device for std::fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// An empty file system.
#[derive(Debug)]
pub(super) struct EmptyFilesystem {
    /// Numbers and contents of the blocks.
    blocks: Vec<(u32, Vec<u8>)>,
    /// In bytes.
    size: u64,
}

impl EmptyFilesystem {
    /// Parses the image in the file at `path`: records of a block number and a block.
    pub(super) fn new(path: PathBuf, bytes: &[u8]) -> Result<Self, EmptyFsError> {
        let record = |record: &[u8]| {
            let (number, block) = record.split_first_chunk::<4>()?;
            (block.len() == BLOCK_BYTES).then(|| (u32::from_le_bytes(*number), block.to_vec()))
        };
        let blocks: Option<Vec<_>> = bytes.chunks(4 + BLOCK_BYTES).map(record).collect();
        let blocks = blocks.unwrap_or_default();
        let superblock = blocks
            .iter()
            .find(|(number, _)| *number == SUPERBLOCK_NUMBER);
        let word = |at| {
            let word = superblock?.1.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*word))
        };
        // s_magic, s_blocks_count_lo and s_log_block_size.
        let is_ext4 = superblock.is_some_and(|(_, block)| is_ext4(block));
        let (Some(count), Some(0), true) = (word(4), word(24), is_ext4) else {
            let got = format!("{} bytes without a superblock of such", bytes.len());
            return Err(EmptyFsError::Blocks { path, got });
        };
        Ok(Self {
            blocks,
            size: u64::from(count) * 1024,
        })
    }

    /// Overwrites all of `device` with the empty file system. A power cut at any moment leaves the
    /// old file system, the new one, or none at all: the superblock is cleared first and written
    /// last.
    pub(super) fn write(&self, device: &mut impl Device) -> Result<(), EmptyFsError> {
        let io = |what| move |source| EmptyFsError::Io { what, source };
        let got = device.seek(SeekFrom::End(0)).map_err(io("its end"))?;
        if got < self.size {
            return Err(EmptyFsError::TooSmall {
                expected: self.size,
                got,
            });
        }
        let zeros = [0; BLOCK_BYTES];
        write_block(device, SUPERBLOCK_NUMBER, &zeros).map_err(io("its superblock"))?;
        device.sync().map_err(io("its superblock"))?;
        zero_out(device, self.size).map_err(io("making it blank"))?;
        let rest = self.blocks.iter().filter(|(n, _)| *n != SUPERBLOCK_NUMBER);
        for (number, block) in rest {
            write_block(device, *number, block).map_err(io("its blocks"))?;
        }
        device.sync().map_err(io("its blocks"))?;
        let first = self.blocks.iter().filter(|(n, _)| *n == SUPERBLOCK_NUMBER);
        for (number, block) in first {
            write_block(device, *number, block).map_err(io("its superblock"))?;
        }
        device.sync().map_err(io("its superblock"))
    }
}

/// Returns whether `device` has the superblock of an ext file system.
pub(super) fn holds_ext4(device: &mut impl Device) -> io::Result<bool> {
    let mut block = [0; BLOCK_BYTES];
    device.seek(SeekFrom::Start(block_offset(SUPERBLOCK_NUMBER)))?;
    device.read_exact(&mut block)?;
    Ok(is_ext4(&block))
}

fn is_ext4(superblock: &[u8]) -> bool {
    superblock.get(56..58) == Some(&[0x53, 0xef])
}

/// Overwrites `size` bytes with zeros.
fn zero_out(device: &mut impl Device, size: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(ZERO_CHUNK_BYTES).unwrap_or(BLOCK_BYTES)];
    device.seek(SeekFrom::Start(0))?;
    let mut left = size;
    while left > 0 {
        let next = left.min(ZERO_CHUNK_BYTES);
        let length = usize::try_from(next).unwrap_or(zeros.len());
        device.write_all(zeros.get(..length).unwrap_or(&zeros))?;
        left -= next;
    }
    device.sync()
}

fn write_block(device: &mut impl Device, number: u32, block: &[u8]) -> io::Result<()> {
    device.seek(SeekFrom::Start(block_offset(number)))?;
    device.write_all(block)
}

fn block_offset(number: u32) -> u64 {
    u64::from(number) * 1024
}

#[cfg(test)]
pub(super) mod tests;
