//! What needs the outcome of `board/setup`: `cargo test -- --ignored` runs it.

// A test that meets the unexpected should stop there and say so.
#![allow(clippy::unwrap_used)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use failberry_image::{
    checksum::sha256_hex,
    modules::{List, Modules},
    slot,
};

fn cache() -> PathBuf {
    env::var_os("FAILBERRY_CACHE").map_or_else(
        || Path::new(&env::var_os("HOME").unwrap()).join(".cache/failberrypi"),
        PathBuf::from,
    )
}

#[test]
#[ignore = "needs board/setup"]
fn a_slot_is_the_same_each_time_and_holds_its_parts_with_their_sha256() {
    let read = |name| fs::read(cache().join("rpi2").join(name)).unwrap();
    let (kernel, device_tree) = (read("zImage"), read("board.dtb"));
    let parts = slot::Parts {
        kernel: &kernel,
        device_tree: &device_tree,
        userland: &vec![7; 100_001],
    };
    let mkimage = cache().join("u-boot/rpi2/mkimage");
    let first = slot::build(&parts, &mkimage, 1_735_689_600).unwrap();
    assert!(first == slot::build(&parts, &mkimage, 1_735_689_600).unwrap());
    assert_eq!(slot::size(&first), Some(first.len() as u64));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &first).unwrap();
    let list = Command::new(&mkimage)
        .arg("-l")
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8(list.stdout).unwrap();
    for part in [parts.kernel, parts.device_tree, parts.userland] {
        assert!(
            text.contains(&format!("Hash value:   {}", sha256_hex(part))),
            "{text}"
        );
    }
    for address in ["0x00080000", "0x02600000", "0x02700000"] {
        assert!(text.contains(&format!("Load Address: {address}")), "{text}");
    }
}

#[test]
#[ignore = "needs board/setup"]
fn every_board_finds_its_modules() {
    let board_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let modules = Modules::read(&cache().join("rpi2/modules")).unwrap();
    for board in ["rpi2", "virt"] {
        let lists =
            [board, "common"].map(|it| List::read(&board_dir.join(it).join("modules")).unwrap());
        let order = modules.in_load_order(&lists).unwrap();
        let place = |name: &str| order.iter().position(|it| it == name).unwrap();
        assert!(place("usbcore") < place("option"));
        // Not to be seen in the indexes: asked for by an alias when they are loaded.
        assert!(place("crc32c_generic") < place("libcrc32c"));
        assert!(place("crc32c_generic") < place("jbd2"));
        assert!(place("nf_tables") < place("nft_ct"));
    }
}
