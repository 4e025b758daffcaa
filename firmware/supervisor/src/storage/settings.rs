//! Decision which settings are in force, the file on the card or the stored ones, and what to
//! write. Pure: the caller reads and writes, in an order that a power cut may interrupt anywhere.
//!
//! First the store is written, with the secrets and a copy of the unmasked file. Then the secrets
//! in the file are overwritten with stars. Then the copy is removed from the store. A file that is
//! partly masked is recognised by the copy and masked completely, never read as an edited one.

use failberry_config::{Config, Imported, MAX_BYTES, import, mask, parse};
use serde::{Deserialize, Serialize};

use super::SETTINGS_FILE;

/// Most problems of the file that are listed one by one. A file of another kind has thousands, too
/// many for status page and console.
const MAX_LISTED_PROBLEMS: usize = 20;

/// Stored settings, as persisted in `settings.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Store {
    /// The settings in force, with all secrets.
    pub(super) present: String,
    /// The previous settings.
    pub(super) previous: Option<String>,
    /// Whether an operator reverted to the previous ones since the file was read.
    pub(super) reverted: bool,
    /// Content of the file on the card, as it is or as it is to be.
    file: String,
    /// Content of the file before masking, until the masking is known to be complete.
    unmasked: Option<String>,
}

/// Upper bound of the size of a store in bytes: four files, each byte of which may take six in
/// JSON.
pub(super) const MAX_STORE_BYTES: usize = 4 * 6 * MAX_BYTES;

impl Store {
    /// Returns the store with present and previous settings exchanged; none without previous ones.
    pub(super) fn reverted(self) -> Option<Self> {
        Some(Self {
            present: self.previous?,
            previous: Some(self.present),
            reverted: !self.reverted,
            ..self
        })
    }

    /// Returns the store after the file on the card has been masked.
    pub(super) fn masked(self) -> Self {
        Self {
            unmasked: None,
            ..self
        }
    }
}

/// Result of [`decide`].
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    /// Configuration in force.
    pub(super) config: Config,
    /// That configuration as TOML, with all secrets.
    pub(super) settings: String,
    /// Problems for log and status page, a sentence each.
    pub(super) notices: Vec<String>,
    /// Whether the settings come from a new or edited file.
    pub(super) is_new: bool,
    /// Store to write, if it has changed.
    pub(super) store: Option<Store>,
    /// Text of the same length to overwrite the file with after that.
    pub(super) rewrite: Option<String>,
    /// Keys of the secrets that this masks.
    pub(super) masked: Vec<String>,
}

/// Decides by the `file` on the card, none if it could not be read, and the `stored` settings. The
/// secrets in the file are masked only if `may_mask` is set: if the store survives a reboot.
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
        // The copy is removed when the file is masked.
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

/// Decides without a file: the stored settings are in force.
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

/// Decides for a file that was imported before.
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

/// Decides for a new or edited file.
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

/// Adds the masking of the secrets in the file to the decision, if they are stored.
fn remove_secrets(decision: &mut Decision, bytes: &[u8], stored: Option<&Store>) {
    let Some(store) = decision.store.as_ref().or(stored) else {
        return;
    };
    let imported = import(bytes, Some(&store.present));
    let masked = mask(&store.file, &imported.broken).filter(|_| imported.is_new);
    let Some(masked) = masked else { return };
    // In a file that is not UTF-8 the stars would be at other offsets.
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

/// Returns whether `file` is the result of an interrupted masking: each byte is that of one of the
/// two versions.
fn is_partly_masked(file: &str, before: &str, after: &str) -> bool {
    file.len() == before.len()
        && file.len() == after.len()
        && file
            .bytes()
            .zip(before.bytes().zip(after.bytes()))
            .all(|(byte, (before, after))| byte == before || byte == after)
}

/// Returns the problems of an import as sentences, a bounded number.
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
