//! What lies on the FAT partition, and why.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Error, Result, fat::File};

/// The settings file.
pub const SETTINGS: &str = "failberrypi.toml";

/// Where the files come from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The repository's `board` directory.
    pub board_dir: &'a Path,
    /// Kernel, device tree and the firmware's `boot` directory.
    pub parts: &'a Path,
    /// Directory with `u-boot.bin`.
    pub u_boot: &'a Path,
}

#[derive(Clone, Copy)]
enum From {
    Firmware,
    Parts,
    UBoot,
    Board,
}

/// Name, where it comes from, what the Pi needs it for: in the order in which a Pi 2B reads them.
/// Both makes of it, v1.1 (BCM2836) and v1.2 (BCM2837), start with the same files.
const RPI2: [(&str, From, &str); 7] = [
    (
        "bootcode.bin",
        From::Firmware,
        "the chip's boot ROM loads it first; it starts the memory",
    ),
    (
        "config.txt",
        From::Board,
        "tells the firmware what to start and how",
    ),
    (
        "start_cd.elf",
        From::Firmware,
        "the firmware itself, in the variant that gpu_mem=16 in config.txt asks for",
    ),
    (
        "fixup_cd.dat",
        From::Firmware,
        "fits start_cd.elf to the board's memory; without it half of that is missing",
    ),
    (
        "board.dtb",
        From::Parts,
        "the firmware fills in the board's serial number and addresses for U-Boot",
    ),
    (
        "u-boot.bin",
        From::UBoot,
        "chooses, checks and starts a slot",
    ),
    (
        "LICENCE.broadcom",
        From::Board,
        "the firmware may only be passed on together with it",
    ),
];

/// Files of the FAT partition of the emulated or the real board. Boards without the Pi's firmware
/// have only those that a person reads.
pub fn files(board: &str, sources: &Sources) -> Result<Vec<File>> {
    let mut files = Vec::new();
    if board == "rpi2" {
        for (name, from, reason) in RPI2 {
            let directory = match from {
                From::Firmware => sources.parts.join("boot"),
                From::Parts => sources.parts.to_owned(),
                From::UBoot => sources.u_boot.to_owned(),
                From::Board => sources.board_dir.join(board).join("boot"),
            };
            files.push(file(name, directory.join(name), reason)?);
        }
    }
    let settings = sources.board_dir.join(SETTINGS);
    files.push(file(SETTINGS, settings, "a person edits it")?);
    let text = sources.board_dir.join("common/README.txt");
    files.push(file("README.txt", text, "says what to do with the drive")?);
    Ok(files)
}

fn file(name: &str, path: PathBuf, reason: &'static str) -> Result<File> {
    match fs::read(&path) {
        Ok(content) => Ok(File {
            name: name.into(),
            content,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::BootFileMissing {
            name: path.display().to_string(),
            reason,
        }),
        Err(source) => Err(Error::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board_dir() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn config_txt_names_files_that_are_there() {
        let text = fs::read_to_string(board_dir().join("rpi2/boot/config.txt")).unwrap();
        let settings: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        for (key, value) in [("kernel", "u-boot.bin"), ("device_tree", "board.dtb")] {
            assert!(settings.contains(&(key, value)), "{key}");
            assert!(RPI2.iter().any(|(name, ..)| *name == value), "{value}");
        }
        // The firmware's small variant is chosen by this value and by nothing else.
        assert!(settings.contains(&("gpu_mem", "16")));
        assert!(!settings.iter().any(|(key, _)| *key == "start_file"));
    }

    #[test]
    fn a_missing_file_is_told_with_its_reason() {
        let parts = tempfile::tempdir().unwrap();
        let board_dir = board_dir();
        let sources = Sources {
            board_dir: &board_dir,
            parts: parts.path(),
            u_boot: parts.path(),
        };
        let error = files("rpi2", &sources).unwrap_err().to_string();
        assert!(
            error.contains("boot/bootcode.bin is missing: the chip's boot ROM"),
            "{error}"
        );
        let names: Vec<_> = files("virt", &sources)
            .unwrap()
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(names, [SETTINGS, "README.txt"]);
        fs::create_dir(parts.path().join("boot")).unwrap();
        for (name, from, _) in RPI2 {
            let directory = match from {
                From::Firmware => "boot",
                From::Parts | From::UBoot => ".",
                From::Board => continue,
            };
            fs::write(parts.path().join(directory).join(name), name).unwrap();
        }
        assert_eq!(files("rpi2", &sources).unwrap().len(), RPI2.len() + 2);
    }
}
