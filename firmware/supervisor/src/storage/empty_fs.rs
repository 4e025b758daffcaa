//! An empty data partition, carried along as the blocks of it that are not zero.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// Bytes of a block.
const BLOCK_BYTES: usize = 1024;

/// Number of the block that says what kind of file system this is (ext4 with blocks of 1 KiB).
const SUPERBLOCK_NUMBER: u32 = 1;

/// Zeros written at once.
const ZERO_CHUNK_BYTES: u64 = 256 * 1024;

/// Why a partition could not be made anew.
#[derive(Debug, thiserror::Error)]
pub(super) enum EmptyFsError {
    /// The blocks are not what the assembler writes.
    #[error("expected blocks of an ext4 file system in {}, got {got}", path.display())]
    Blocks {
        /// The file with the blocks.
        path: PathBuf,
        /// What is there instead.
        got: String,
    },
    /// The partition has no room for it.
    #[error("expected a partition of at least {expected} bytes, got {got}")]
    TooSmall {
        /// Bytes of the file system.
        expected: u64,
        /// Bytes of the partition.
        got: u64,
    },
    /// Reading or writing.
    #[error("{what}: {source}")]
    Io {
        /// Where.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// A device that can be made to keep what was written.
pub(super) trait Device: Read + Write + Seek {
    /// Returns when everything written is kept.
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
    blocks: Vec<(u32, Vec<u8>)>,
    size: u64,
}

impl EmptyFilesystem {
    /// Takes apart what the assembler left in the file at `path`.
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

    /// Makes everything on `device` forgotten and an empty file system of it. A power cut at any
    /// moment leaves the old one, the new one, or none at all: what says that there is one goes
    /// first and comes last.
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

/// Whether `device` says that it holds an ext file system at all.
pub(super) fn holds_ext4(device: &mut impl Device) -> io::Result<bool> {
    let mut block = [0; BLOCK_BYTES];
    device.seek(SeekFrom::Start(block_offset(SUPERBLOCK_NUMBER)))?;
    device.read_exact(&mut block)?;
    Ok(is_ext4(&block))
}

fn is_ext4(superblock: &[u8]) -> bool {
    superblock.get(56..58) == Some(&[0x53, 0xef])
}

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
