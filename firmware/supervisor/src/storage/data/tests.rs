//! Data partition with real ext4 file systems on a loop device.
#![allow(clippy::unwrap_used)]

use std::{os::unix::fs::FileExt, process::Command, sync::MutexGuard};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};

use super::*;
use crate::storage::{empty_fs::tests::made_by_mke2fs, tests::lock_mounts};

const SIZE: u64 = 4 << 20;

/// A partition on a loop device of its own.
struct Card {
    data: DataPartition,
    image: tempfile::NamedTempFile,
    _directory: tempfile::TempDir,
    _lock: MutexGuard<'static, ()>,
}

impl Card {
    /// Returns none if mounts are not allowed.
    fn new() -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let lock = lock_mounts();
        // Another process that makes a namespace in the meantime would keep our mounts in it.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let (volume, blocks) = made_by_mke2fs(SIZE);
        let image = tempfile::NamedTempFile::new().unwrap();
        fs::write(image.path(), volume).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("data");
        fs::create_dir(&place).unwrap();
        fs::write(directory.path().join("blocks"), blocks).unwrap();
        let mut losetup = Command::new("losetup");
        let output = losetup
            .args(["--find", "--show"])
            .arg(image.path())
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let device = String::from_utf8(output.stdout).unwrap();
        Some(Self {
            data: DataPartition {
                device: device.trim().into(),
                directory: place,
                blocks: directory.path().join("blocks"),
            },
            image,
            _directory: directory,
            _lock: lock,
        })
    }

    fn boot(&self, reset: bool) -> (bool, Vec<String>) {
        let _ = umount(&self.data.directory);
        let mut warnings = BootWarnings::default();
        let is_durable = self.data.open(BootMillis::now(), reset, &mut warnings);
        (is_durable, warnings.0)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.data.directory.join(name)
    }

    /// Writes to the card past its unmounted file system.
    fn overwrite(&self, place: u64, bytes: &[u8]) {
        umount(&self.data.directory).unwrap();
        let device = File::options().write(true).open(&self.data.device).unwrap();
        device.write_all_at(bytes, place).unwrap();
        device.sync_all().unwrap();
    }

    fn is_clean(&self) -> bool {
        umount(&self.data.directory).unwrap();
        let mut check = Command::new("e2fsck");
        let status = check.arg("-fn").arg(self.image.path()).output().unwrap();
        status.status.success()
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        let _ = umount(&self.data.directory);
        let _ = Command::new("losetup")
            .arg("-d")
            .arg(&self.data.device)
            .status();
    }
}

fn write_settings(card: &Card) {
    fs::create_dir(card.at("config")).unwrap();
    fs::write(card.at("config/settings.json"), "secret").unwrap();
}

#[test]
fn data_survives_boots_and_reset_removes_it() {
    let Some(card) = Card::new() else { return };
    assert_eq!(card.boot(false), (true, Vec::new()));
    write_settings(&card);
    assert_eq!(card.boot(false), (true, Vec::new()));
    assert!(card.at("config/settings.json").exists());
    assert_eq!(card.boot(true), (true, Vec::new()));
    assert!(!card.at("config").exists());
    // By a request.
    write_settings(&card);
    request_factory_reset(&card.data.directory).unwrap();
    assert_eq!(card.boot(false), (true, Vec::new()));
    assert!(!card.at("config").exists() && !card.at(RESET_FILE).exists());
    assert!(card.is_clean());
    // The content is gone from the card.
    let bytes = fs::read(card.image.path()).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let error = request_factory_reset(elsewhere.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("not on the card"), "{error}");
}

#[test]
fn partition_without_file_system_is_created_with_warning() {
    let Some(card) = Card::new() else { return };
    card.boot(false);
    write_settings(&card);
    card.overwrite(0, &vec![0xff; 64 << 10]);
    let (is_durable, warnings) = card.boot(false);
    assert!(is_durable && warnings.len() == 1);
    assert!(
        warnings[0].contains("there was no file system; 0 files"),
        "{warnings:?}"
    );
    fs::write(card.at("new"), "").unwrap();
    assert!(card.is_clean());
}

#[test]
fn damaged_file_system_is_recreated_with_salvaged_files() {
    let Some(card) = Card::new() else { return };
    card.boot(false);
    write_settings(&card);
    // Damages the checksum of the group descriptors, not the files.
    let descriptor = card.image.as_file();
    let mut byte = [0];
    umount(&card.data.directory).unwrap();
    descriptor.read_exact_at(&mut byte, 2048 + 30).unwrap();
    card.data.mount().unwrap();
    card.overwrite(2048 + 30, &[byte[0] ^ 0xff]);
    let (is_durable, warnings) = card.boot(false);
    assert!(is_durable, "{warnings:?}");
    assert!(
        warnings
            .iter()
            .any(|text| text.contains("was made anew, since")),
        "{warnings:?}"
    );
    if warnings[0].contains("1 files") {
        assert_eq!(
            fs::read_to_string(card.at("config/settings.json")).unwrap(),
            "secret"
        );
    }
    assert!(card.is_clean());
}

#[test]
fn counted_errors_recreate_the_file_system() {
    let Some(card) = Card::new() else { return };
    card.boot(false);
    write_settings(&card);
    umount(&card.data.directory).unwrap();
    let mut debugfs = Command::new("debugfs");
    let set = debugfs
        .args(["-w", "-R", "set_super_value error_count 3"])
        .arg(&card.data.device)
        .output();
    assert!(set.unwrap().status.success());
    let (is_durable, warnings) = card.boot(false);
    assert!(is_durable && warnings.len() == 1, "{warnings:?}");
    assert!(
        warnings[0].contains("it has errors; 1 files"),
        "{warnings:?}"
    );
    assert_eq!(
        fs::read_to_string(card.at("config/settings.json")).unwrap(),
        "secret"
    );
    assert_eq!(card.boot(false), (true, Vec::new()));
    assert!(card.is_clean());
}

#[test]
fn missing_partition_falls_back_to_tmpfs() {
    if !geteuid().is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = DataPartition {
        device: "/dev/failberry-none".into(),
        directory: place.path().into(),
        blocks: "/none".into(),
    };
    let mut warnings = BootWarnings::default();
    assert!(!data.open(BootMillis::now(), false, &mut warnings));
    assert!(warnings.0[0].contains("is in memory and lost at power-off"));
    fs::write(place.path().join("file"), "").unwrap();
    umount(place.path()).unwrap();
    assert!(!place.path().join("file").exists());
}
