//! The FAT32 file system that the Pi's firmware and a laptop read.

use std::io::{Cursor, Read, Write};

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions, format_volume};

use crate::{Error, Result};

/// Fixed, so that two builds are the same image.
const VOLUME_ID: u32 = 0xFB10_F1BE;
/// What a laptop calls the drive.
const LABEL: [u8; 11] = *b"FAILBERRYPI";
/// FAT32 has at least 65525 clusters: on a partition this small they must be single sectors.
const CLUSTER: u32 = 512;

/// One file in the root directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// A file system of `size` bytes with those files, the same each time: without a clock `fatfs`
/// writes 1 January 1980 everywhere.
pub fn volume(size: u64, files: &[File]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    let used: u64 = files.iter().map(|file| file.content.len() as u64).sum();
    if used > size {
        return Err(Error::TooLarge {
            part: "boot partition".into(),
            got: used,
            room: size,
        });
    }
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(CLUSTER)
        .volume_id(VOLUME_ID)
        .volume_label(LABEL);
    format_volume(Cursor::new(&mut bytes[..]), options).map_err(Error::file("boot partition"))?;
    for file in files {
        write(&mut bytes, file)?;
    }
    Ok(bytes)
}

/// Writes a file into an existing file system; one of the same name goes.
pub fn write(volume: &mut [u8], file: &File) -> Result<()> {
    let named = || Error::file(&file.name);
    let system = FileSystem::new(Cursor::new(volume), FsOptions::new()).map_err(named())?;
    let mut open = system.root_dir().create_file(&file.name).map_err(named())?;
    open.truncate().map_err(named())?;
    open.write_all(&file.content).map_err(named())?;
    open.flush().map_err(named())?;
    drop(open);
    system.unmount().map_err(named())
}

/// Reads a file.
pub fn read(volume: &mut [u8], name: &str) -> Result<Vec<u8>> {
    let system =
        FileSystem::new(Cursor::new(volume), FsOptions::new()).map_err(Error::file(name))?;
    let mut content = Vec::new();
    let mut file = system
        .root_dir()
        .open_file(name)
        .map_err(Error::file(name))?;
    file.read_to_end(&mut content).map_err(Error::file(name))?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;
    use crate::tool;

    const SIZE: u64 = 36 << 20;

    fn file(name: &str, content: &[u8]) -> File {
        File {
            name: name.into(),
            content: content.into(),
        }
    }

    fn checked(volume: &[u8]) -> tempfile::NamedTempFile {
        let image = tempfile::NamedTempFile::new().unwrap();
        fs::write(image.path(), volume).unwrap();
        tool::run(Command::new("fsck.fat").arg("-n").arg(image.path())).unwrap();
        image
    }

    #[test]
    fn other_programs_find_a_clean_fat32_with_the_files() {
        let big = vec![7; 1_000_000];
        let files = [
            file("bootcode.bin", &big),
            file("failberrypi.toml", b"[carrier]\n"),
        ];
        let volume = volume(SIZE, &files).unwrap();
        assert_eq!(volume, super::volume(SIZE, &files).unwrap());
        let image = checked(&volume);
        for it in &files {
            let mut mtype = Command::new("mtype");
            mtype
                .arg("-i")
                .arg(image.path())
                .arg(format!("::{}", it.name));
            assert_eq!(tool::run(&mut mtype).unwrap(), it.content);
        }
        let info = Command::new("minfo")
            .arg("-i")
            .arg(image.path())
            .arg("::")
            .output();
        let info = String::from_utf8(info.unwrap().stdout).unwrap();
        assert!(
            info.contains("FAT32") && info.contains("FB10F1BE"),
            "{info}"
        );
    }

    #[test]
    fn a_file_is_replaced_by_a_longer_and_by_a_shorter_one() {
        let mut volume = volume(SIZE, &[file("failberrypi.toml", b"a")]).unwrap();
        for content in [&[b'x'; 5000][..], b"short", b""] {
            write(&mut volume, &file("failberrypi.toml", content)).unwrap();
            assert_eq!(read(&mut volume, "failberrypi.toml").unwrap(), content);
            checked(&volume);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let files = [file("a", &vec![1; 20 << 20]), file("b", &vec![1; 20 << 20])];
        assert!(matches!(volume(SIZE, &files), Err(Error::TooLarge { .. })));
        assert!(volume(SIZE, &[file("a", &vec![1; (36 << 20) - 600])]).is_err());
        assert!(read(&mut vec![0; 1024], "a").is_err());
    }
}
