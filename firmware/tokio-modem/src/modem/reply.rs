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
    let rest = line.strip_prefix(name)?.trim_start().strip_prefix(':')?;
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

/// One field, and whether it was in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) text: &'a str,
    pub(super) quoted: bool,
}

impl<'a> Fields<'a> {
    /// The next field as a number; nothing if it is none.
    pub(super) fn number<N: core::str::FromStr>(&mut self) -> Option<N> {
        self.next()?.parse().ok()
    }

    /// The next field. A quote ends it where a comma or the end of the line follows; one that is
    /// never closed, or that begins elsewhere, holds no commas together.
    pub(super) fn field(&mut self) -> Option<Field<'a>> {
        let rest = self.rest?.trim_start();
        let quoted = rest.strip_prefix('"').and_then(|inner| {
            inner.match_indices('"').find_map(|(at, _)| {
                let after = inner.get(at + 1..)?.trim_start();
                let behind = after.strip_prefix(',');
                let ends = after.is_empty() || behind.is_some();
                ends.then_some((inner.get(..at)?, behind))
            })
        });
        let (text, behind) = quoted.unwrap_or_else(|| match rest.split_once(',') {
            Some((text, behind)) => (text, Some(behind)),
            None => (rest, None),
        });
        self.rest = behind;
        let text = if quoted.is_some() {
            text
        } else {
            text.trim().trim_matches('"')
        };
        Some(Field {
            text: text.trim(),
            quoted: quoted.is_some(),
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.field().map(|field| field.text)
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

    #[test]
    fn fields_with_odd_quotes_keep_their_neighbours() {
        for (line, expected) in [
            ("+X: 0,\"open,2", &["0", "open", "2"][..]),
            ("+X: 0,closed\",2", &["0", "closed", "2"]),
            ("+X: 0,\"a \"b\" c\",2", &["0", "a \"b\" c", "2"]),
            ("+X: 0,\"a\" ,\" b \"", &["0", "a", "b"]),
            ("+X : 0,\"\",", &["0", "", ""]),
            ("+X:", &[""]),
            ("+X: 0,\"a,b\nc\",2", &["0", "a,b\nc", "2"]),
        ] {
            let found = fields(line, "+X").map(|all| all.eq(expected.iter().copied()));
            assert_eq!(found, Some(true), "{line}");
        }
    }
}
