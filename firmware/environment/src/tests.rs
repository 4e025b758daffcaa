use std::{fs, path::Path, process::Command};

use failberry_state::Slot;
use proptest::prelude::*;

use crate::*;

/// A card as large as needed for both copies.
fn card(copies: [&[u8]; 2]) -> fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.set_len(OFFSETS[1] + SIZE as u64).unwrap();
    for (at, copy) in OFFSETS.into_iter().zip(copies) {
        file.write_at(at, copy).unwrap();
    }
    file
}

fn environment(entries: &[&str]) -> Environment {
    Environment::new(entries)
}

fn copy(entries: &[&str], serial: u8) -> Vec<u8> {
    environment(entries).copy(SIZE, serial).unwrap()
}

#[test]
fn the_newer_valid_copy_counts_as_u_boot_counts_it() {
    for (serials, expected) in [
        ([Some(1), Some(0)], Some(0)),
        ([Some(1), Some(2)], Some(1)),
        ([Some(7), Some(7)], Some(0)),
        ([Some(255), Some(0)], Some(1)),
        ([Some(0), Some(255)], Some(0)),
        // Not an overflow for U-Boot: it looks at these two values only.
        ([Some(254), Some(0)], Some(0)),
        ([None, Some(0)], Some(1)),
        ([Some(0), None], Some(0)),
        ([None, None], None),
    ] {
        assert_eq!(newer(serials), expected, "{serials:?}");
    }
}

#[test]
fn the_other_copy_is_written_and_becomes_the_newer() {
    let mut card = card([&copy(&["a=1"], 255), &copy(&["a=0"], 254)]);
    for round in 0..5_u8 {
        let mut stored = Stored::read(&card).unwrap();
        assert_eq!(
            stored.environment.get("a"),
            Some((round + 1).to_string().as_str())
        );
        assert_eq!(stored.copy, usize::from(round % 2));
        stored.environment.set("a", &(round + 2).to_string());
        stored.save(&mut card).unwrap();
    }
}

#[test]
fn no_valid_copy_is_told_and_nothing_is_made_up() {
    let mut torn = copy(&["a=1"], 1);
    torn[SIZE - 1] = 1;
    let card = card([&[0; 8], &torn]);
    let error = Stored::read(&card).unwrap_err().to_string();
    assert!(
        error.contains("0x800000") && error.contains("0x1000000"),
        "{error}"
    );
}

#[test]
fn a_card_that_ends_early_is_told_with_the_place() {
    let file = tempfile::tempfile().unwrap();
    let error = Stored::read(&file).unwrap_err().to_string();
    assert!(error.contains("0x1000000"), "{error}");
}

#[test]
fn variables_are_set_changed_and_taken_away() {
    let mut environment = environment(&["ab=1", "a=2", "c"]);
    environment.set("a", "3");
    environment.set("d", "4");
    environment.set("ab", "");
    assert_eq!(environment.entries, [&b"a=3"[..], b"c", b"d=4"]);
    assert_eq!(
        (environment.get("ab"), environment.get("a")),
        (None, Some("3"))
    );
}

#[test]
fn what_is_said_twice_counts_as_u_boot_counts_it() {
    let said = ["a=1", "#a=2", " a=3", "b=1", "b", "c=1", "c=", "d=1"];
    let mut environment = environment(&said);
    let values = ["a", "b", "c", "d", "#a"].map(|name| environment.get(name));
    assert_eq!(values, [Some("3"), None, None, Some("1"), None]);
    environment.set("a", "4");
    environment.set("b", "2");
    environment.set("c", "");
    let now = ["a=4", "#a=2", "b=2", "d=1"].map(str::as_bytes);
    assert_eq!(environment.entries, now);
}

#[test]
fn what_does_not_fit_is_refused_and_the_card_left_alone() {
    let mut card = card([&copy(&["a=1"], 1), &copy(&["a=0"], 0)]);
    let mut stored = Stored::read(&card).unwrap();
    stored.environment.set("long", &"x".repeat(SIZE));
    assert!(matches!(
        stored.save(&mut card),
        Err(EnvironmentError::TooLarge { .. })
    ));
    assert_eq!(Stored::read(&card).unwrap().environment.get("a"), Some("1"));
}

