//! What needs the outcome of `board/setup`: `cargo test -- --ignored` runs it.

// A test that meets the unexpected should stop there and say so.
#![allow(clippy::unwrap_used)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use failberry_image::{
    board::{self, Board, Processor},
    boot,
    checksum::sha256_hex,
    fat,
    layout::{Layout, Role},
    modules::{List, Modules},
    slot,
};

const EPOCH: u32 = 1_735_689_600;

fn cache() -> PathBuf {
    env::var_os("FAILBERRY_CACHE").map_or_else(
        || Path::new(&env::var_os("HOME").unwrap()).join(".cache/failberrypi"),
        PathBuf::from,
    )
}

fn board_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn parts_of(board: &Board) -> PathBuf {
    cache().join("parts").join(&board.kernel)
}

fn u_boot_of(board: &Board) -> PathBuf {
    cache().join("u-boot").join(&board.name)
}

/// All, or those in `FAILBERRY_BOARDS`: what is set up.
fn boards() -> Vec<Board> {
    let mut names = board::names(&board_dir());
    assert_eq!(names.len(), 5, "{names:?}");
    if let Ok(chosen) = env::var("FAILBERRY_BOARDS") {
        names.retain(|name| chosen.split(' ').any(|it| it == name));
        assert!(!names.is_empty(), "{chosen:?} names no board");
    }
    let boards = names
        .iter()
        .map(|it| Board::read(&board_dir(), it).unwrap());
    boards.collect()
}

fn boards_with_u_boot() -> Vec<Board> {
    let mut boards = boards();
    boards.retain(|it| it.u_boot.is_some());
    boards
}

fn device_trees(board: &Board) -> Vec<(String, Vec<u8>)> {
    let read = |name: &String| {
        let path = parts_of(board).join(format!("{name}.dtb"));
        (name.clone(), fs::read(path).unwrap())
    };
    board.device_trees.iter().map(read).collect()
}

/// A property of a device tree, as `fdtget` shows it.
fn property(tree: &Path, node: &str, name: &str) -> String {
    let output = Command::new("fdtget").arg(tree).args([node, name]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{} {node} {name}", tree.display());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The kernel of a slot under test: of one that is to be packed the beginning, which says how much
/// memory it takes; packing all of it takes long.
fn kernel_of(board: &Board) -> Vec<u8> {
    let kernel = parts_of(board).join(board.processor.kernel_file());
    let mut kernel = fs::read(kernel).unwrap();
    if board.processor == Processor::Aarch64 {
        kernel.truncate(4 << 20);
    }
    kernel
}

/// So many slots of the same parts, which are read once: a set-up that goes on meanwhile may put
/// others in their place.
fn slots_of<const COUNT: usize>(board: &Board, userland: &[u8]) -> [Vec<u8>; COUNT] {
    let parts = slot::Parts {
        processor: board.processor,
        kernel: &kernel_of(board),
        device_trees: &device_trees(board),
        userland,
    };
    let mkimage = u_boot_of(board).join("mkimage");
    [(); COUNT].map(|()| slot::build(&parts, &mkimage, EPOCH).unwrap())
}

#[test]
#[ignore = "needs board/setup"]
fn a_slot_is_the_same_each_time() {
    for board in boards_with_u_boot() {
        let [first, second] = slots_of(&board, b"same");
        assert!(first == second, "{}", board.name);
    }
}

#[test]
#[ignore = "needs board/setup"]
fn a_slot_of_every_board_holds_its_parts_with_their_sha256() {
    for board in boards_with_u_boot() {
        let userland = vec![7; 100_001];
        let [slot] = slots_of(&board, &userland);
        assert_eq!(slot::size(&slot), Some(slot.len() as u64));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &slot).unwrap();
        let mkimage = u_boot_of(&board).join("mkimage");
        let list = Command::new(&mkimage).arg("-l").arg(file.path()).output();
        let text = String::from_utf8(list.unwrap().stdout).unwrap();
        let kernel = kernel_of(&board);
        let held = property_bytes(file.path(), "/images/kernel", "data");
        let addresses = match board.processor {
            Processor::Armv7 => {
                assert!(held == kernel, "{}", board.name);
                ["0x00080000", "0x02600000", "0x02700000"]
            }
            Processor::Aarch64 => {
                assert!(unpack(&held) == kernel, "{}", board.name);
                ["0x00200000", "0x05000000", "0x05100000"]
            }
        };
        let device_trees = device_trees(&board);
        let trees = device_trees.iter().map(|(_, tree)| tree);
        for part in trees.chain([&held, &userland]) {
            let sum = format!("Hash value:   {}", sha256_hex(part));
            assert!(text.contains(&sum), "{text}");
        }
        for address in addresses {
            assert!(text.contains(&format!("Load Address: {address}")), "{text}");
        }
        for (name, _) in &device_trees {
            let node = format!("/configurations/{name}");
            assert_eq!(property(file.path(), &node, "fdt"), *name);
        }
        let default = property(file.path(), "/configurations", "default");
        assert_eq!(&default, board.device_trees.first().unwrap());
    }
}

fn property_bytes(tree: &Path, node: &str, name: &str) -> Vec<u8> {
    let output = Command::new("fdtget")
        .args(["-t", "bx"])
        .arg(tree)
        .args([node, name])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let byte = |word| u8::from_str_radix(word, 16).unwrap();
    text.split_whitespace().map(byte).collect()
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), packed).unwrap();
    let mut zstd = Command::new("zstd");
    let output = zstd.args(["-d", "--stdout", "--quiet"]).arg(file.path());
    output.output().unwrap().stdout
}

