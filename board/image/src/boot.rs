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
pub fn files(board: &Board, sources: &Sources) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for wanted in &board.boot {
        let path = sources.directory(board, wanted.from).join(&wanted.name);
        files.push(file(&wanted.name, path, &wanted.reason)?);
    }
    let settings = sources.board_dir.join(SETTINGS);
    files.push(file(SETTINGS, settings, "a person edits it")?);
    let text = sources.board_dir.join("common/README.txt");
    files.push(file("README.txt", text, "says what to do with the drive")?);
    Ok(files)
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
            // The firmware's small variant is chosen by this value and by nothing else.
            assert_eq!(value("gpu_mem"), [("[all]", "16")], "{}", board.name);
            assert!(value("start_file").is_empty());
            // The 4's boot ROM reads its second stage from an EEPROM, and another firmware.
            let four = board.name.starts_with("rpi4");
            let firmware = if four { "start4cd.elf" } else { "start_cd.elf" };
            let fixup = if four { "fixup4cd.dat" } else { "fixup_cd.dat" };
            assert!(has(firmware) && has(fixup), "{}", board.name);
            assert_eq!(has("bootcode.bin"), !four);
            let bits = i32::from(board.processor == board::Processor::Aarch64).to_string();
            assert_eq!(value("arm_64bit"), [("[all]", bits.as_str())]);
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
        let names: Vec<_> = files(&read("virt"), &sources)
            .unwrap()
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(names, [SETTINGS, "README.txt"]);
        fs::create_dir(parts.path().join("boot")).unwrap();
        for file in &board.boot {
            if !matches!(file.from, Origin::Board | Origin::Common) {
                let directory = sources.directory(&board, file.from);
                fs::write(directory.join(&file.name), &file.name).unwrap();
            }
        }
        assert_eq!(files(&board, &sources).unwrap().len(), board.boot.len() + 2);
    }
}
