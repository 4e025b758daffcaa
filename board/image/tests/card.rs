//! A whole card, made of small parts, seen by the programs that other people look at cards with.

// A test that meets the unexpected should stop there and say so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use failberry_image::{
    card,
    checksum::crc32,
    data, environment, fat,
    layout::{Layout, Role},
    release,
};
use tempfile::TempDir;

fn board_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn layout() -> Layout {
    Layout::read(&board_dir().join("layout.toml")).unwrap()
}

/// A slot as far as its header is concerned, of an odd size.
fn slot() -> Vec<u8> {
    let size = 1_000_123_u32;
    let mut slot = vec![0xA5; 1_000_123];
    slot[..4].copy_from_slice(&[0xD0, 0x0D, 0xFE, 0xED]);
    slot[4..8].copy_from_slice(&size.to_be_bytes());
    slot
}

/// U-Boot's variables on the Raspberry Pi 2B.
fn variables() -> Vec<String> {
    environment::of_board(&board_dir(), "rpi2").unwrap()
}

struct Card {
    directory: TempDir,
    layout: Layout,
}

impl Card {
    fn new() -> Self {
        let layout = layout();
        let directory = tempfile::tempdir().unwrap();
        let size = |role| layout.partition(role).unwrap().size();
        let file = |name: &str, content: &[u8]| fat::File {
            name: name.into(),
            content: content.into(),
        };
        let boot = [file("u-boot.bin", &vec![1; 300_000])];
        let edited = [file("failberrypi.toml", b"# fresh\n")];
        let contents = card::Contents {
            boot: &fat::volume(size(Role::Boot), layout.erase_block(), &boot, &edited).unwrap(),
            slot_a: Some(&slot()),
            data: &data::volume(size(Role::Data), 1_735_689_600).unwrap(),
            environment: Some(&variables()),
        };
        card::write(&directory.path().join("card.img"), &layout, &contents).unwrap();
        Self { directory, layout }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn image(&self) -> Vec<u8> {
        fs::read(self.path("card.img")).unwrap()
    }

    fn part<'a>(&self, image: &'a [u8], role: Role) -> &'a [u8] {
        let bytes = self.layout.partition(role).unwrap().bytes();
        &image[at(bytes.start)..at(bytes.end)]
    }
}

fn at(byte: u64) -> usize {
    usize::try_from(byte).unwrap()
}

/// Standard output of a program that must succeed.
fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {text}{error}");
    text
}

fn check_file_systems(card: &Card, image: &[u8]) {
    for (role, program, flag) in [
        (Role::Boot, "fsck.fat", "-n"),
        (Role::Data, "e2fsck", "-fn"),
    ] {
        let path = card.path("part");
        fs::write(&path, card.part(image, role)).unwrap();
        run(program, &[flag, path.to_str().unwrap()]);
    }
}

#[test]
fn two_cards_of_the_same_parts_are_the_same() {
    let card = Card::new();
    assert!(card.image() == Card::new().image());
    assert_eq!(card.image().len() as u64, card.layout.card_size());
}

#[test]
fn partition_table_and_file_systems_are_what_the_layout_says() {
    let card = Card::new();
    let path = card.path("card.img");
    let dump = run("sfdisk", &["--dump", path.to_str().unwrap()]);
    assert!(dump.contains("label-id: 0xfb10f1be"), "{dump}");
    for (number, partition) in (1..).zip(&card.layout.partitions) {
        let line = dump
            .lines()
            .find(|line| line.contains(&format!("card.img{number} :")));
        let words: String = line.unwrap().split_whitespace().collect();
        let start = partition.bytes().start / 512;
        let size = partition.size() / 512;
        let expected = format!("start={start},size={size},type={:x}", partition.kind);
        assert!(words.ends_with(&expected), "{words} {expected}");
    }
    let image = card.image();
    check_file_systems(&card, &image);
    assert!(card.part(&image, Role::SlotA).starts_with(&slot()));
    assert!(card.part(&image, Role::SlotB).iter().all(|byte| *byte == 0));
}

#[test]
fn both_copies_of_the_environment_are_as_u_boot_reads_them() {
    let card = Card::new();
    let image = card.image();
    let environment = &card.layout.environment;
    for (place, serial) in [(environment.offset, 1), (environment.redundant, 0)] {
        let copy = &image[at(place)..at(place + environment.size)];
        assert_eq!(copy[..4], crc32(&copy[5..]).to_le_bytes());
        assert_eq!(copy[4], serial);
        let found: Vec<_> = copy[5..]
            .split(|byte| *byte == 0)
            .take_while(|it| !it.is_empty())
            .map(|it| String::from_utf8(it.to_vec()).unwrap())
            .collect();
        assert_eq!(found, variables());
        assert!(found.contains(&"slots=a b".to_owned()));
    }
}