#[test]
#[ignore = "needs board/setup"]
fn u_boot_of_several_boards_can_tell_their_device_trees_apart() {
    for board in boards_with_u_boot() {
        let config = fs::read_to_string(u_boot_of(&board).join(".config")).unwrap();
        let chooses = config.contains("CONFIG_FIT_BEST_MATCH=y\n");
        assert_eq!(chooses, board.device_trees.len() > 1, "{}", board.name);
        let mut compatible: Vec<_> = board
            .device_trees
            .iter()
            .map(|name| {
                let path = parts_of(&board).join(format!("{name}.dtb"));
                let all = property(&path, "/", "compatible");
                all.split_whitespace().next().unwrap().to_owned()
            })
            .collect();
        compatible.dedup();
        assert_eq!(compatible.len(), board.device_trees.len());
        // What every board needs of it, whatever its defconfig says.
        let packed = board.processor == Processor::Aarch64;
        assert_eq!(config.contains("CONFIG_ZSTD=y\n"), packed, "{}", board.name);
        for option in [
            "CONFIG_FIT=y",
            "CONFIG_OF_BOARD=y",
            "CONFIG_ENV_IS_IN_MMC=y",
        ] {
            assert!(config.contains(&format!("{option}\n")), "{option}");
        }
    }
}

#[test]
#[ignore = "needs board/setup"]
fn the_card_is_the_first_mmc_controller_on_every_board() {
    for board in boards_with_u_boot() {
        for name in &board.device_trees {
            let tree = parts_of(&board).join(format!("{name}.dtb"));
            let radio = "/soc/mmc@7e300000";
            if board.name.starts_with("rpi4") {
                let card = "/emmc2bus/mmc@7e340000";
                assert_eq!(property(&tree, "/aliases", "mmc0"), card);
                assert_eq!(property(&tree, card, "status"), "okay");
                assert_eq!(property(&tree, radio, "status"), "disabled");
            } else {
                // The radio's controller has no driver among the modules there.
                assert_eq!(property(&tree, "/soc/mmc@7e202000", "status"), "okay");
                let list = board_dir().join(&board.name).join("modules");
                let modules = fs::read_to_string(list).unwrap();
                assert!(!modules.contains("sdhci"), "{}", board.name);
            }
        }
    }
}

#[test]
#[ignore = "needs board/setup"]
fn every_board_has_all_its_boot_files_and_they_fit() {
    let board_dir = board_dir();
    let layout = Layout::read(&board_dir.join("layout.toml")).unwrap();
    for board in boards() {
        let sources = boot::Sources {
            board_dir: &board_dir,
            parts: &parts_of(&board),
            u_boot: &u_boot_of(&board),
        };
        let files = boot::files(&board, &sources).unwrap();
        assert_eq!(files.boot.len(), board.boot.len(), "{}", board.name);
        let size = layout.partition(Role::Boot).unwrap().size();
        let block = layout.erase_block();
        let mut volume = fat::volume(size, block, &files.boot, &files.edited).unwrap();
        for file in files.boot.iter().chain(&files.edited) {
            assert!(!file.content.is_empty(), "{}", file.name);
            let read = fat::read(&mut volume, &file.name).unwrap();
            assert!(read == file.content, "{} {}", board.name, file.name);
        }
    }
}

