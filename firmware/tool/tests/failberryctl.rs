//! The program as a person calls it.

// A test that meets the unexpected should stop there and say so.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_failberryctl"))
            .current_dir(self.0.path())
            .args(words)
            .output()
            .unwrap()
    }

    fn good(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn bad(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn image(&self) {
        let mut image = vec![0xD0, 0x0D, 0xFE, 0xED, 0, 3, 0, 0];
        image.resize(0x3_0000, 7);
        fs::write(self.path("slot.fit"), image).unwrap();
    }
}

const BUNDLE: [&str; 10] = [
    "bundle",
    "slot.fit",
    "--board",
    "rpi2",
    "--version",
    "1.2.3",
    "--key",
    "key.pem",
    "--out",
    "update.fb",
];

#[test]
fn a_key_is_made_shown_and_signs_a_bundle() {
    let desk = Desk::new();
    desk.image();
    let line = desk.good(&["key", "new", "key.pem"]);
    let mode = fs::metadata(desk.path("key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let public = desk.good(&["key", "show", "key.pem"]);
    let public = public.trim();
    assert_eq!(line, format!("[update]\nkeys = [\"{public}\"]\n"));
    desk.good(&BUNDLE);
    let told = desk.good(&["inspect", "update.fb", "--key", public]);
    for part in ["rpi2", "1.2.3", "signature   good", "image       good"] {
        assert!(told.contains(part), "{told}");
    }
    let error = desk.bad(&["key", "new", "key.pem"]);
    assert!(error.contains("key.pem"), "{error}");
}

#[test]
fn a_damaged_bundle_another_key_and_no_image_are_told() {
    let desk = Desk::new();
    desk.image();
    desk.good(&["key", "new", "key.pem"]);
    desk.good(&["key", "new", "other.pem"]);
    desk.good(&BUNDLE);
    let other = desk.good(&["key", "show", "other.pem"]);
    let error = desk.bad(&["inspect", "update.fb", "--key", other.trim()]);
    assert!(error.contains("is signed with key"), "{error}");
    let mut bytes = fs::read(desk.path("update.fb")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(desk.path("update.fb"), &bytes).unwrap();
    assert!(desk.bad(&["inspect", "update.fb"]).contains("block 2 of 3"));
    fs::write(desk.path("slot.fit"), b"text").unwrap();
    assert!(desk.bad(&BUNDLE).contains("FIT"));
}

#[test]
fn a_key_that_openssl_has_made_is_taken() {
    let desk = Desk::new();
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(desk.path("key.pem"))
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(desk.good(&["key", "show", "key.pem"]).trim().len(), 44);
}

#[test]
fn a_configuration_is_checked() {
    let desk = Desk::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board/failberrypi.toml");
    desk.good(&["check-config", shipped.to_str().unwrap()]);
    fs::write(desk.path("bad.toml"), "[carrier]\napn = 7\n").unwrap();
    let output = desk.run(&["check-config", "bad.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("line 2"), "{told}");
}

#[test]
fn a_box_that_is_not_there_is_told_with_its_place() {
    let desk = Desk::new();
    desk.image();
    desk.good(&["key", "new", "key.pem"]);
    desk.good(&BUNDLE);
    let error = desk.bad(&[
        "push",
        "update.fb",
        "127.0.0.1:9",
        "--key",
        "key.pem",
        "--known",
        "known",
    ]);
    assert!(error.contains("127.0.0.1:9"), "{error}");
    assert!(!desk.path("known").exists());
}
