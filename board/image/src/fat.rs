//! The FAT16 file system that the Pi's firmware and a laptop read.
//!
//! Its tables, its root directory and the boot files fill the first erase block; files that change
//! lie behind it. Unused clusters of the first block are marked as bad, so that no laptop puts an
//! edited file there either.

use std::io::{Cursor, Read, Write};

use fatfs::{
    Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider,
    format_volume,
};

use crate::{Error, Result};

/// Serial number of the volume. Fixed, so that two builds are the same image.
const VOLUME_ID: u32 = 0xFB10_F1BE;
/// What a laptop calls the drive.
const LABEL: [u8; 11] = *b"FAILBERRYPI";
/// Bytes of a cluster: FAT16 has 4085 to 65524 of them, so 16 MiB need 512 to 2048.
const CLUSTER: u32 = 2048;
/// Entry of a cluster that is not to be used.
const BAD_CLUSTER: [u8; 2] = 0xFFF7_u16.to_le_bytes();
/// Bytes of an entry of a directory.
const ENTRY: usize = 32;

/// One file in the root directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The clock of a build: 1 January 1980, the first date that FAT can say, so that two builds are the
/// same image. The default of `fatfs` has month and day 0, which is no date.
#[derive(Debug)]
struct BuildClock;

const EPOCH: Date = Date {
    year: 1980,
    month: 1,
    day: 1,
};

impl TimeProvider for BuildClock {
    fn get_current_date(&self) -> Date {
        EPOCH
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime {
            date: EPOCH,
            time: Time {
                hour: 0,
                min: 0,
                sec: 0,
                millis: 0,
            },
        }
    }
}

fn options() -> FsOptions {
    FsOptions::new().time_provider(&BuildClock)
}

/// A file system of `size` bytes, the same each time: `boot` in the first `erase_block` bytes, the
/// `edited` files behind them.
pub fn volume(size: u64, erase_block: u64, boot: &[File], edited: &[File]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    let used = |files: &[File]| -> u64 { files.iter().map(|it| it.content.len() as u64).sum() };
    for (part, got, room) in [
        ("boot files", used(boot), erase_block),
        (
            "files to edit",
            used(edited),
            size.saturating_sub(erase_block),
        ),
    ] {
        if got > room {
            let part = part.into();
            return Err(Error::TooLarge { part, got, room });
        }
    }
    let format = FormatVolumeOptions::new()
        .fat_type(FatType::Fat16)
        .bytes_per_cluster(CLUSTER)
        .volume_id(VOLUME_ID)
        .volume_label(LABEL);
    format_volume(Cursor::new(&mut bytes[..]), format).map_err(Error::file("boot partition"))?;
    let geometry = Geometry::of(&bytes).ok_or_else(|| {
        let got = "no boot sector of FAT16".to_owned();
        Error::Layout(format!("boot partition: {got} after formatting it"))
    })?;
    geometry.date_label(&mut bytes);
    for file in boot {
        write(&mut bytes, file)?;
    }
    geometry
        .close_block(&mut bytes, erase_block)
        .ok_or_else(|| Error::TooLarge {
            part: "boot files with the tables of their file system".into(),
            got: used(boot),
            room: erase_block,
        })?;
    for file in edited {
        write(&mut bytes, file)?;
    }
    Ok(bytes)
}

/// Where the parts of a FAT16 volume begin, in bytes (Microsoft's FAT specification, "BPB").
struct Geometry {
    table: usize,
    tables: usize,
    table_size: usize,
    root: usize,
    data: usize,
    cluster: usize,
}

impl Geometry {
    fn of(volume: &[u8]) -> Option<Self> {
        let byte = |at: usize| volume.get(at).copied().map(usize::from);
        let word = |at: usize| Some(byte(at)? | byte(at + 1)? << 8);
        let sector = word(11)?;
        let (table, tables, table_size) = (word(14)? * sector, byte(16)?, word(22)? * sector);
        let root = table + tables * table_size;
        let data = root + word(17)? * ENTRY;
        let cluster = byte(13)? * sector;
        (cluster > 0).then_some(Self {
            table,
            tables,
            table_size,
            root,
            data,
            cluster,
        })
    }

    /// Gives the label a date, which formatting leaves out.
    fn date_label(&self, volume: &mut [u8]) {
        let date = volume.get_mut(self.root + 24..self.root + 26);
        if let Some(date) = date {
            date.copy_from_slice(&[0x21, 0x00]);
        }
    }

    /// Marks clusters that begin in the first `block` bytes and are free as bad. None where clusters
    /// behind that block are in use already.
    fn close_block(&self, volume: &mut [u8], block: u64) -> Option<()> {
        let block = usize::try_from(block).ok()?;
        // The first two entries of a table stand for no cluster.
        let first = 2;
        let inside = block.saturating_sub(self.data).div_ceil(self.cluster);
        let entries = first + volume.len().saturating_sub(self.data) / self.cluster;
        for table in 0..self.tables {
            let at = self.table + table * self.table_size;
            for number in first..entries {
                let entry = volume.get_mut(at + 2 * number..at + 2 * number + 2)?;
                let is_free = *entry == [0, 0];
                match number < first + inside {
                    true if is_free => entry.copy_from_slice(&BAD_CLUSTER),
                    false if !is_free => return None,
                    _ => {}
                }
            }
        }
        Some(())
    }
}

