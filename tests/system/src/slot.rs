//! Slot images for the Pi 2B with the shipped kernel and another userland.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use failberry_bench::scene::{Kind, cache, repository};
use failberry_image::{board::Board, slot};

use crate::suite::Outcome;

/// Returns the slot of the card under test.
pub(crate) fn shipped() -> PathBuf {
    Kind::Rpi2.directory().join("slot.fit")
}

/// Returns a slot image with this userland.
pub(crate) fn with_userland(userland: &[u8]) -> Outcome<Vec<u8>> {
    let shipped = shipped();
    let board = Board::read(&repository().join("board"), "rpi2")?;
    let trees = board.device_trees.iter();
    let device_trees: Outcome<Vec<_>> = trees
        .map(|name| Ok((name.clone(), part(&shipped, name)?)))
        .collect();
    let parts = slot::Parts {
        processor: board.processor,
        kernel: &part(&shipped, "kernel")?,
        device_trees: &device_trees?,
        userland,
    };
    Ok(slot::build(
        &parts,
        &cache().join("u-boot/rpi2/mkimage"),
        0,
    )?)
}

/// Returns one image of a FIT, which is a device tree.
fn part(slot: &Path, name: &str) -> Outcome<Vec<u8>> {
    let node = format!("/images/{name}");
    let mut fdtget = Command::new("fdtget");
    let output = fdtget.args(["-t", "bx"]).arg(slot).args([&node, "data"]);
    let output = output.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let bytes = text.split_ascii_whitespace();
    Ok(bytes
        .map(|byte| u8::from_str_radix(byte, 16))
        .collect::<Result<_, _>>()?)
}
