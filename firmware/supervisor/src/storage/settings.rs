//! What of the file on the card and of what the box has kept is in force, and what is to be written
//! where. Pure: reading and writing is done elsewhere, in an order that a power cut may break
//! anywhere.
//!
//! First the store is written, with the secrets and with what the file looked like; then the stars
//! go over the secrets in the file; then the store forgets what the file looked like. A file found
//! half masked is recognised by that memory and masked to its end, never read as an edited one.

use failberry_config::{Config, Imported, MAX_BYTES, import, mask, parse};
use serde::{Deserialize, Serialize};

use super::SETTINGS_FILE;

/// Problems of the file told one by one. A file that is something else altogether has thousands,
/// and the status page and the console are for people.
const MAX_LISTED_PROBLEMS: usize = 20;

/// What the box has kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Store {
    /// The settings in force, with all secrets.
    pub(super) present: String,
    /// Those before them.
    pub(super) previous: Option<String>,
    /// Whether somebody went back to the previous ones since the file was read.
    pub(super) reverted: bool,
    /// The file on the card as it is now, or is to be.
    file: String,
    /// The file before its secrets were masked, until that is known to be done.
    unmasked: Option<String>,
}

/// More than a store is long: four files, each letter of which may take six in JSON.
pub(super) const MAX_STORE_BYTES: usize = 4 * 6 * MAX_BYTES;

impl Store {
    /// The store with present and previous settings exchanged; none where there are no previous.
    pub(super) fn reverted(self) -> Option<Self> {
        Some(Self {
            present: self.previous?,
            previous: Some(self.present),
            reverted: !self.reverted,
            ..self
        })
    }

    /// The store once the file on the card is what it is to be.
    pub(super) fn masked(self) -> Self {
        Self {
            unmasked: None,
            ..self
        }
    }
}

/// What is to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    /// What is in force.
    pub(super) config: Config,
    /// The same as TOML, with all secrets.
    pub(super) settings: String,
    /// What a person should know, a sentence each.
    pub(super) notices: Vec<String>,
    /// Whether the settings come from a file that was not seen before.
    pub(super) is_new: bool,
    /// What the box keeps from now on, where that is something else than before.
    pub(super) store: Option<Store>,
    /// What the file is to be overwritten with after that; as long as the file is.
    pub(super) rewrite: Option<String>,
    /// Secrets that are masked by that.
    pub(super) masked: Vec<String>,
}

/// Decides by the `file` on the card, where it could be read, and what the box has kept. The file
/// loses its secrets only if they `may_mask`: if what is kept survives the next reboot.
pub(super) fn decide(file: Option<&[u8]>, stored: Option<&Store>, may_mask: bool) -> Decision {
    let Some(bytes) = file else {
        return without_file(stored);
    };
    let file = String::from_utf8_lossy(bytes);
    if let Some(store) = stored
        && let Some(before) = &store.unmasked
        && is_partly_masked(&file, before, &store.file)
    {
        let done = Store {
            unmasked: None,
            ..store.clone()
        };
        let mut decision = decide(Some(store.file.as_bytes()), Some(&done), may_mask);
        decision.rewrite = Some(store.file.clone()).filter(|masked| *masked != file);
        // To be forgotten when the file is what it should be.
        decision.store = Some(store.clone());
        return decision;
    }
    let mut decision = match stored {
        Some(store) if store.file == file => unchanged(bytes, store),
        _ => changed(bytes, &file, stored),
    };
    if may_mask && !decision.config.system.keep_secrets {
        remove_secrets(&mut decision, bytes, stored);
    }
    decision
}

fn without_file(stored: Option<&Store>) -> Decision {
    let settings = stored
        .map(|store| store.present.clone())
        .unwrap_or_default();
    Decision {
        config: parse(&settings).config,
        settings,
        ..Decision::default()
    }
}

fn unchanged(bytes: &[u8], store: &Store) -> Decision {
    let notices = if store.reverted {
        vec![format!(
            "{SETTINGS_FILE} is not in force: somebody went back to the settings before it at the console"
        )]
    } else {
        problem_lines(&import(bytes, Some(&store.present)))
    };
    Decision {
        config: parse(&store.present).config,
        settings: store.present.clone(),
        notices,
        ..Decision::default()
    }
}

fn changed(bytes: &[u8], file: &str, stored: Option<&Store>) -> Decision {
    let imported = import(bytes, stored.map(|store| store.present.as_str()));
    let notices = problem_lines(&imported);
    let store = imported.is_new.then(|| Store {
        present: imported.settings.clone(),
        previous: stored.and_then(|store| {
            if store.present == imported.settings {
                store.previous.clone()
            } else {
                Some(store.present.clone())
            }
        }),
        reverted: false,
        file: file.to_owned(),
        unmasked: None,
    });
    Decision {
        config: imported.config,
        settings: imported.settings,
        notices,
        is_new: imported.is_new,
        store,
        ..Decision::default()
    }
}

/// Has the secrets of the file replaced by stars, if they are kept.
fn remove_secrets(decision: &mut Decision, bytes: &[u8], stored: Option<&Store>) {
    let Some(store) = decision.store.as_ref().or(stored) else {
        return;
    };
    let imported = import(bytes, Some(&store.present));
    let masked = mask(&store.file, &imported.broken).filter(|_| imported.is_new);
    let Some(masked) = masked else { return };
    // Stars stand at other places in a file with bytes that are no text.
    if std::str::from_utf8(bytes).is_err() {
        decision.notices.push(format!(
            "the secrets stay in {SETTINGS_FILE} on the card: save it as UTF-8, and they are removed"
        ));
        return;
    }
    decision.store = Some(Store {
        unmasked: Some(store.file.clone()),
        file: masked.text.clone(),
        ..store.clone()
    });
    decision.rewrite = Some(masked.text);
    decision.masked = masked.names;
}

/// Whether `file` is what a masking that was cut off leaves: each byte from one of the two.
fn is_partly_masked(file: &str, before: &str, after: &str) -> bool {
    file.len() == before.len()
        && file.len() == after.len()
        && file
            .bytes()
            .zip(before.bytes().zip(after.bytes()))
            .all(|(byte, (before, after))| byte == before || byte == after)
}

fn problem_lines(imported: &Imported) -> Vec<String> {
    let problems = &imported.problems;
    let mut notices: Vec<_> = problems
        .iter()
        .take(MAX_LISTED_PROBLEMS)
        .map(|problem| format!("{SETTINGS_FILE} {problem}"))
        .collect();
    if let Some(more @ 1..) = problems.len().checked_sub(MAX_LISTED_PROBLEMS) {
        notices.push(format!(
            "{SETTINGS_FILE} has {more} more problems, not told"
        ));
    }
    notices
}

#[cfg(test)]
mod tests;