/// What a Pi reads at its start, by its makers' description: the boot ROM's second stage, the
/// firmware that `gpu_mem=16` stands for and the full one, each with its fix-ups, and device trees
/// with whom they are for.
/// The 4 has its second stage in an EEPROM.
struct Start {
    board: &'static str,
    second_stage: Option<&'static str>,
    firmware: [&'static str; 4],
    trees: &'static [(&'static str, &'static str)],
}

const THREE: &[(&str, &str)] = &[
    ("bcm2837-rpi-3-b.dtb", "raspberrypi,3-model-b"),
    ("bcm2837-rpi-3-b-plus.dtb", "raspberrypi,3-model-b-plus"),
];

const STARTS: [Start; 4] = [
    Start {
        board: "rpi2",
        second_stage: Some("bootcode.bin"),
        firmware: ["start_cd.elf", "fixup_cd.dat", "start.elf", "fixup.dat"],
        trees: &[("bcm2836-rpi-2-b.dtb", "raspberrypi,2-model-b")],
    },
    Start {
        board: "rpi3",
        second_stage: Some("bootcode.bin"),
        firmware: ["start_cd.elf", "fixup_cd.dat", "start.elf", "fixup.dat"],
        trees: THREE,
    },
    Start {
        board: "rpi3_64",
        second_stage: Some("bootcode.bin"),
        firmware: ["start_cd.elf", "fixup_cd.dat", "start.elf", "fixup.dat"],
        trees: THREE,
    },
    Start {
        board: "rpi4_64",
        second_stage: None,
        firmware: ["start4cd.elf", "fixup4cd.dat", "start4.elf", "fixup4.dat"],
        trees: &[("bcm2711-rpi-4-b.dtb", "raspberrypi,4-model-b")],
    },
];

#[test]
#[ignore = "needs board/setup"]
fn what_each_pi_reads_at_its_start_is_on_its_card_and_is_for_it() {
    let board_dir = board_dir();
    let layout = Layout::read(&board_dir.join("layout.toml")).unwrap();
    let size = layout.partition(Role::Boot).unwrap().size();
    for board in boards_with_u_boot() {
        let start = STARTS.iter().find(|it| it.board == board.name).unwrap();
        let sources = boot::Sources {
            board_dir: &board_dir,
            parts: &parts_of(&board),
            u_boot: &u_boot_of(&board),
        };
        let files = boot::files(&board, &sources).unwrap();
        let block = layout.erase_block();
        let mut volume = fat::volume(size, block, &files.boot, &files.edited).unwrap();
        let mut read = |name: &str| {
            fat::read(&mut volume, name).unwrap_or_else(|error| panic!("{}: {error}", start.board))
        };
        if let Some(name) = start.second_stage {
            assert!(read(name).len() > 0x4000, "{}: {name}", start.board);
        }
        for pair in start.firmware.chunks(2) {
            assert!(read(pair[0]).starts_with(b"\x7fELF"), "{}", pair[0]);
            assert!(read(pair[1]).len() > 0x400, "{}", pair[1]);
        }
        let config = String::from_utf8(read("config.txt")).unwrap();
        let bits = u8::from(board.processor == Processor::Aarch64);
        for line in [
            &format!("arm_64bit={bits}"),
            "gpu_mem=16",
            "kernel=u-boot.bin",
        ] {
            assert!(
                config.lines().any(|it| it == line),
                "{}: {line}",
                start.board
            );
        }
        // Both begin with a jump over their header: how that is written tells the processor.
        let jump = match board.processor {
            Processor::Armv7 => 0xEA,
            Processor::Aarch64 => 0x14,
        };
        assert_eq!(read("u-boot.bin").get(3), Some(&jump), "{}", start.board);
        for (name, compatible) in start.trees {
            assert!(config.contains(&format!("device_tree={name}\n")), "{name}");
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), read(name)).unwrap();
            let all = property(file.path(), "/", "compatible");
            assert_eq!(all.split_whitespace().next(), Some(*compatible));
        }
        assert!(read("LICENCE.broadcom").len() > 1000);
    }
}

#[test]
#[ignore = "needs board/setup"]
fn every_board_finds_its_modules() {
    let board_dir = board_dir();
    for board in boards() {
        let modules = Modules::read(&parts_of(&board).join("modules")).unwrap();
        let lists = [board.name.as_str(), "common"]
            .map(|it| List::read(&board_dir.join(it).join("modules")).unwrap());
        let order = modules.in_load_order(&lists).unwrap();
        // What is built into one kernel may be a module of the other.
        let place = |name: &str| order.iter().position(|it| it == name);
        let before = |first: &str, second: &str| {
            assert!(
                place(first) < place(second),
                "{}: {first} {second}",
                board.name
            );
            assert!(place(second).is_some(), "{}: {second}", board.name);
        };
        before("usbcore", "option");
        // Not to be seen in the indexes: asked for by an alias when they are loaded.
        before("crc32c_generic", "libcrc32c");
        before("crc32c_generic", "jbd2");
        before("nf_tables", "nft_ct");
    }
}
