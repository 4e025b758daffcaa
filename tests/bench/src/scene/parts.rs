//! What the build has left for the boards to boot.

use std::{
    env, fs,
    fs::OpenOptions,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use failberry_image::{
    cpio::{Node, Tree},
    layout::Layout,
};

use super::SceneError;
use crate::board::{Card, Machine};

/// QEMU takes SD cards of a power of two only.
const CARD_BYTES: u64 = 128 << 20;

/// Which board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Raspberry Pi 2B with the shipped card.
    Rpi2,
    /// The fast board for behaviour.
    Virt,
}

impl Kind {
    /// Where the build has left its card. For the real board `FAILBERRY_CARD` may name another
    /// such directory, for instance Buildroot's.
    fn directory(self) -> PathBuf {
        let out = repository().join("out");
        match self {
            Self::Rpi2 => {
                env::var_os("FAILBERRY_CARD").map_or_else(|| out.join("rpi2"), PathBuf::from)
            }
            Self::Virt => out.join("virt"),
        }
    }

    /// How much longer things take than on `virt`, at most.
    pub const fn patience(self) -> u32 {
        match self {
            Self::Rpi2 => 4,
            Self::Virt => 1,
        }
    }
}

/// The repository this was built from.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the set-up keeps what it made.
pub fn cache() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default());
    env::var_os("FAILBERRY_CACHE").map_or_else(|| home().join(".cache/failberrypi"), PathBuf::from)
}

/// A machine of that kind with a card of its own in `directory`, configured by `settings` as a
/// person would do it with a laptop; with the bench's hand in its userland, where `virt` is to have
/// one.
pub(super) fn machine(
    kind: Kind,
    directory: &Path,
    settings: &str,
    hand: bool,
) -> Result<Machine, SceneError> {
    let made = kind.directory();
    let path = directory.join("card.img");
    flash(kind, &path, settings)?;
    let card = Card::sound(path);
    let parts = cache().join("rpi2");
    Ok(match kind {
        Kind::Rpi2 => rpi2(card)?,
        Kind::Virt => Machine::Virt {
            kernel: existing(parts.join("zImage"))?,
            userland: match existing(made.join("userland.cpio.zst"))? {
                shipped if hand => with_hand(&shipped, directory)?,
                shipped => shipped,
            },
            kernel_args: kernel_args()?,
            card,
            hand,
        },
    })
}

/// The real board with `card` in its slot.
///
/// # Errors
/// The build has not left what it boots by.
pub fn rpi2(card: Card) -> Result<Machine, SceneError> {
    Ok(Machine::Rpi2 {
        u_boot: existing(Kind::Rpi2.directory().join("u-boot.uimage"))?,
        device_tree: existing(cache().join("rpi2/board.dtb"))?,
        card,
    })
}

/// Writes the card that was built to `card`, with these settings.
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
    if kind == Kind::Rpi2 {
        suit_the_emulation(card, &layout)?;
    }
    Ok(())
}

/// Where things lie on a card.
///
/// # Errors
/// `board/layout.toml` cannot be read.
pub fn layout() -> Result<Layout, SceneError> {
    Ok(Layout::read(&repository().join("board/layout.toml"))?)
}

/// What is shipped, with an archive in front of it: the kernel unpacks one after the other.
fn with_hand(shipped: &Path, directory: &Path) -> Result<PathBuf, SceneError> {
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

/// Tells the kernel by U-Boot's environment on `card` what QEMU's Pi cannot do. The watchdog: it
/// resets as soon as that is set, however long the time. Four processors: where this machine has
/// fewer, they wait for one another for half a minute whenever a module changes the kernel's code.
/// Starting in a time that a real board would not take half of: an update on trial gets more.
fn suit_the_emulation(card: &Path, layout: &Layout) -> Result<(), SceneError> {
    let mut variables = environment()?;
    for variable in &mut variables {
        if variable.starts_with("board_args=") {
            variable.push_str(" failberry.watchdog=off maxcpus=2 failberry.trial=300");
        }
    }
    let place = &layout.environment;
    let size = usize::try_from(place.size).unwrap_or(usize::MAX);
    // Newer than both copies that the build has written.
    let block = failberry_image::environment::block(&variables, size, 2)?;
    OpenOptions::new()
        .write(true)
        .open(card)
        .and_then(|file| file.write_all_at(&block, place.offset))
        .map_err(SceneError::io(card.display()))
}

/// The variables of the real board's U-Boot.
fn environment() -> Result<Vec<String>, SceneError> {
    let path = repository().join("board/rpi2/uboot.env");
    let text = fs::read_to_string(&path).map_err(SceneError::io(path.display()))?;
    Ok(failberry_image::environment::variables(&text)?)
}

/// What U-Boot's environment tells the kernel on the real board, whatever the board.
fn kernel_args() -> Result<String, SceneError> {
    let variables = environment()?;
    let of = |name: &str| {
        variables
            .iter()
            .find_map(|variable| variable.strip_prefix(name))
    };
    let words = ["console_args=", "quick_args="].into_iter().filter_map(of);
    Ok(words.collect::<Vec<_>>().join(" "))
}

fn existing(path: PathBuf) -> Result<PathBuf, SceneError> {
    if path.exists() {
        Ok(path)
    } else {
        Err(SceneError::NotBuilt(path))
    }
}
