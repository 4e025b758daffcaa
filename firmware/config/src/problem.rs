//! What is wrong with a file, for the person who wrote it.

use std::fmt;

use crate::Config;

/// What came of reading a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Everything that could be used; defaults where something could not.
    pub config: Config,
    /// What could not, in the order of the lines.
    pub problems: Vec<Problem>,
    /// Tables that say something unusable, so that their default stands in for them. A key that
    /// does not exist breaks none.
    pub broken: Vec<&'static str>,
    /// Whether a part of the file, or all of it, could not be read at all.
    pub torn: bool,
}

/// One thing wrong with the file. No secret is ever part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, counted from 1.
    pub line: usize,
    /// Key with its tables, for instance `carrier.apn`; empty where no key is concerned.
    pub key: String,
    /// What was expected and what was found, or what follows from it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.key.is_empty() {
            write!(f, ", key {}", self.key)?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// A piece of the file made fit for a log line: short, and without control characters.
pub(crate) fn printable(text: &str) -> String {
    /// Enough to recognise what one wrote.
    const MOST: usize = 48;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
