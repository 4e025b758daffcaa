//! Layout of text for a terminal: labelled rows, wrapped to the screen's width.

use failberry_state::plain;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::line::WIDTH;

/// Width of the labels in columns.
pub(super) const LABEL: usize = 12;

/// Rows of a page: a label and its text, wrapped to further lines if it is long.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<String>);

impl Rows {
    /// Adds a row of at most `lines` lines.
    pub(super) fn add(&mut self, label: &str, text: &str, lines: usize) {
        let room = WIDTH - 1 - LABEL;
        let mut pieces = wrapped(&plain(text), room);
        if pieces.len() > lines {
            pieces.truncate(lines);
            if let Some(last) = pieces.last_mut() {
                *last = cut(&format!("{last} ..."), room);
            }
        }
        for (index, piece) in pieces.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.0.push(format!("{label:<LABEL$}{piece}"));
        }
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// Wraps `text` to lines of at most `room` columns, between words if possible.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = line.width() + usize::from(!line.is_empty()) + word.width();
        if needed <= room {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for character in word.chars() {
            if line.width() + character.width().unwrap_or(0) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

/// Truncates `text` to `room` columns, with dots at the end.
fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.into();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if kept.width() + character.width().unwrap_or(0) + 4 > room {
            break;
        }
        kept.push(character);
    }
    kept + " ..."
}

/// Formats a time span in at most two units.
pub(super) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_wraps_and_is_truncated() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("", 4), [""]);
        let mut rows = Rows::default();
        rows.add("trouble", &"word ".repeat(100), 2);
        let lines = rows.into_lines();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.width() < WIDTH));
        assert!(lines.last().is_some_and(|line| line.ends_with(" ...")));
    }

    #[test]
    fn spans_use_at_most_two_units() {
        for (millis, expected) in [
            (999, "0 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
            (200_000_000, "2 d 7 h"),
        ] {
            assert_eq!(span(millis), expected);
        }
    }
}
