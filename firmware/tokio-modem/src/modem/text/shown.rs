//! Text of strangers, made safe for a log or a terminal.

use core::fmt::{self, Write};

/// Shows a text in one line, without anything that a terminal would obey: line ends as spaces, other
/// control characters and those that turn the direction of writing by their numbers.
///
/// ```
/// use tokio_modem::modem::Shown;
/// assert_eq!(Shown("two\r\nlines \u{1b}[2J").to_string(), "two  lines \\u{1b}[2J");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\r' | '\n' => f.write_char(' ')?,
                other if is_obeyed(other) => write!(f, "{}", other.escape_unicode())?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Controls, line and paragraph separators, and marks, embeddings, overrides and isolates of
/// direction (Unicode, UAX 9).
pub(crate) const fn is_obeyed(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString};

    use super::*;

    #[test]
    fn a_terminal_finds_nothing_to_obey() {
        let every = (0..=0x3_0000).filter_map(char::from_u32);
        for obeyed in every.filter(|character| character.is_control()) {
            let shown = Shown(&format!("a{obeyed}b")).to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
        assert_eq!(Shown("a\u{202e}b").to_string(), "a\\u{202e}b");
        assert_eq!(Shown("Баланс: 10,5 €\n#1").to_string(), "Баланс: 10,5 € #1");
    }
}
