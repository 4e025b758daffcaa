//! A test terminal that accepts the sequences of the editor and no others.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use unicode_width::UnicodeWidthChar;

use super::WIDTH;

/// Rows of characters; a wide character is followed by a NUL.
pub(crate) struct Screen {
    pub(crate) rows: Vec<Vec<char>>,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self {
            rows: vec![vec![' '; WIDTH]],
            row: 0,
            column: 0,
        }
    }

    pub(crate) fn show(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '\r' => self.column = 0,
                '\n' => {
                    self.row += 1;
                    if self.row == self.rows.len() {
                        self.rows.push(vec![' '; WIDTH]);
                    }
                }
                '\u{7}' => {}
                '\u{1b}' => {
                    assert_eq!(rest.next(), Some('['));
                    let mut number = String::new();
                    let end = loop {
                        match rest.next().unwrap() {
                            digit if digit.is_ascii_digit() => number.push(digit),
                            end => break end,
                        }
                    };
                    self.control(end, number.parse().unwrap_or(0));
                }
                character => {
                    assert!(!character.is_control(), "{character:?}");
                    let width = character.width().unwrap();
                    assert!(self.column + width < WIDTH, "the last column is touched");
                    self.rows[self.row][self.column] = character;
                    if width == 2 {
                        self.rows[self.row][self.column + 1] = '\0';
                    }
                    self.column += width;
                }
            }
        }
    }

    fn control(&mut self, end: char, number: usize) {
        match (end, number) {
            ('K', 0) => self.rows[self.row][self.column..].fill(' '),
            ('C', _) => self.column += number,
            ('H', 0) => (self.row, self.column) = (0, 0),
            ('J', 2) => self.rows = vec![vec![' '; WIDTH]],
            other => panic!("not for this terminal: {other:?}"),
        }
    }

    /// Returns the cursor's row up to its last character.
    pub(crate) fn text(&self) -> String {
        let row: String = self.rows[self.row].iter().filter(|c| **c != '\0').collect();
        row.trim_end().to_owned()
    }

    /// Returns the text before the cursor.
    pub(crate) fn before(&self) -> String {
        let row = self.rows[self.row][..self.column].iter();
        row.filter(|c| **c != '\0').collect()
    }
}
