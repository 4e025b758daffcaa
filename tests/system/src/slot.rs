//! Slots for the Pi 2B with the kernel that is shipped and another userland.

use std::fs;

use failberry_bench::scene::{cache, repository};
use failberry_image::{board::Board, slot};

use crate::suite::Outcome;

/// The slot's image.
pub(crate) fn with_userland(userland: &[u8]) -> Outcome<Vec<u8>> {
    let cache = cache();
    let board = Board::read(&repository().join("board"), "rpi2")?;
    let parts = cache.join("parts").join(&board.kernel);
    let mut device_trees = Vec::new();
    for name in &board.device_trees {
        let tree = fs::read(parts.join(format!("{name}.dtb")))?;
        device_trees.push((name.clone(), tree));
    }
    let parts = slot::Parts {
        processor: board.processor,
        kernel: &fs::read(parts.join(board.processor.kernel_file()))?,
        device_trees: &device_trees,
        userland,
    };
    Ok(slot::build(&parts, &cache.join("u-boot/rpi2/mkimage"), 0)?)
}
