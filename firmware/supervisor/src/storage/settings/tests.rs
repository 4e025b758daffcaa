//! Settings file and store over several boots, with power cuts.
#![allow(clippy::unwrap_used)]

use failberry_config::parse_bytes;
use proptest::prelude::*;

use super::*;

const FILE: &str = "# my box\n[carrier]\napn = \"internet\"\npin = \"1234\" # of the card\n[aws]\n\
                    access_key_id = \"AKIAIOSFODNN7EXAMPLE\"\n\
                    secret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"\n";

/// Contents of file and store.
#[derive(Clone, Debug, Default)]
struct Card {
    file: Option<Vec<u8>>,
    store: Option<Store>,
}

impl Card {
    fn with(file: &str) -> Self {
        Self {
            file: Some(file.into()),
            store: None,
        }
    }

    fn decide(&self) -> Decision {
        decide(self.file.as_deref(), self.store.as_ref(), true)
    }

    /// Boots, and loses power after `steps` of the three writes.
    fn boot_until(&mut self, steps: usize) -> Decision {
        let decision = self.decide();
        let Some(store) = &decision.store else {
            return decision;
        };
        if steps >= 1 {
            self.store = Some(store.clone());
        }
        if steps >= 2
            && let Some(text) = &decision.rewrite
        {
            assert_eq!(text.len(), self.file.as_ref().unwrap().len());
            self.file = Some(text.clone().into());
        }
        if steps >= 3 {
            self.store = Some(store.clone().masked());
        }
        decision
    }

    fn boot(&mut self) -> Decision {
        self.boot_until(3)
    }

    fn text(&self) -> String {
        String::from_utf8(self.file.clone().unwrap()).unwrap()
    }

    /// Edits the file as an operator.
    fn edit(&mut self, from: &str, to: &str) {
        assert!(self.text().contains(from), "{from}: {}", self.text());
        self.file = Some(self.text().replacen(from, to, 1).into());
    }
}

fn pin(decision: &Decision) -> Option<String> {
    let pin = decision.config.carrier.as_ref()?.pin.as_ref()?;
    Some(pin.reveal().to_owned())
}

fn apn(decision: &Decision) -> String {
    decision.config.carrier.clone().unwrap().apn
}

#[test]
fn new_file_is_imported_and_masked() {
    let mut card = Card::with(FILE);
    let first = card.boot();
    assert!(first.is_new && first.notices.is_empty());
    assert_eq!(first.masked, ["carrier.pin", "aws.secret_access_key"]);
    let text = card.text();
    assert!(!text.contains("1234") && !text.contains("wJalr"), "{text}");
    assert!(text.starts_with("# my box\n") && text.contains("\"****\" # of the card"));
    for _ in 0..2 {
        let again = card.boot();
        assert_eq!(again.config, parse(FILE).config);
        assert!(!again.is_new && again.notices.is_empty());
        // Nothing is written at an ordinary boot.
        assert_eq!((again.store, again.rewrite), (None, None));
    }
}

#[test]
fn edited_file_keeps_masked_secrets() {
    let mut card = Card::with(FILE);
    card.boot();
    card.edit("\"internet\"", "\"other\"");
    let edited = card.boot();
    assert_eq!(
        (apn(&edited).as_str(), pin(&edited).as_deref()),
        ("other", Some("1234"))
    );
    card.edit("\"****\"", "\"98765\"");
    let edited = card.boot();
    assert_eq!(pin(&edited).as_deref(), Some("98765"));
    assert!(!card.text().contains("98765"));
    assert_eq!(edited.config.aws, parse(FILE).config.aws);
    assert_eq!(pin(&card.boot()).as_deref(), Some("98765"));
}

#[test]
fn keep_secrets_or_volatile_store_prevents_masking() {
    let keeping = format!("{FILE}[system]\nkeep_secrets = true\n");
    let mut card = Card::with(&keeping);
    card.boot();
    assert_eq!(card.text(), keeping);
    assert_eq!(card.boot().store, None);
    card.edit("true", "false");
    card.boot();
    assert!(!card.text().contains("1234"));

    let decision = decide(Some(FILE.as_bytes()), None, false);
    assert_eq!(decision.rewrite, None);
    // Later, with a durable store.
    let card = Card {
        store: decision.store,
        ..Card::with(FILE)
    };
    assert!(card.decide().rewrite.is_some());
}

