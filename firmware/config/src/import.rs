//! What becomes of a new file beside the settings that were in force before it.
//!
//! A table that is right replaces the one before. One that is broken leaves the one before in
//! force, since that is a state the person wanted and the box worked in. `[firewall]` is the
//! exception: what it said before may be just what the person meant to close, so a broken one is
//! tighter than either. A file that is no TOML changes nothing.

use toml::{Table, Value};

use crate::{
    Config, MAX_BYTES, Parsed, Problem, parse, parse_bytes,
    secrets::{fill, too_long},
};

/// The table that falls back to nobody instead of to what it was.
const FAILS_SAFE: &str = "firewall";

/// A file beside the settings before it.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// What is in force now.
    pub config: Config,
    /// What is wrong with the file and what follows, in the order of the lines.
    pub problems: Vec<Problem>,
    /// What is in force as TOML, with all secrets.
    pub settings: String,
    /// Whether it comes from the file, at least in part: a file that is no TOML says nothing that
    /// could be kept.
    pub is_new: bool,
    /// Tables of the file that are not in force.
    pub broken: Vec<&'static str>,
}

/// Takes `file` in beside the settings `before`, as [`Imported::settings`] gave them out.
pub fn import(file: &[u8], before: Option<&str>) -> Imported {
    let old = before.and_then(|text| toml::from_str::<Table>(text).ok());
    let text = std::str::from_utf8(file).ok();
    let filled = text.map(|text| fill(text, old.as_ref().unwrap_or(&Table::new())));
    let mut parsed = match &filled {
        Some(text) => parse(text),
        None => parse_bytes(file),
    };
    let text = filled.unwrap_or_else(|| String::from_utf8_lossy(file).into_owned());
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Some(new) = toml::from_str::<Table>(text).ok().filter(|_| !parsed.torn) else {
        return torn(parsed, before);
    };
    let settings = compose(new, old.as_ref(), &mut parsed);
    if settings.len() > MAX_BYTES {
        parsed.problems.push(too_long(MAX_BYTES, settings.len()));
        return torn(parsed, before);
    }
    Imported {
        // As every later boot will read it.
        config: parse(&settings).config,
        problems: parsed.problems,
        settings,
        is_new: true,
        broken: parsed.broken,
    }
}

/// A file that cannot be used as a whole: what was before stays, or what there is of it where
/// nothing was before.
fn torn(mut parsed: Parsed, before: Option<&str>) -> Imported {
    let settings = match before {
        Some(before) => {
            for problem in &mut parsed.problems {
                problem
                    .reason
                    .push_str("; the settings before it stay in force");
            }
            parsed.config = parse(before).config;
            before.to_owned()
        }
        None => toml::to_string(&parsed.config).unwrap_or_default(),
    };
    Imported {
        config: parsed.config,
        problems: parsed.problems,
        settings,
        is_new: false,
        broken: parsed.broken,
    }
}

/// The tables of `new`, and of `old` where they are broken; tells so.
fn compose(mut new: Table, old: Option<&Table>, parsed: &mut Parsed) -> String {
    for table in parsed.broken.iter().filter(|table| **table != FAILS_SAFE) {
        let before = old.and_then(|old| old.get(*table));
        match before {
            Some(before @ Value::Table(_)) => {
                new.insert((*table).into(), before.clone());
                let inside = format!("{table}.");
                for problem in &mut parsed.problems {
                    if problem.key == *table || problem.key.starts_with(&inside) {
                        let remark = format!("; [{table}] stays as it was before");
                        problem.reason.push_str(&remark);
                    }
                }
            }
            _ => {
                new.remove(*table);
            }
        }
    }
    toml::to_string(&new).unwrap_or_default()
}

#[cfg(test)]
mod tests;
