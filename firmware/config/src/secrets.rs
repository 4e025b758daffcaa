//! The secrets in a file: where they stand, hiding them behind stars, and putting them back.
//!
//! A masked file has the length of the original, byte by byte the same but for the secrets, so
//! that it can be written over the original in place: a FAT file system then changes no more than
//! the sectors of the text, and each of those is whole at any moment.

use std::ops::Range;

use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

use crate::Problem;

/// Each secret's table and key.
const SECRETS: [(&str, &str); 4] = [
    ("carrier", "password"),
    ("carrier", "pin"),
    ("aws", "secret_access_key"),
    ("console", "password"),
];

/// How a secret is shown to people.
pub const SHOWN: &str = "***";

/// Follows a masked secret where there is room for it.
const REMARK: &str = "# imported and removed";

/// Notepad writes it; TOML has no place for it.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The file, as long as the original.
    pub text: String,
    /// Which secrets were there, for instance `carrier.pin`.
    pub names: Vec<String>,
}

/// Whether `text` stands for a secret that was imported.
pub(crate) fn is_mask(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'*')
}

/// `text` with stars for the secrets of all tables but the `broken` ones, which were not imported;
/// none where there are no secrets in it.
pub fn mask(text: &str, broken: &[&str]) -> Option<Masked> {
    let mut masked = text.to_owned();
    let mut names = Vec::new();
    for found in secrets(text) {
        let is_secret = !found.value.is_empty() && !is_mask(&found.value);
        if !is_secret || broken.contains(&found.table) {
            continue;
        }
        let rest = text.get(found.span.end..).unwrap_or_default();
        let is_last = rest
            .lines()
            .next()
            .is_none_or(|line| line.trim_ascii().is_empty());
        let stars = stars(found.span.len(), is_last);
        masked.replace_range(found.span, &stars);
        names.push(format!("{}.{}", found.table, found.key));
    }
    (!names.is_empty()).then_some(Masked {
        text: masked,
        names,
    })
}

/// Stars in quotes, `length` bytes of them, with the remark where it fits in.
fn stars(length: usize, is_last: bool) -> String {
    let with_remark = format!("\"{SHOWN}\" {REMARK}");
    if is_last && with_remark.len() <= length {
        return format!("{with_remark:length$}");
    }
    format!("\"{}\"", "*".repeat(length.saturating_sub(2)))
}

/// `text` with the secrets of the settings `before` in place of its stars.
pub(crate) fn fill(text: &str, before: &Table) -> String {
    let mut filled = text.to_owned();
    // From the end, so that the places before stay where they are.
    let mut found = secrets(text);
    found.sort_by_key(|found| std::cmp::Reverse(found.span.start));
    for found in found.into_iter().filter(|found| is_mask(&found.value)) {
        let before = before.get(found.table).and_then(|t| t.get(found.key));
        if let Some(secret @ Value::String(_)) = before {
            filled.replace_range(found.span, &secret.to_string());
        }
    }
    filled
}

/// The TOML `settings` as they may be shown; nothing of what is none.
pub fn redact(settings: &str) -> String {
    let mut settings: Table = toml::from_str(settings).unwrap_or_default();
    for (table, key) in SECRETS {
        let secret = settings.get_mut(table).and_then(|t| t.get_mut(key));
        match secret {
            Some(Value::String(text)) if text.is_empty() => {}
            Some(secret) => *secret = Value::String(SHOWN.into()),
            None => {}
        }
    }
    toml::to_string(&settings).unwrap_or_default()
}

struct Found {
    table: &'static str,
    key: &'static str,
    value: String,
    /// Place of the value with its quotes.
    span: Range<usize>,
}

/// Every secret of a file that is TOML; none of one that is not.
fn secrets(text: &str) -> Vec<Found> {
    let toml = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let before = text.len() - toml.len();
    let Ok(root) = DeTable::parse(toml) else {
        return Vec::new();
    };
    let secret = |(table, key): (&'static str, &'static str)| {
        let value = root.get_ref().get(table)?.get_ref().as_table()?.get(key)?;
        Some(Found {
            table,
            key,
            value: string(value)?,
            span: value.span().start + before..value.span().end + before,
        })
    };
    SECRETS.into_iter().filter_map(secret).collect()
}

fn string(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

/// What is wrong with settings that would be longer than a file may be.
pub(crate) fn too_long(most: usize, got: usize) -> Problem {
    Problem {
        line: 1,
        key: String::new(),
        reason: format!("expected settings of at most {most} bytes, got {got}; none are used"),
    }
}

#[cfg(test)]
mod tests;
