//! Writing the empty file system, with power cuts at many points.
#![allow(clippy::unwrap_used)]

use std::{io::Cursor, process::Command};

use super::*;
use crate::storage::tests::lock_mounts;

/// Size of the file systems in bytes.
const SIZE: u64 = 4 << 20;

/// Returns a volume made by mke2fs, and the image of its blocks that are not zero.
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
fn any_partition_becomes_the_volume_of_mke2fs() {
    let _lock = lock_mounts();
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
fn power_cut_leaves_old_file_system_new_one_or_none() {
    let _lock = lock_mounts();
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
        // With a superblock it is the new one, or the old one before the rest was touched.
        let untouched = content[2048..] == old[2048..];
        assert!(!there || content == volume || untouched, "{left}");
    }
}

#[test]
fn invalid_image_and_small_partition_are_refused() {
    let _lock = lock_mounts();
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
