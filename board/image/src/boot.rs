//! What lies on the FAT partition. What a board's firmware needs, and why, stands in its
//! `board.toml`; settings and instructions for a person come to it on every board.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    board::{Board, Origin},
    fat::File,
};

/// The settings file.
pub const SETTINGS: &str = "failberrypi.toml";

/// Where the files come from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The repository's `board` directory.
    pub board_dir: &'a Path,
    /// Kernel, device trees and the firmware's `boot` directory.
    pub parts: &'a Path,
    /// Directory with `u-boot.bin`.
    pub u_boot: &'a Path,
}

impl Sources<'_> {
    fn directory(&self, board: &Board, origin: Origin) -> PathBuf {
        match origin {
            Origin::Firmware => self.parts.join("boot"),
            Origin::Parts => self.parts.to_owned(),
            Origin::UBoot => self.u_boot.to_owned(),
            Origin::Board => self.board_dir.join(&board.name).join("boot"),
            Origin::Common => self.board_dir.join("common/boot"),
        }
    }
}

/// Files of the FAT partition.
#[derive(Debug)]
pub struct Files {
    /// What the Pi starts with; the box never writes near them.
    pub boot: Vec<File>,
    /// What a person edits, and the box overwrites in place.
    pub edited: Vec<File>,
}

/// Reads the files of the FAT partition.
///
/// # Errors
/// The file that is missing, with the reason why the board needs it.
pub fn files(board: &Board, sources: &Sources) -> Result<Files> {
    let mut boot = Vec::new();
    for wanted in &board.boot {
        let path = sources.directory(board, wanted.from).join(&wanted.name);
        boot.push(file(&wanted.name, path, &wanted.reason)?);
    }
    let settings = sources.board_dir.join(SETTINGS);
    let text = sources.board_dir.join("common/README.txt");
    let edited = vec![
        file(SETTINGS, settings, "a person edits it")?,
        file("README.txt", text, "says what to do with the drive")?,
    ];
    Ok(Files { boot, edited })
}

