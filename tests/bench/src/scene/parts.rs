//! Build artefacts that the boards boot, and the card prepared from them.

use std::{
    env, fs,
    fs::OpenOptions,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use failberry_image::{
    board::{Board, Processor},
    cpio::{Node, Tree},
    environment,
    layout::Layout,
};

use super::{SceneError, qemu_pi4};
use crate::board::{Card, Machine, Model};

/// Size of the card image in bytes. QEMU only accepts a power of two.
const CARD_BYTES: u64 = 128 << 20;

/// Which board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Raspberry Pi 2B with the shipped card.
    Rpi2,
    /// The Raspberry Pi 3B with the shipped card, in 32 bit.
    Rpi3,
    /// The same in 64 bit.
    Rpi3_64,
    /// The Raspberry Pi 3B+ with the card of the 3B, in 64 bit.
    Rpi3Plus64,
    /// The Raspberry Pi 4B with the shipped card, as far as QEMU has it: no USB, no Ethernet.
    Rpi4_64,
    /// The fast board for behaviour.
    Virt,
}

impl Kind {
    /// Returns its name below `board/` and `out/`.
    const fn board(self) -> &'static str {
        match self {
            Self::Rpi2 => "rpi2",
            Self::Rpi3 => "rpi3",
            Self::Rpi3_64 | Self::Rpi3Plus64 => "rpi3_64",
            Self::Rpi4_64 => "rpi4_64",
            Self::Virt => "virt",
        }
    }

    /// Returns the directory with the built card and its contents. For the Raspberry Pi 2B
    /// `FAILBERRY_CARD` may name another such directory, for instance Buildroot's.
    pub fn directory(self) -> PathBuf {
        let made = repository().join("out").join(self.board());
        match self {
            Self::Rpi2 => env::var_os("FAILBERRY_CARD").map_or(made, PathBuf::from),
            _ => made,
        }
    }

    /// Returns the emulated Pi model; `None` for `virt`.
    const fn model(self) -> Option<Model> {
        match self {
            Self::Rpi2 => Some(Model::Rpi2),
            Self::Rpi3 => Some(Model::Rpi3),
            Self::Rpi3_64 | Self::Rpi3Plus64 => Some(Model::Rpi3_64),
            Self::Rpi4_64 => Some(Model::Rpi4_64),
            Self::Virt => None,
        }
    }

    /// Returns the device tree that the Pi's firmware would choose.
    fn device_tree(self, board: &Board, card: &Path) -> PathBuf {
        if self == Self::Rpi4_64 {
            return changed_tree(card);
        }
        let number = usize::from(self == Self::Rpi3Plus64);
        let name = board.device_trees.get(number).map_or("", String::as_str);
        let parts = cache().join("parts").join(&board.kernel);
        parts.join(format!("{name}.dtb"))
    }

    /// Returns the factor by which timeouts exceed those of `virt`.
    pub const fn time_factor(self) -> u32 {
        match self {
            Self::Virt => 1,
            _ => 4,
        }
    }
}

/// Returns the root of the repository this was built from.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the cache directory of the set-up scripts.
pub fn cache() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default());
    env::var_os("FAILBERRY_CACHE").map_or_else(|| home().join(".cache/failberrypi"), PathBuf::from)
}

/// Creates a machine with a card of its own in `directory`, configured by `settings` as a user
/// would; adds the fault agent to the userland of `virt` if `fault_agent` is set.
pub(super) fn machine(
    kind: Kind,
    directory: &Path,
    settings: &str,
    fault_agent: bool,
) -> Result<Machine, SceneError> {
    let path = directory.join("card.img");
    flash(kind, &path, settings)?;
    let card = Card::sound(path);
    if let Some(model) = kind.model() {
        return pi(kind, model, card);
    }
    let board = Board::read(&board_dir(), kind.board())?;
    let parts = cache().join("parts").join(&board.kernel);
    Ok(Machine::Virt {
        kernel: existing(parts.join(board.processor.kernel_file()))?,
        userland: match existing(kind.directory().join("userland.cpio.zst"))? {
            shipped if fault_agent => with_fault_agent(&shipped, directory)?,
            shipped => shipped,
        },
        kernel_args: kernel_args()?,
        card,
        fault_agent,
    })
}

fn pi(kind: Kind, model: Model, card: Card) -> Result<Machine, SceneError> {
    let made = kind.directory();
    let board = Board::read(&board_dir(), kind.board())?;
    let device_tree = existing(kind.device_tree(&board, card.path()))?;
    Ok(Machine::Pi {
        model,
        u_boot: existing(made.join(match board.processor {
            Processor::Armv7 => "u-boot.uimage",
            Processor::Aarch64 => "u-boot.bin",
        }))?,
        device_tree,
        card,
    })
}

