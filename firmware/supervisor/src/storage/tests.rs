//! The whole of it on directories that stand for the card.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn trouble_reaches_the_supervisor() {
    let run = tempfile::tempdir().unwrap();
    fs::create_dir(run.path().join("storage")).unwrap();
    assert_eq!(warnings(run.path()), Vec::<String>::new());
    let mut trouble = Trouble::default();
    trouble.add("no card".into());
    trouble.leave(run.path());
    assert_eq!(warnings(run.path()), ["no card"]);
    fs::write(run.path().join(WARNINGS), "[").unwrap();
    assert!(warnings(run.path()).first().unwrap().starts_with(WARNINGS));
}

#[test]
fn an_order_is_known_or_refused() {
    let error = run(&["factory-rest".into()]).unwrap_err().to_string();
    assert!(error.contains("factory-rest"), "{error}");
    let error = run(&[FACTORY_RESET.into(), "now".into()]).unwrap_err();
    assert!(error.to_string().contains("now"), "{error}");
}

#[test]
fn what_is_kept_is_read_again_and_for_root_alone() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(load(data.path()).unwrap(), None);
    let file = b"[carrier]\napn = 'a'\npin = '1234'\n";
    let store = decide(Some(file), None, true).store.unwrap();
    save(data.path(), &store).unwrap();
    assert_eq!(load(data.path()).unwrap(), Some(store));
    let path = data.path().join(SETTINGS);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    fs::write(&path, "{").unwrap();
    assert!(load(data.path()).is_err());
    // The largest there can be is read whole.
    let quotes = format!("#{}", "\"".repeat(failberry_config::MAX_BYTES - 1));
    let store = decide(Some(quotes.as_bytes()), None, true).store.unwrap();
    save(data.path(), &store).unwrap();
}