#[test]
fn invalid_or_missing_file_leaves_stored_settings() {
    let mut card = Card::with(FILE);
    card.boot();
    let good = card.clone();
    card.edit("apn = ", "apn ");
    let broken = card.boot();
    assert_eq!(broken.config, parse(FILE).config);
    assert_eq!((broken.store, broken.rewrite), (None, None));
    let notices = &broken.notices[0];
    assert!(
        notices.starts_with("failberrypi.toml line 3, key carrier: ")
            && notices.ends_with("the settings before it stay in force"),
        "{notices}"
    );
    // The file is restored.
    card.file.clone_from(&good.file);
    assert_eq!(card.boot().store, None);
    card.file = None;
    assert_eq!(card.boot().config, parse(FILE).config);
    // Without file and store the defaults are in force.
    assert_eq!(Card::default().boot().config, Config::default());
}

#[test]
fn revert_lasts_until_the_file_changes() {
    let mut card = Card::with(FILE);
    card.boot();
    assert_eq!(card.store.clone().unwrap().reverted(), None);
    card.edit("\"internet\"", "\"other\"");
    card.boot();
    card.store = card.store.unwrap().reverted();
    let reverted = card.boot();
    assert_eq!(apn(&reverted), "internet");
    assert!(
        reverted.notices[0].contains("somebody went back"),
        "{:?}",
        reverted.notices
    );
    // A second revert restores the first state.
    let there = card.store.clone().unwrap();
    let back = there.clone().reverted().unwrap();
    assert!(!back.reverted);
    assert_eq!(back.reverted(), Some(there));
    card.edit("\"other\"", "\"third\"");
    let edited = card.boot();
    assert_eq!(
        (apn(&edited).as_str(), pin(&edited).as_deref()),
        ("third", Some("1234"))
    );
    assert!(edited.notices.is_empty());
}

#[test]
fn file_not_utf8_is_not_masked_and_warns() {
    let bytes = [b"# \xff\n".as_slice(), FILE.as_bytes()].concat();
    let decision = decide(Some(&bytes), None, true);
    assert_eq!(decision.rewrite, None);
    assert!(
        decision
            .notices
            .iter()
            .any(|text| text.contains("save it as UTF-8"))
    );
    assert_eq!(decision.config, parse(FILE).config);
}

#[test]
fn masked_secret_without_store_is_reported() {
    let mut card = Card::with(FILE);
    card.boot();
    card.store = None;
    let decision = card.boot();
    assert_eq!(decision.config.carrier, None);
    assert!(decision.notices[0].contains("key carrier.pin: expected the secret itself"));
}

#[test]
fn listed_problems_are_bounded() {
    let text = (0..200).fold(String::new(), |text, n| format!("{text}key{n} = {n}\n"));
    let left = parse_bytes(text.as_bytes()).problems.len() - MAX_LISTED_PROBLEMS;
    let notices = Card::with(&text).boot().notices;
    assert_eq!(notices.len(), MAX_LISTED_PROBLEMS + 1);
    let last = format!(
        "{FILE} has {left} more problems, not told",
        FILE = super::SETTINGS_FILE
    );
    assert_eq!(notices.last(), Some(&last));
}

proptest! {
    /// For any power cuts the settings are in force, and the secrets are masked in the end.
    #[test]
    fn power_cuts_lose_no_settings(
        cuts in prop::collection::vec((0usize..4, any::<u64>()), 0..6), sector in 1usize..100
    ) {
        let mut card = Card::with(FILE);
        for (steps, torn) in cuts {
            let before = card.file.clone().unwrap();
            let decision = card.boot_until(steps);
            prop_assert_eq!(&decision.config, &parse(FILE).config);
            // Some sectors of the file are written, others not yet.
            if steps == 2 {
                let after = card.file.clone().unwrap();
                let sectors = before.chunks(sector).zip(after.chunks(sector)).enumerate();
                let mixed = sectors.flat_map(|(n, (old, new))| {
                    if torn >> (n % 64) & 1 == 0 { old } else { new }
                });
                card.file = Some(mixed.copied().collect());
            }
        }
        let last = card.boot();
        prop_assert_eq!(&last.config, &parse(FILE).config);
        let text = card.text();
        prop_assert!(!text.contains("1234") && !text.contains("wJal") && !text.contains("EKEY"), "{}", text);
        prop_assert_eq!(card.boot().store, None);
        let store = card.store.unwrap();
        prop_assert_eq!((store.previous, store.unmasked), (None, None));
    }

    #[test]
    fn any_file_is_imported_without_panic(bytes: Vec<u8>, other: Vec<u8>) {
        let mut card = Card { file: Some(bytes), store: None };
        card.boot();
        card.file = Some(other);
        card.boot();
        card.boot();
    }
}