fn file(name: &str, path: PathBuf, reason: &str) -> Result<File> {
    match fs::read(&path) {
        Ok(content) => Ok(File {
            name: name.into(),
            content,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::BootFileMissing {
            name: path.display().to_string(),
            reason: reason.into(),
        }),
        Err(source) => Err(Error::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board;

    fn board_dir() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn read(name: &str) -> Board {
        Board::read(&board_dir(), name).unwrap()
    }

    /// The boards that start with the Pi's own firmware.
    fn pis() -> Vec<Board> {
        let boards = board::names(&board_dir());
        let pis: Vec<_> = boards
            .iter()
            .map(|it| read(it))
            .filter(|it| it.u_boot.is_some())
            .collect();
        assert_eq!(pis.len(), 4, "{boards:?}");
        pis
    }

    /// Settings of `config.txt` as (filter, key, value).
    fn settings(board: &Board) -> Vec<(String, String, String)> {
        let path = board_dir().join(&board.name).join("boot/config.txt");
        let mut filter = "[all]".to_owned();
        let mut settings = Vec::new();
        for line in fs::read_to_string(path).unwrap().lines() {
            if line.starts_with('[') {
                line.clone_into(&mut filter);
            } else if let Some((key, value)) = line.split_once('=')
                && !line.starts_with('#')
            {
                settings.push((filter.clone(), key.to_owned(), value.to_owned()));
            }
        }
        settings
    }

    #[test]
    fn config_txt_names_files_that_are_there() {
        for board in pis() {
            let has = |name: &str| board.boot.iter().any(|file| file.name == name);
            let settings = settings(&board);
            let value = |wanted: &str| -> Vec<_> {
                let found = settings.iter().filter(|(_, key, _)| key == wanted);
                found
                    .map(|(filter, _, value)| (filter.as_str(), value.as_str()))
                    .collect()
            };
            assert_eq!(value("kernel"), [("[all]", "u-boot.bin")], "{}", board.name);
            let trees = value("device_tree");
            let expected: Vec<_> = match trees.len() {
                1 => vec!["[all]"],
                _ => vec!["[pi3]", "[pi3+]"],
            };
            assert_eq!(trees.iter().map(|it| it.0).collect::<Vec<_>>(), expected);
            // U-Boot is handed the tree by which it then chooses among those in the slot.
            let named: Vec<_> = trees
                .iter()
                .map(|it| it.1.trim_end_matches(".dtb"))
                .collect();
            assert_eq!(named, board.device_trees, "{}", board.name);
            for (_, tree) in trees {
                assert!(has(tree), "{tree}");
            }
            // These alone choose which of the two the firmware is (config.txt, "gpu_mem").
            assert_eq!(value("gpu_mem"), [("[all]", "16")], "{}", board.name);
            for other in ["start_file", "fixup_file", "start_x", "start_debug"] {
                assert!(value(other).is_empty(), "{}: {other}", board.name);
            }
            let bits = i32::from(board.processor == board::Processor::Aarch64).to_string();
            assert_eq!(value("arm_64bit"), [("[all]", bits.as_str())]);
        }
    }

    /// The rules of the Pi's documentation: a partition is bootable if it holds `start.elf`, or its
    /// equivalent of that board ("autoboot.txt"); less than 32 MiB of GPU memory asks for the
    /// cut-down firmware, and each firmware for the fix-up of its name ("The boot folder"). The 4
    /// has the second stage in its EEPROM, which looks for files with a 4 in their names.
    #[test]
    fn boot_files_follow_the_rules_of_each_pi() {
        for board in pis() {
            let four = board.name.starts_with("rpi4");
            let pairs = if four {
                [
                    ["start4.elf", "fixup4.dat"],
                    ["start4cd.elf", "fixup4cd.dat"],
                ]
            } else {
                [["start.elf", "fixup.dat"], ["start_cd.elf", "fixup_cd.dat"]]
            };
            for name in pairs.as_flattened() {
                let file = board.boot.iter().find(|file| file.name == *name);
                let origin = file.map(|file| file.from);
                assert_eq!(origin, Some(Origin::Firmware), "{}: {name}", board.name);
            }
            let firmware = |name: &str| name.starts_with("start") || name.starts_with("fixup");
            let count = board.boot.iter().filter(|it| firmware(&it.name)).count();
            assert_eq!(count, 4, "{}", board.name);
            let second_stage = board.boot.iter().any(|it| it.name == "bootcode.bin");
            assert_eq!(second_stage, !four, "{}", board.name);
        }
    }

    #[test]
    fn the_kernel_is_told_which_board_and_console_it_is_on() {
        for board in pis() {
            let path = board_dir().join(&board.name).join("uboot.env");
            let text = fs::read_to_string(path).unwrap();
            let name = format!("board_args=failberry.board={} ", board.name);
            assert!(text.contains(&name), "{}", board.name);
            // The 2B has the better UART on its pins, the others have their radio on that.
            let console = if board.name == "rpi2" {
                "ttyAMA0"
            } else {
                "ttyS1"
            };
            assert!(text.contains(&format!("console={console},115200\n")));
            let high = match board.processor {
                board::Processor::Armv7 => "ffffffff",
                board::Processor::Aarch64 => "ffffffffffffffff",
            };
            assert!(text.contains(&format!("\nfdt_high={high}\ninitrd_high={high}\n")));
        }
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
        let board = read("rpi2");
        let error = files(&board, &sources).unwrap_err().to_string();
        assert!(
            error.contains("boot/bootcode.bin is missing: the chip's boot ROM"),
            "{error}"
        );
        let virt = files(&read("virt"), &sources).unwrap();
        assert!(virt.boot.is_empty());
        let names: Vec<_> = virt.edited.into_iter().map(|it| it.name).collect();
        assert_eq!(names, [SETTINGS, "README.txt"]);
        fs::create_dir(parts.path().join("boot")).unwrap();
        for file in &board.boot {
            if !matches!(file.from, Origin::Board | Origin::Common) {
                let directory = sources.directory(&board, file.from);
                fs::write(directory.join(&file.name), &file.name).unwrap();
            }
        }
        let files = files(&board, &sources).unwrap();
        assert_eq!(files.boot.len(), board.boot.len());
    }
}