/// Writes a file into an existing file system; one of the same name goes.
pub fn write(volume: &mut [u8], file: &File) -> Result<()> {
    let named = || Error::file(&file.name);
    let system = FileSystem::new(Cursor::new(volume), options()).map_err(named())?;
    let mut open = system.root_dir().create_file(&file.name).map_err(named())?;
    open.truncate().map_err(named())?;
    open.write_all(&file.content).map_err(named())?;
    open.flush().map_err(named())?;
    drop(open);
    system.unmount().map_err(named())
}

/// Reads a file.
pub fn read(volume: &mut [u8], name: &str) -> Result<Vec<u8>> {
    let system = FileSystem::new(Cursor::new(volume), options()).map_err(Error::file(name))?;
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

    const BLOCK: u64 = 8 << 20;
    const SIZE: u64 = 2 * BLOCK;
    const SETTINGS: &str = "failberrypi.toml";

    fn file(name: &str, content: &[u8]) -> File {
        File {
            name: name.into(),
            content: content.into(),
        }
    }

    fn of(boot: &[File], edited: &[File]) -> Vec<u8> {
        volume(SIZE, BLOCK, boot, edited).unwrap()
    }

    fn checked(volume: &[u8]) -> tempfile::NamedTempFile {
        let image = tempfile::NamedTempFile::new().unwrap();
        fs::write(image.path(), volume).unwrap();
        tool::run(Command::new("fsck.fat").arg("-n").arg(image.path())).unwrap();
        image
    }

    #[test]
    fn volume_is_a_clean_fat16_for_other_programs() {
        let boot = [file("bootcode.bin", &vec![7; 1_000_000])];
        let edited = [file(SETTINGS, b"[carrier]\n")];
        let volume = of(&boot, &edited);
        assert_eq!(volume, of(&boot, &edited));
        let image = checked(&volume);
        for it in boot.iter().chain(&edited) {
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
            info.contains("FAT16") && info.contains("FB10F1BE"),
            "{info}"
        );
    }

    /// Windows and some firmware refuse or misread a date of month 0.
    #[test]
    fn directory_entries_have_a_valid_date() {
        let volume = of(&[file("a.bin", b"a")], &[file(SETTINGS, b"b")]);
        let geometry = Geometry::of(&volume).unwrap();
        let entries = volume[geometry.root..geometry.data].chunks(ENTRY);
        let mut seen = 0;
        for entry in entries.take_while(|entry| entry[0] != 0) {
            // Bits 0 to 3 together: a part of a long name, which has no date.
            if entry[11] & 0x0F == 0x0F {
                continue;
            }
            let is_label = entry[11] & 0x08 != 0;
            for at in [16, 18, 24].into_iter().skip(if is_label { 2 } else { 0 }) {
                let date = u16::from_le_bytes([entry[at], entry[at + 1]]);
                assert_eq!(date, 0x0021, "{:?} at {at}", &entry[..11]);
            }
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    /// What is lost with the block in which settings are rewritten must not be a boot file.
    #[test]
    fn edited_files_never_share_a_block_with_boot_files() {
        let boot = [file("u-boot.bin", &vec![7; 1_000_000])];
        let mut volume = of(&boot, &[file(SETTINGS, b"first")]);
        let block = usize::try_from(BLOCK).unwrap();
        for round in 0..20_u8 {
            // As a laptop saves: another length each time, and a temporary file beside it.
            let text = vec![b'#'; 1000 + 700 * usize::from(round)];
            let first = volume[..block].to_vec();
            write(&mut volume, &file("edited.tmp", &text)).unwrap();
            write(&mut volume, &file(SETTINGS, &text)).unwrap();
            let geometry = Geometry::of(&volume).unwrap();
            let changed = (geometry.data..block).find(|at| volume[*at] != first[*at]);
            assert_eq!(changed, None, "round {round}");
            checked(&volume);
        }
        volume[block..].fill(0xFF);
        assert_eq!(read(&mut volume, "u-boot.bin").unwrap(), boot[0].content);
    }

    #[test]
    fn a_file_is_replaced_by_a_longer_and_by_a_shorter_one() {
        let mut volume = of(&[], &[file(SETTINGS, b"a")]);
        for content in [&[b'x'; 5000][..], b"short", b""] {
            write(&mut volume, &file(SETTINGS, content)).unwrap();
            assert_eq!(read(&mut volume, SETTINGS).unwrap(), content);
            checked(&volume);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let large = |bytes: usize| [file("a", &vec![1; bytes])];
        let block = usize::try_from(BLOCK).unwrap();
        for bytes in [block + 1, block, block - 1000] {
            let error = volume(SIZE, BLOCK, &large(bytes), &[]).unwrap_err();
            assert!(matches!(error, Error::TooLarge { .. }), "{bytes}: {error}");
        }
        volume(SIZE, BLOCK, &large(block - 200_000), &[]).unwrap();
        assert!(volume(SIZE, BLOCK, &[], &large(block + 1)).is_err());
        assert!(read(&mut vec![0; 1024], "a").is_err());
    }
}