/// Creates a Raspberry Pi 2B with `card` in its slot.
///
/// # Errors
/// A build artefact is missing.
pub fn rpi2(card: Card) -> Result<Machine, SceneError> {
    pi(Kind::Rpi2, Model::Rpi2, card)
}

/// Copies the built card image to `card` and writes `settings` to it.
///
/// # Errors
/// It was not built, or cannot be written.
pub fn flash(kind: Kind, card: &Path, settings: &str) -> Result<(), SceneError> {
    let original = existing(kind.directory().join("card.img"))?;
    fs::copy(&original, card).map_err(SceneError::io(card.display()))?;
    OpenOptions::new()
        .write(true)
        .open(card)
        .and_then(|file| file.set_len(CARD_BYTES))
        .map_err(SceneError::io(card.display()))?;
    let layout = layout()?;
    failberry_image::card::set_config(card, &layout, settings)?;
    if kind != Kind::Virt {
        adapt_environment(kind, card, &layout)?;
    }
    if kind == Kind::Rpi4_64 {
        let board = Board::read(&board_dir(), kind.board())?;
        qemu_pi4::adapt_card(
            &board,
            &kind.directory(),
            card,
            &changed_tree(card),
            &layout,
        )?;
    }
    Ok(())
}

/// Returns the path of a patched device tree, beside the card.
fn changed_tree(card: &Path) -> PathBuf {
    card.with_file_name("device-tree.dtb")
}

/// Returns the partition layout of a card.
///
/// # Errors
/// `board/layout.toml` cannot be read.
pub fn layout() -> Result<Layout, SceneError> {
    Ok(Layout::read(&repository().join("board/layout.toml"))?)
}

/// Prepends an archive with the fault agent to the shipped initramfs; the kernel unpacks both.
fn with_fault_agent(shipped: &Path, directory: &Path) -> Result<PathBuf, SceneError> {
    let path = repository().join("out/firmware/armv7/saboteur");
    let program = fs::read(existing(path.clone())?).map_err(SceneError::io(path.display()))?;
    let mut tree = Tree::default();
    tree.put("saboteur", Node::File(0o755, program));
    let mut archive = tree.to_archive(0);
    archive.extend(fs::read(shipped).map_err(SceneError::io(shipped.display()))?);
    let path = directory.join("userland-with-hand");
    fs::write(&path, archive).map_err(SceneError::io(path.display()))?;
    Ok(path)
}

/// Writes a U-Boot environment to `card` that disables what QEMU's Pi cannot do. The watchdog: it
/// resets as soon as that is set, however long the time. Four processors: where this machine has
/// fewer, they wait for one another for half a minute whenever a module changes the kernel's code.
/// Starting in a time that a real board would not take half of: an update on trial gets more.
fn adapt_environment(kind: Kind, card: &Path, layout: &Layout) -> Result<(), SceneError> {
    let mut variables = environment::of_board(&board_dir(), kind.board())?;
    for variable in &mut variables {
        if variable.starts_with("board_args=") {
            if kind == Kind::Rpi4_64 {
                *variable = variable.replace("ttyS1", qemu_pi4::CONSOLE);
            }
            variable.push_str(" failberry.watchdog=off maxcpus=2 failberry.trial=300");
        }
        if variable.starts_with("watchdog=") {
            variable.truncate("watchdog=".len());
        }
    }
    write_environment(&variables, card, layout)
}

/// Writes the environment of a Raspberry Pi 2B's card to that of another board.
pub(super) fn write_rpi2_environment(card: &Path) -> Result<(), SceneError> {
    let variables = environment::of_board(&board_dir(), Kind::Rpi2.board())?;
    write_environment(&variables, card, &layout()?)
}

fn write_environment(variables: &[String], card: &Path, layout: &Layout) -> Result<(), SceneError> {
    let place = &layout.environment;
    let size = usize::try_from(place.size).unwrap_or(usize::MAX);
    // Generation newer than both copies written by the build.
    let block = environment::block(variables, size, 2)?;
    OpenOptions::new()
        .write(true)
        .open(card)
        .and_then(|file| file.write_all_at(&block, place.offset))
        .map_err(SceneError::io(card.display()))
}

fn board_dir() -> PathBuf {
    repository().join("board")
}

/// Returns the kernel arguments that U-Boot's environment has on every board.
fn kernel_args() -> Result<String, SceneError> {
    let variables = environment::of_board(&board_dir(), Kind::Rpi2.board())?;
    let of = |name: &str| {
        variables
            .iter()
            .find_map(|variable| variable.strip_prefix(name))
    };
    let words = ["log_args=", "quick_args="].into_iter().filter_map(of);
    Ok(words.collect::<Vec<_>>().join(" "))
}

fn existing(path: PathBuf) -> Result<PathBuf, SceneError> {
    if path.exists() {
        Ok(path)
    } else {
        Err(SceneError::NotBuilt(path))
    }
}
