//! What a board is made of: `board/<board>/board.toml`, read and checked.

use std::{fs, io, path::Path};

use serde::Deserialize;

use crate::{Error, Result};

/// Everything that differs between boards and is no file of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Its name: that of its directory.
    #[serde(skip)]
    pub name: String,
    /// What kernel and binary run on.
    pub processor: Processor,
    /// The kernel's name in `board/debian.lock`, for whoever fetches it.
    pub kernel: String,
    /// Device trees, without `.dtb`: U-Boot takes the one that fits, or the only one.
    #[serde(default)]
    pub device_trees: Vec<String>,
    /// The configuration that U-Boot's own begins with, on boards that have U-Boot.
    #[serde(default)]
    pub u_boot: Option<String>,
    /// What lies on the FAT partition for the board's firmware.
    #[serde(default)]
    pub boot: Vec<BootFile>,
}

/// What kernel and binary run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Processor {
    /// 32 bit.
    Armv7,
    /// 64 bit.
    Aarch64,
}

/// One file of the FAT partition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootFile {
    /// Its name, which the firmware looks for.
    pub name: String,
    /// Where it comes from.
    pub from: Origin,
    /// What the board needs it for.
    pub reason: String,
}

/// Where a file of the FAT partition comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The Pi's firmware: `boot/` of the parts.
    Firmware,
    /// The parts themselves.
    Parts,
    /// The directory of U-Boot.
    UBoot,
    /// `board/<board>/boot`.
    Board,
    /// `board/common/boot`.
    Common,
}

impl Processor {
    /// Name of the kernel among the parts: as the kernel's own build calls it.
    pub const fn kernel_file(self) -> &'static str {
        match self {
            Self::Armv7 => "zImage",
            Self::Aarch64 => "Image",
        }
    }
}

impl Board {
    /// Reads the description of the board of that name below `board_dir`.
    pub fn read(board_dir: &Path, name: &str) -> Result<Self> {
        let path = board_dir.join(name).join("board.toml");
        let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::UnknownBoard {
                name: name.into(),
                known: names(board_dir).join(", "),
            },
            _ => Error::file(&path)(source),
        })?;
        let board: Self = toml::from_str(&text).map_err(|source| Error::BoardSyntax {
            path,
            source: Box::new(source),
        })?;
        if board.u_boot.is_some() && board.device_trees.is_empty() {
            return Err(Error::Malformed {
                what: format!("board {name}"),
                expected: "a device tree for U-Boot to hand on".into(),
                got: "none".into(),
            });
        }
        Ok(Self {
            name: name.into(),
            ..board
        })
    }
}

/// The boards described below `board_dir`, in the order of their names.
pub fn names(board_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(board_dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| entry.path().join("board.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Board> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("toy")).unwrap();
        fs::write(directory.path().join("toy/board.toml"), text).unwrap();
        Board::read(directory.path(), name)
    }

    const TOY: &str = "processor = \"armv7\"\nkernel = \"k\"\n";

    #[test]
    fn a_description_is_read_and_mistakes_are_told_with_their_place() {
        let board = read("toy", TOY).unwrap();
        assert_eq!(board.name, "toy");
        assert_eq!(board.processor.kernel_file(), "zImage");
        for (name, text, says) in [
            ("tyo", TOY.to_owned(), "tyo; there are: toy"),
            ("toy", format!("{TOY}u_boot = \"x\"\n"), "device tree"),
            ("toy", format!("{TOY}typo = 1\n"), "toy/board.toml"),
            ("toy", TOY.replace("armv7", "armv6"), "armv6"),
        ] {
            let error = read(name, &text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