#[test]
fn a_trial_is_begun_confirmed_and_ended() {
    let mut environment = environment(&["slots=b a", "trial=", "tries=0"]);
    let mut slots = Slots::of(&environment).unwrap();
    slots.begin_trial(Slot::B, 2);
    slots.put(&mut environment);
    assert_eq!(
        environment,
        Environment::new(&["slots=a b", "trial=b", "tries=2"])
    );
    slots.prefer(Slot::B);
    slots.put(&mut environment);
    assert_eq!(environment, Environment::new(&["slots=b a", "tries=0"]));
}

#[test]
fn variables_that_make_no_sense_are_told_by_name() {
    for (entry, says) in [
        ("slots=a a", "slots"),
        ("slots=c", "each once"),
        ("trial=c", "trial"),
        ("tries=10", "0 to 9"),
        ("tries=-1", "tries"),
    ] {
        let error = Slots::of(&environment(&[entry])).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let usual = Slots::of(&environment(&[])).unwrap();
    assert_eq!(usual.order, [Slot::A, Slot::B]);
}

#[test]
fn u_boots_own_tools_read_what_is_written_and_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("card");
    let config = directory.path().join("fw_env.config");
    let place = |at: u64| format!("{} {at:#x} {SIZE:#x}\n", image.display());
    fs::write(&config, place(OFFSETS[0]) + &place(OFFSETS[1])).unwrap();
    let tool = |name: &str, words: &[&str]| {
        let output = Command::new(name)
            .arg("--config")
            .arg(&config)
            .args(words)
            .output()
            .expect("the package libubootenv-tool");
        assert!(output.status.success(), "{name} {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let board = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board/common/uboot.env");
    let text = fs::read_to_string(board).unwrap();
    let odd = format!("odd={}", text.replace('\n', ";"));
    let mut file = fs::File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&image)
        .unwrap();
    file.set_len(OFFSETS[1] + SIZE as u64).unwrap();
    file.write_at(OFFSETS[0], &copy(&["slots=a b", "tries=0", &odd], 255))
        .unwrap();
    file.write_at(OFFSETS[1], &copy(&["slots=stale"], 254))
        .unwrap();

    // Ours, theirs, ours in turn, over the overflow of the serial number.
    for round in 0..4 {
        let mut stored = Stored::read(&file).unwrap();
        let mut slots = Slots::of(&stored.environment).unwrap();
        slots.begin_trial(Slot::B, 2);
        slots.put(&mut stored.environment);
        stored.save(&mut file).unwrap();
        let printed = tool("fw_printenv", &[]);
        for line in ["slots=a b", "trial=b", "tries=2", &odd] {
            assert!(
                printed.lines().any(|it| it == line),
                "{round}: {line} in {printed}"
            );
        }
        tool("fw_setenv", &["tries", "1"]);
        tool("fw_setenv", &["trial", ""]);
        let slots = Slots::of(&Stored::read(&file).unwrap().environment).unwrap();
        assert_eq!((slots.trial, slots.tries), (None, 1), "{round}");
    }
}

proptest! {
    #[test]
    fn any_copy_comes_back_and_no_wrong_bit_is_taken(
        values in proptest::collection::vec("[ -<>-~]{0,40}", 0..20),
        serial: u8,
        bit in 0..SIZE * 8,
    ) {
        let entries: Vec<_> = values.iter().enumerate().map(|(n, it)| format!("v{n}={it}")).collect();
        let environment = Environment::new(&entries);
        let mut copy = environment.copy(SIZE, serial).unwrap();
        prop_assert_eq!(Environment::from_copy(&copy), Some((serial, environment)));
        copy[bit / 8] ^= 1 << (bit % 8);
        // The serial number stands outside of the checksum, in U-Boot as well.
        if bit / 8 != 4 {
            prop_assert_eq!(Environment::from_copy(&copy), None);
        }
    }

    #[test]
    fn nothing_on_a_card_makes_the_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut copy = crc32(&bytes).to_le_bytes().to_vec();
        copy.push(1);
        copy.extend_from_slice(&bytes);
        if let Some((_, environment)) = Environment::from_copy(&copy) {
            let _ = Slots::of(&environment);
        }
    }
}
