//! Real ext4 file systems on a loop device.
#![allow(clippy::unwrap_used)]

use std::{os::unix::fs::FileExt, process::Command, sync::MutexGuard};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};

use super::*;
use crate::storage::{empty_fs::tests::made_by_mke2fs, tests::alone};

const SIZE: u64 = 4 << 20;

/// A partition on a loop device of its own.
struct Card {
    data: DataPartition,
    image: tempfile::NamedTempFile,
    _directory: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Card {
    /// None where nobody may mount anything.
    fn new() -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let alone = alone();
        // A namespace that somebody else makes meanwhile would have our mounts in it, and keep them.
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
            _alone: alone,
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

    /// Writes over the card behind everybody's back.
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
fn what_is_kept_outlives_boots_and_a_reset_forgets_it() {
    let Some(card) = Card::new() else { return };
    assert_eq!(card.boot(false), (true, Vec::new()));
    write_settings(&card);
    assert_eq!(card.boot(false), (true, Vec::new()));
    assert!(card.at("config/settings.json").exists());
    assert_eq!(card.boot(true), (true, Vec::new()));
    assert!(!card.at("config").exists());
    // By an order.
    write_settings(&card);
    request_factory_reset(&card.data.directory).unwrap();
    assert_eq!(card.boot(false), (true, Vec::new()));
    assert!(!card.at("config").exists() && !card.at(RESET_FILE).exists());
    assert!(card.is_clean());
    // Nothing of it is left on the card.
    let bytes = fs::read(card.image.path()).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let error = request_factory_reset(elsewhere.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("not on the card"), "{error}");
}

#[test]
fn a_partition_without_file_system_gets_one_and_it_is_told() {
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
fn a_damaged_file_system_is_made_anew_with_what_can_be_read() {
    let Some(card) = Card::new() else { return };
    card.boot(false);
    write_settings(&card);
    // Its checksum is wrong then; of what is in it, nothing is.
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
fn errors_that_the_kernel_counts_are_mended() {
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
fn without_a_partition_there_is_memory() {
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
