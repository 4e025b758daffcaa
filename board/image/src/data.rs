//! The ext4 file system for what survives a restart, made empty.

use std::{fs, path::Path, process::Command};

use crate::{Error, Result, tool};

/// Names the file system and seeds its directory hashes: fixed, so that two builds are the same.
const UUID: &str = "fb10f1be-0000-4000-8000-000000000004";

/// What the kernel's driver and `e2fsck` need for a small file system that survives power cuts.
const FEATURES: &str = "none,has_journal,extent,huge_file,dir_nlink,extra_isize,filetype,\
                        sparse_super,large_file,metadata_csum,64bit,dir_index,ext_attr";

/// The smallest there is, for a small file system.
const BLOCK: usize = 1024;

/// A file system of `size` bytes, every time stamp being `epoch`.
pub fn volume(size: u64, epoch: u32) -> Result<Vec<u8>> {
    let image = tempfile::NamedTempFile::new().map_err(Error::file("temporary file"))?;
    let path = image.path();
    image.as_file().set_len(size).map_err(Error::file(path))?;
    tool::run(
        Command::new("mke2fs")
            .args([
                "-q", "-F", "-t", "ext4", "-I", "256", "-N", "512", "-m", "0",
            ])
            .args(["-b", &BLOCK.to_string()])
            // The smallest journal there is; none of it left for the first mount to do.
            .args([
                "-J",
                "size=1",
                "-L",
                "failberry-data",
                "-U",
                UUID,
                "-O",
                FEATURES,
                "-E",
            ])
            .arg(format!(
                "hash_seed={UUID},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0"
            ))
            .arg(path)
            // The machine's own defaults must not decide.
            .env("MKE2FS_CONFIG", "/dev/null")
            .env("E2FSPROGS_FAKE_TIME", epoch.to_string())
            .env("SOURCE_DATE_EPOCH", epoch.to_string()),
    )?;
    read(path)
}

/// The blocks of `volume` that are not zero, each behind its number (32 bits, little-endian): small
/// enough to be carried along, for the day when the file system on the card cannot be used.
pub fn blocks(volume: &[u8]) -> Vec<u8> {
    let blocks = (0_u32..).zip(volume.chunks(BLOCK));
    blocks
        .filter(|(_, block)| block.iter().any(|byte| *byte != 0))
        .flat_map(|(number, block)| [&number.to_le_bytes(), block].concat())
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_is_clean_and_the_same_each_time() {
        let volume = volume(16 << 20, 1_700_000_000).unwrap();
        assert_eq!(volume.len(), 16 << 20);
        assert_eq!(volume, super::volume(16 << 20, 1_700_000_000).unwrap());
        let mut again = vec![0; 16 << 20];
        for block in blocks(&volume).chunks(4 + BLOCK) {
            let number = u32::from_le_bytes(block[..4].try_into().unwrap()) as usize;
            again[number * BLOCK..][..BLOCK].copy_from_slice(&block[4..]);
        }
        assert!(again == volume && blocks(&volume).len() < 64 << 10);
        let image = tempfile::NamedTempFile::new().unwrap();
        fs::write(image.path(), &volume).unwrap();
        tool::run(Command::new("e2fsck").arg("-fn").arg(image.path())).unwrap();
        let text = tool::run(Command::new("dumpe2fs").arg("-h").arg(image.path()));
        let text = String::from_utf8(text.unwrap()).unwrap();
        assert!(
            text.contains("has_journal") && text.contains(UUID),
            "{text}"
        );
    }
}
