//! A directory, and a FAT file system if it may be mounted.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use super::*;
use crate::storage::tests::lock_mounts;

fn directory() -> (tempfile::TempDir, BootPartition) {
    let directory = tempfile::tempdir().unwrap();
    let boot = BootPartition::at(directory.path());
    (directory, boot)
}

#[test]
fn settings_are_overwritten_in_place_or_not_at_all() {
    let (directory, boot) = directory();
    let path = directory.path().join(SETTINGS_FILE);
    let text = format!("{}pin = \"1234\"", "#\n".repeat(400));
    fs::write(&path, &text).unwrap();
    assert_eq!(boot.read_settings().unwrap(), text.as_bytes());
    let masked = text.replace("1234", "****");
    boot.overwrite(&masked).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), masked);
    for other in [&masked[1..], &format!("{masked}#")] {
        let error = boot.overwrite(other).unwrap_err().to_string();
        assert!(error.contains("its length"), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), masked);
    fs::remove_file(&path).unwrap();
    assert!(boot.read_settings().is_err() && boot.overwrite("x").is_err());
}

#[test]
fn settings_file_read_is_bounded() {
    let (directory, boot) = directory();
    fs::write(
        directory.path().join(SETTINGS_FILE),
        vec![b'#'; 10 * MAX_BYTES],
    )
    .unwrap();
    assert_eq!(boot.read_settings().unwrap().len(), MAX_BYTES + 1);
}

#[test]
fn only_files_named_factory_reset_request_one() {
    let (directory, boot) = directory();
    for name in [
        "factory-reset.d",
        "factory-resets",
        "no-factory-reset",
        "config.txt",
    ] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    fs::remove_file(directory.path().join("factory-reset.d")).unwrap();
    fs::create_dir(directory.path().join("factory-reset.d")).unwrap();
    assert_eq!(boot.reset_files(), [] as [PathBuf; 0]);
    for name in ["factory-reset", "Factory-Reset.txt", "FACTORY-RESET.TOML"] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let found = boot.reset_files();
    assert_eq!(found.len(), 3);
    boot.remove(&found).unwrap();
    assert_eq!(boot.reset_files(), [] as [PathBuf; 0]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4);
}

/// On a real FAT file system, which also stays clean.
#[test]
fn overwrite_on_fat_changes_only_the_text_sector() {
    let known = fs::read_to_string("/proc/filesystems").unwrap();
    if !nix::unistd::geteuid().is_root() || !known.contains("\tvfat\n") {
        return;
    }
    let _alone = lock_mounts();
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(16 << 20).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let path = image.path().to_str().unwrap();
    run("mkfs.vfat", &["-F", "16", path]);
    let device = run("losetup", &["--find", "--show", path]);
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().to_str().unwrap();
    run("mount", &[&device, directory]);
    let text = format!("{}pin = \"1234\"\n", "# comment\n".repeat(300));
    let settings = place.path().join(SETTINGS_FILE);
    fs::write(&settings, &text).unwrap();
    fs::write(place.path().join("factory-reset.txt"), "").unwrap();
    run("mount", &["-o", "remount,ro", directory]);
    let before = fs::read(image.path()).unwrap();
    let boot = BootPartition {
        directory: place.path().to_owned(),
        device: Some(device.clone().into()),
    };
    let masked = text.replace("1234", "****");
    boot.overwrite(&masked).unwrap();
    assert_eq!(boot.read_settings().unwrap(), masked.as_bytes());
    assert!(fs::write(place.path().join("x"), "").is_err());
    let after = fs::read(image.path()).unwrap();
    let sectors = before.chunks(SECTOR_BYTES).zip(after.chunks(SECTOR_BYTES));
    let changed: Vec<_> = sectors.filter(|(old, new)| old != new).collect();
    // One sector of the text: no time stamp in the directory, no dirty mark.
    let [(old, new)] = changed[..] else {
        panic!("{} sectors changed", changed.len());
    };
    let holds = |sector: &[u8], text: &[u8]| sector.windows(text.len()).any(|it| it == text);
    assert!(holds(old, b"\"1234\"") && holds(new, b"\"****\""));
    boot.remove(&boot.reset_files()).unwrap();
    assert_eq!(boot.reset_files(), [] as [PathBuf; 0]);
    drop(boot);
    assert!(!settings.exists());
    run("losetup", &["--detach", &device]);
    run("fsck.vfat", &["-n", path]);
}
