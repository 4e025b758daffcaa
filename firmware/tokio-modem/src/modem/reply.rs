//! What the answers have in common: a name, a colon, fields between commas.

use thiserror::Error;

use crate::at::{Text, text};

/// An answer that does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected {expected}, got \"{got}\"")]
pub struct ReplyError {
    /// The form of the answer.
    pub expected: &'static str,
    /// The line.
    pub got: Text,
}

impl ReplyError {
    pub(super) fn new(expected: &'static str, line: &str) -> Self {
        Self {
            expected,
            got: text(line),
        }
    }
}

/// The fields after `name:`. Commas between quotes do not part fields.
pub(super) fn fields<'a>(line: &'a str, name: &str) -> Option<Fields<'a>> {
    let rest = line.strip_prefix(name)?.strip_prefix(':')?;
    Some(Fields { rest: Some(rest) })
}

/// Whether both are the same words. Vendors differ in capitals, and have underscores, dashes or
/// nothing where the standard has blanks.
pub(super) fn is_same(got: &str, words: &str) -> bool {
    letters(got).eq(letters(words))
}

/// Whether `got` starts with `words`, compared as [`is_same`] does.
pub(super) fn starts_same(got: &str, words: &str) -> bool {
    let mut got = letters(got);
    letters(words).all(|letter| got.next() == Some(letter))
}

fn letters(words: &str) -> impl Iterator<Item = u8> {
    let letters = words.bytes().filter(u8::is_ascii_alphanumeric);
    letters.map(|byte| byte.to_ascii_uppercase())
}

/// Fields one after the other, without blanks and quotes around them.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    rest: Option<&'a str>,
}

impl Fields<'_> {
    /// The next field as a number; nothing if it is none.
    pub(super) fn number<N: core::str::FromStr>(&mut self) -> Option<N> {
        self.next()?.parse().ok()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let mut quoted = false;
        let comma = rest.char_indices().find(|&(_, character)| {
            quoted ^= character == '"';
            character == ',' && !quoted
        });
        let (field, after) = match comma {
            Some((at, _)) => (rest.get(..at)?, rest.get(at + 1..)),
            None => (rest, None),
        };
        self.rest = after;
        Some(field.trim().trim_matches('"'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_together() {
        let found = fields("+X: 0, \"a,b\" ,,7", "+X").map(|all| all.eq(["0", "a,b", "", "7"]));
        assert_eq!(found, Some(true));
        assert!(fields("+XY: 0", "+X").is_none());
    }
}
