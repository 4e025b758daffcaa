//! The one-shot on directories that stand for the partitions.
#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;

/// Lock of every test that spawns programs or mounts: a child inherits all of our files for a
/// moment, and keeps another test from unmounting.
pub(super) fn lock_mounts() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn warnings_reach_the_supervisor() {
    let run = tempfile::tempdir().unwrap();
    fs::create_dir(run.path().join("storage")).unwrap();
    assert_eq!(warnings(run.path()), Vec::<String>::new());
    let mut added = BootWarnings::default();
    added.add("no card".into());
    added.publish(run.path());
    assert_eq!(warnings(run.path()), ["no card"]);
    fs::write(run.path().join(WARNINGS_FILE), "[").unwrap();
    assert!(
        warnings(run.path())
            .first()
            .unwrap()
            .starts_with(WARNINGS_FILE)
    );
}

#[test]
fn unknown_argument_is_refused() {
    let error = run(&["factory-rest".into()]).unwrap_err().to_string();
    assert!(error.contains("factory-rest"), "{error}");
    let error = run(&[FACTORY_RESET.into(), "now".into()]).unwrap_err();
    assert!(error.to_string().contains("now"), "{error}");
}

#[test]
fn store_reads_back_and_is_for_root_only() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(load(data.path()).unwrap(), None);
    let file = b"[carrier]\napn = 'a'\npin = '1234'\n";
    let store = decide(Some(file), None, true).store.unwrap();
    save(data.path(), &store).unwrap();
    assert_eq!(load(data.path()).unwrap(), Some(store));
    let path = data.path().join(STORED_SETTINGS);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    fs::write(&path, "{").unwrap();
    assert!(load(data.path()).is_err());
    // The largest possible store is read whole.
    let quotes = format!("#{}", "\"".repeat(failberry_config::MAX_BYTES - 1));
    let store = decide(Some(quotes.as_bytes()), None, true).store.unwrap();
    save(data.path(), &store).unwrap();
}

#[test]
fn settings_are_imported_masked_reverted_and_recovered() {
    let (fat, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = fat.path().join(SETTINGS_FILE);
    let boot = BootPartition::at(fat.path());
    let boots = |is_durable: bool| {
        let mut warnings = BootWarnings::default();
        let file = read_settings_file(&boot, &mut warnings);
        import_settings(
            Some(&boot),
            file.as_deref(),
            data.path(),
            is_durable,
            &mut warnings,
        );
        // There are no directories for the configuration of services here.
        warnings.0.retain(|text| !text.contains("hand out"));
        warnings.0
    };
    let text = "# mine\n[carrier]\napn = 'a'\npin = '1234'\n";
    fs::write(&path, text).unwrap();
    // Without a durable store the file stays as it is.
    assert_eq!(boots(false), [] as [String; 0]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(boots(true), [] as [String; 0]);
    let masked = text.replace("'1234'", "\"****\"");
    assert_eq!(fs::read_to_string(&path).unwrap(), masked);
    let before = fs::metadata(data.path().join(STORED_SETTINGS)).unwrap();
    assert_eq!(boots(true), [] as [String; 0]);
    let after = fs::metadata(data.path().join(STORED_SETTINGS)).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());

    fs::write(&path, masked.replace("'a'", "'b'")).unwrap();
    boots(true);
    let apn = || {
        let store = load(data.path()).unwrap().unwrap();
        parse(&store.present).config.carrier.unwrap().apn
    };
    assert_eq!(apn(), "b");
    let store = load(data.path()).unwrap().and_then(Store::reverted);
    save(data.path(), &store.unwrap()).unwrap();
    assert!(boots(true)[0].contains("somebody went back"));
    assert_eq!(apn(), "a");

    fs::write(data.path().join(STORED_SETTINGS), "{").unwrap();
    let warnings = boots(true);
    assert!(
        warnings[0].starts_with("the settings kept are lost: "),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("line 4, key carrier.pin: expected the secret itself"));
    fs::remove_file(&path).unwrap();
    assert!(boots(true)[0].contains("cannot be read"));
}

#[test]
fn rescan_summary_names_controllers() {
    let hosts = ["3f202000.mmc".into(), "3f300000.mmc".into()];
    assert_eq!(
        rescan_summary(&hosts),
        "looking again at 3f202000.mmc, 3f300000.mmc"
    );
    assert_eq!(rescan_summary(&[]), "no controller that could look again");
}
