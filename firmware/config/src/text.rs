//! From text to TOML tables, keeping what stands before a syntax error.

use std::borrow::Cow;

use toml::{Spanned, de::DeTable};

use crate::{Problem, problem::printable, suggest::distance};

/// Largest file read: the documented template has 6 KiB, a list of authorities a few more.
pub const MAX_BYTES: usize = 64 * 1024;

/// Retries after a syntax error: each gives up one more table, and the file has six.
const MAX_CUTS: usize = 16;

/// Tables read from the text, and what was lost of it.
pub(crate) struct Document<'a> {
    pub(crate) root: Spanned<DeTable<'a>>,
    pub(crate) text: &'a str,
    /// Where the part begins that no table could be read from.
    pub(crate) lost_from: Option<usize>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Document<'a> {
    /// Reads as many whole tables as stand before the first syntax error.
    pub(crate) fn read(text: &'a str) -> Self {
        // Notepad writes the mark; TOML has no place for it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > MAX_BYTES {
            let reason = format!(
                "expected at most {MAX_BYTES} bytes, got {}; none of it is used",
                text.len()
            );
            return Self::nothing(text, 1, reason);
        }
        let error = match DeTable::parse(text) {
            Ok(root) => {
                return Self {
                    root,
                    text,
                    lost_from: None,
                    problems: Vec::new(),
                };
            }
            Err(error) => error,
        };
        let at = error.span().map_or(text.len(), |span| span.start);
        let line = line_of(text, at);
        let why = if lacks_quotes(text.get(line_start(text, at)..).unwrap_or_default()) {
            "expected the text in quotes".to_owned()
        } else {
            printable(error.message())
        };

        let mut cut = cut_before(text, line_start(text, at));
        for _ in 0..MAX_CUTS {
            let Some(whole) = text.get(..cut) else { break };
            match DeTable::parse(whole) {
                Ok(root) => {
                    let first_lost = line_of(text, cut);
                    let reason =
                        format!("not valid TOML: {why}; nothing from line {first_lost} on is used");
                    let key = header(text.get(cut..).unwrap_or_default()).unwrap_or_default();
                    let problem = Problem {
                        line,
                        key: printable(key),
                        reason,
                    };
                    return Self {
                        root,
                        text,
                        lost_from: Some(cut),
                        problems: vec![problem],
                    };
                }
                Err(error) => {
                    let at = error.span().map_or(cut, |span| span.start);
                    let earlier = line_start(text, at.min(cut.saturating_sub(1)));
                    cut = cut_before(text, earlier);
                }
            }
        }
        Self::nothing(
            text,
            line,
            format!("not valid TOML: {why}; none of the file is used"),
        )
    }

    fn nothing(text: &'a str, line: usize, reason: String) -> Self {
        Self {
            root: Spanned::new(0..0, DeTable::new()),
            text,
            lost_from: Some(0),
            problems: vec![Problem {
                line,
                key: String::new(),
                reason,
            }],
        }
    }

    /// Whether the lost part may have said who may use the mobile link.
    pub(crate) fn lost_permissions(&self) -> bool {
        self.lost().any(|line| {
            let is_forward = line.starts_with("[[");
            let firewall = header(line).is_some_and(|name| distance(name, "firewall") <= 2);
            !is_forward && (firewall || line.contains("firewall") || line.contains("allow"))
        })
    }

    /// Whether the lost part may have held forwards.
    pub(crate) fn lost_forwards(&self) -> bool {
        self.lost()
            .any(|line| header(line).is_some_and(|name| distance(name, "firewall") <= 2))
    }

    fn lost(&self) -> impl Iterator<Item = &'a str> {
        let lost = self
            .lost_from
            .and_then(|from| self.text.get(from..))
            .unwrap_or_default();
        lost.lines()
            .map(str::trim_start)
            .filter(|line| !line.starts_with('#'))
    }
}

/// The text of a file; bytes that are no UTF-8 become U+FFFD, which no value may hold.
pub(crate) fn decode(bytes: &[u8]) -> (Cow<'_, str>, Option<Problem>) {
    let whole_file = |reason: &str| Problem {
        line: 1,
        key: String::new(),
        reason: reason.into(),
    };
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        let problem = whole_file("expected UTF-8, got UTF-16: save the file as UTF-8");
        return (Cow::Borrowed(""), Some(problem));
    }
    let text = String::from_utf8_lossy(bytes);
    let problem = std::str::from_utf8(bytes).err().map(|error| Problem {
        line: line_of(&text, error.valid_up_to()),
        ..whole_file("expected UTF-8, got a byte that is none: save the file as UTF-8")
    });
    (text, problem)
}

/// Line, counted from 1, that the byte at `at` stands in.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn line_start(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1)
}

/// Start of the table that the line at `line` belongs to.
fn cut_before(text: &str, line: usize) -> usize {
    let mut start = line;
    loop {
        let is_header = text
            .get(start..)
            .is_some_and(|rest| rest.trim_start_matches(' ').starts_with('['));
        if start == 0 || is_header {
            return start;
        }
        start = line_start(text, start - 1);
    }
}

/// Whether a line is the commonest slip of all, `key = text`; the parser would take the text for a
/// number or a date and say so.
fn lacks_quotes(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.split_once('=').is_some_and(|(_, value)| {
        let value = value.trim();
        value.starts_with(char::is_alphabetic) && !value.contains(['"', '\''])
    })
}

/// First name in a line like `[name]` or `[[name.more]]`.
fn header(line: &str) -> Option<&str> {
    let inner = line
        .trim_start()
        .strip_prefix('[')?
        .trim_start_matches(['[', ' ', '"', '\'']);
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    inner.get(..end.unwrap_or(inner.len()))
}
