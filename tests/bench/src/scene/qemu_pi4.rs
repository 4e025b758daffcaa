//! Patches a 4B card for QEMU, whose `raspi4b` lacks hardware that the kernel touches if the device
//! tree names it, and has the card at the controller of the real board's radio.
//!
//! Takes in the card and the build's output; writes a slot to the card whose device tree describes
//! QEMU's hardware, everything else as shipped.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
};

use failberry_image::{
    board::Board,
    layout::{Layout, Role},
    slot,
};

use super::{SceneError, parts::cache};

/// Node of the controller at which QEMU has the card.
const CARD: &str = "/soc/mmc@7e300000";

/// Nodes that QEMU does not implement; of the last one the interrupt never clears.
const MISSING: [&str; 12] = [
    "/emmc2bus/mmc@7e340000",
    "/scb/pcie@7d500000",
    "/scb/ethernet@7d580000",
    "/soc/rng@7e104000",
    "/soc/avs-monitor@7d5d2000",
    "/soc/interrupt-controller@7ef00100",
    "/soc/clock@7ef00000",
    "/soc/hdmi@7ef00700",
    "/soc/hdmi@7ef05700",
    "/soc/i2c@7ef04500",
    "/soc/i2c@7ef09500",
    "/soc/serial@7e215040",
];

/// Kernel name of the remaining serial port.
pub(super) const CONSOLE: &str = "ttyAMA0";

/// Rewrites slot A of `card` with a patched device tree, which is also written to `device_tree`.
pub(super) fn adapt_card(
    board: &Board,
    made: &Path,
    card: &Path,
    device_tree: &Path,
    layout: &Layout,
) -> Result<(), SceneError> {
    let parts = cache().join("parts").join(&board.kernel);
    let read = |path: &Path| fs::read(path).map_err(SceneError::io(path.display()));
    let name = board.device_trees.first().map_or("", String::as_str);
    let original = parts.join(format!("{name}.dtb"));
    fs::copy(&original, device_tree).map_err(SceneError::io(original.display()))?;
    adapt_device_tree(device_tree)?;
    let slot = slot::build(
        &slot::Parts {
            processor: board.processor,
            kernel: &read(&parts.join(board.processor.kernel_file()))?,
            device_trees: &[(name.to_owned(), read(device_tree)?)],
            userland: &read(&made.join("userland.cpio.zst"))?,
        },
        &cache().join("u-boot").join(&board.name).join("mkimage"),
        0,
    )?;
    let place = layout.partition(Role::SlotA)?.bytes().start;
    OpenOptions::new()
        .write(true)
        .open(card)
        .and_then(|file| file.write_all_at(&slot, place))
        .map_err(SceneError::io(card.display()))
}

fn adapt_device_tree(device_tree: &Path) -> Result<(), SceneError> {
    let fdtput = |words: &[&str], values: &[&str]| {
        let mut fdtput = Command::new("fdtput");
        fdtput.args(words).arg(device_tree).args(values);
        let status = fdtput.status().map_err(SceneError::io("fdtput"))?;
        if status.success() {
            Ok(())
        } else {
            let what = std::io::Error::other(status.to_string());
            Err(SceneError::io(format!("fdtput {values:?}"))(what))
        }
    };
    for node in MISSING {
        fdtput(&["-t", "s"], &[node, "status", "disabled"])?;
    }
    fdtput(&["-t", "s"], &[CARD, "status", "okay"])?;
    fdtput(&["-t", "s"], &["/aliases", "mmc0", CARD])?;
    // Radio power sequence, and the mark as not removable.
    for property in ["mmc-pwrseq", "non-removable"] {
        fdtput(&["-d"], &[CARD, property])?;
    }
    Ok(())
}
