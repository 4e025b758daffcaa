//! Making a partition anew, with the power cut at every write.
#![allow(clippy::unwrap_used)]

use std::{io::Cursor, process::Command};

use super::*;
use crate::storage::tests::alone;

/// Bytes of the file systems here.
const SIZE: u64 = 4 << 20;

/// What mke2fs makes, and the blocks of it that the assembler takes along.
pub(in crate::storage) fn made_by_mke2fs(size: u64) -> (Vec<u8>, Vec<u8>) {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(size).unwrap();
    let done = Command::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-b", "1024", "-J", "size=1", "-E"])
        .args(["lazy_itable_init=0,lazy_journal_init=0,nodiscard"])
        .arg(image.path())
        .status()
        .unwrap();
    assert!(done.success());
    let volume = std::fs::read(image.path()).unwrap();
    let blocks = (0_u32..).zip(volume.chunks(BLOCK_BYTES));
    let blocks = blocks
        .filter(|(_, block)| block.iter().any(|byte| *byte != 0))
        .flat_map(|(number, block)| [&number.to_le_bytes(), block].concat())
        .collect();
    (volume, blocks)
}

/// A device that loses power after some bytes written.
struct FailingDevice {
    content: Cursor<Vec<u8>>,
    left: usize,
}

impl Read for FailingDevice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

impl Seek for FailingDevice {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.content.seek(to)
    }
}

impl Write for FailingDevice {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(self.left);
        self.left -= length;
        if length == 0 {
            return Err(io::ErrorKind::Other.into());
        }
        self.content.write(&bytes[..length])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Device for FailingDevice {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_partition_of_anything_becomes_what_mke2fs_made() {
    let _alone = alone();
    let (volume, blocks) = made_by_mke2fs(SIZE);
    let empty_fs = EmptyFilesystem::new("blocks".into(), &blocks).unwrap();
    let room = usize::try_from(SIZE).unwrap() + 5000;
    let mut device = FailingDevice {
        content: Cursor::new(vec![0xa5; room]),
        left: usize::MAX,
    };
    empty_fs.write(&mut device).unwrap();
    let content = device.content.into_inner();
    assert!(content[..volume.len()] == volume);
    assert!(content[volume.len()..].iter().all(|byte| *byte == 0xa5));
}

#[test]
fn a_power_cut_leaves_the_old_the_new_or_none() {
    let _alone = alone();
    let (volume, blocks) = made_by_mke2fs(SIZE);
    let empty_fs = EmptyFilesystem::new("blocks".into(), &blocks).unwrap();
    let old: Vec<u8> = volume
        .iter()
        .map(|byte| byte ^ u8::from(*byte == 7))
        .collect();
    let all = volume.len() + blocks.len();
    for left in (0..all).step_by(50_021).chain(0..3).chain(1020..1030) {
        let mut device = FailingDevice {
            content: Cursor::new(old.clone()),
            left,
        };
        let done = empty_fs.write(&mut device).is_ok();
        device.left = usize::MAX;
        let there = holds_ext4(&mut device).unwrap();
        let content = device.content.into_inner();
        assert!(!done || content == volume);
        // What tells of a file system has not been taken back yet, byte by byte.
        let untouched = content[2048..] == old[2048..];
        assert!(!there || content == volume || untouched, "{left}");
    }
}

#[test]
fn blocks_that_are_none_and_a_small_partition_are_refused() {
    let _alone = alone();
    let (_, blocks) = made_by_mke2fs(SIZE);
    for wrong in [
        &[],
        b"x".as_slice(),
        &blocks[1028..],
        &blocks[..blocks.len() - 1],
    ] {
        let error = EmptyFilesystem::new("blocks".into(), wrong).unwrap_err();
        assert!(error.to_string().contains("in blocks, got"), "{error}");
    }
    let empty_fs = EmptyFilesystem::new("blocks".into(), &blocks).unwrap();
    let mut device = FailingDevice {
        content: Cursor::new(vec![1; 4096]),
        left: usize::MAX,
    };
    let error = empty_fs.write(&mut device).unwrap_err().to_string();
    assert!(error.contains("4194304 bytes, got 4096"), "{error}");
    assert!(device.content.into_inner().iter().all(|byte| *byte == 1));
}