#[test]
fn settings_are_put_onto_a_finished_card() {
    let card = Card::new();
    let before = card.image();
    let text = "[carrier]\napn = \"internet\"\n".repeat(100);
    card::set_config(&card.path("card.img"), &card.layout, &text).unwrap();
    let after = card.image();
    check_file_systems(&card, &after);
    let mut boot = card.part(&after, Role::Boot).to_vec();
    assert_eq!(
        fat::read(&mut boot, "failberrypi.toml").unwrap(),
        text.as_bytes()
    );
    assert_eq!(
        fat::read(&mut boot, "u-boot.bin").unwrap(),
        vec![1; 300_000]
    );
    let bytes = card.layout.partition(Role::Boot).unwrap().bytes();
    assert!(before[..at(bytes.start)] == after[..at(bytes.start)]);
    assert!(before[at(bytes.end)..] == after[at(bytes.end)..]);
}

#[test]
fn what_is_too_large_for_its_place_is_refused() {
    let layout = layout();
    let directory = tempfile::tempdir().unwrap();
    let contents = card::Contents {
        boot: &[],
        slot_a: Some(&vec![1; (24 << 20) + 1]),
        data: &[],
        environment: None,
    };
    let error = card::write(&directory.path().join("card.img"), &layout, &contents);
    assert!(error.unwrap_err().to_string().contains("SlotA"));
}

#[test]
fn a_release_is_the_same_each_time_and_its_checksum_holds() {
    let card = Card::new();
    let release = || {
        release::write(
            &card.path("card.img"),
            &card.layout,
            card.directory.path(),
            "x",
        )
        .unwrap()
        .map(|path| fs::read(path).unwrap())
    };
    let first = release();
    assert!(first == release());
    let directory = card.directory.path().to_str().unwrap();
    run(
        "sh",
        &[
            "-c",
            &format!("cd {directory} && sha256sum --check x.img.xz.sha256"),
        ],
    );
    let archive = card.path("x.img.xz");
    run("xz", &["--decompress", "--keep", archive.to_str().unwrap()]);
    assert!(fs::read(card.path("x.img")).unwrap() == card.image());
}

#[test]
fn a_card_written_by_its_block_map_over_an_old_one_is_whole() {
    let card = Card::new();
    let directory = card.directory.path();
    let [archive, _, map] =
        release::write(&card.path("card.img"), &card.layout, directory, "x").unwrap();
    let copy = card.path("copy.img");
    // Checks every range's SHA-256 on the way.
    run(
        "bmaptool",
        &["copy", archive.to_str().unwrap(), copy.to_str().unwrap()],
    );
    assert!(fs::read(copy).unwrap() == card.image());

    let image = card.image();
    let mut old = vec![0x5A; image.len()];
    let text = fs::read_to_string(map).unwrap();
    let ranges = text.lines().filter_map(|line| {
        let (_, range) = line.trim().strip_suffix(" </Range>")?.split_once("> ")?;
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().unwrap() * 4096..(last.parse::<usize>().unwrap() + 1) * 4096)
    });
    let mut count = 0;
    for range in ranges {
        old[range.clone()].copy_from_slice(&image[range]);
        count += 1;
    }
    assert_eq!(count, 7, "{text}");
    check_file_systems(&card, &old);
    assert!(card.part(&old, Role::SlotA).starts_with(&slot()));
    assert!(
        card.part(&old, Role::SlotB)[..4096]
            .iter()
            .all(|byte| *byte == 0)
    );
    assert!(card.part(&old, Role::Data) == card.part(&image, Role::Data));
    let environment = &card.layout.environment;
    for place in [environment.offset, environment.redundant] {
        let range = at(place)..at(place + environment.size);
        assert!(old[range.clone()] == image[range]);
    }
    assert!(old[..512] == image[..512]);
}

#[test]
fn an_image_of_another_size_is_not_released() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("card.img");
    fs::write(&path, [0; 4096]).unwrap();
    let error = release::write(&path, &layout(), directory.path(), "x").unwrap_err();
    assert!(error.to_string().contains("got 4096 bytes"), "{error}");
}
