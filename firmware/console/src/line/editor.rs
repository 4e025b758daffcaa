//! Editor of one line, and its display.
//!
//! The line occupies one row and scrolls horizontally if it is longer: over a serial line it is
//! unknown how the terminal wraps.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{History, Key};

/// Columns of the terminal: the default of all of them.
pub const WIDTH: usize = 80;

/// Longest line in characters; the longest AT command has 128.
const LINE_MAX: usize = 256;

const BELL: u8 = 0x07;

/// The result of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Editing goes on.
    Editing,
    /// The line was entered. The cursor is on the next row.
    Entered(String),
    /// Ctrl-C: the line was cancelled. The cursor is on the next row.
    Interrupted,
    /// Ctrl-D on an empty line.
    Ended,
}

/// Completions of the word at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Characters before the cursor that belong to the word.
    pub typed: usize,
    /// Whole words with that prefix.
    pub words: Vec<String>,
}

/// State of the editor.
#[derive(Debug)]
pub struct Editor {
    prompt: String,
    hidden: bool,
    line: Vec<char>,
    cursor: usize,
    /// First visible character.
    from: usize,
}

impl Editor {
    /// Creates an empty line after `prompt`.
    pub fn new(prompt: &str) -> Self {
        Self {
            prompt: prompt.into(),
            hidden: false,
            line: Vec::new(),
            cursor: 0,
            from: 0,
        }
    }

    /// Creates an empty line whose text is not echoed.
    pub fn hidden(prompt: &str) -> Self {
        Self {
            hidden: true,
            ..Self::new(prompt)
        }
    }

    /// Returns the line.
    pub fn text(&self) -> String {
        self.line.iter().collect()
    }

    /// Redraws the row.
    pub fn redraw(&self, out: &mut Vec<u8>) {
        out.push(b'\r');
        out.extend_from_slice(self.prompt.as_bytes());
        let mut column = self.prompt.width();
        if !self.hidden {
            let shown = self.line.get(self.from..).unwrap_or_default();
            let mut left = self.room();
            for (index, character) in (self.from..).zip(shown) {
                let width = width(*character);
                if width > left {
                    break;
                }
                left -= width;
                if index < self.cursor {
                    column += width;
                }
                push(*character, out);
            }
        }
        out.extend_from_slice(b"\x1b[K\r");
        if column > 0 {
            out.extend_from_slice(format!("\x1b[{column}C").as_bytes());
        }
    }

    /// Erases the row, for other output in its place.
    pub fn erase(out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\x1b[K");
    }

    /// Handles one key. `complete` is called with the text before the cursor.
    pub fn press(
        &mut self,
        key: Key,
        history: &mut History,
        complete: impl Fn(&str) -> Completion,
        out: &mut Vec<u8>,
    ) -> Edit {
        match key {
            Key::Char(character) => return self.insert(character, out),
            Key::Enter => {
                out.extend_from_slice(b"\r\n");
                return Edit::Entered(self.take());
            }
            Key::Interrupt => {
                out.extend_from_slice(b"\r\n");
                history.reset();
                self.take();
                return Edit::Interrupted;
            }
            Key::EndOfInput if self.line.is_empty() => return Edit::Ended,
            Key::Tab => return self.complete(&complete, out),
            Key::Clear => out.extend_from_slice(b"\x1b[H\x1b[2J"),
            Key::Left => self.cursor = self.cursor.saturating_sub(1),
            Key::Right => self.cursor = (self.cursor + 1).min(self.line.len()),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.line.len(),
            Key::Backspace => self.cut(self.cursor.saturating_sub(1), self.cursor),
            Key::Delete | Key::EndOfInput => self.cut(self.cursor, self.cursor + 1),
            Key::KillToStart => self.cut(0, self.cursor),
            Key::KillToEnd => self.cut(self.cursor, self.line.len()),
            Key::KillWord => self.cut(self.word_start(), self.cursor),
            Key::Up => {
                let typed = self.text();
                self.replace(history.older(&typed), out);
            }
            Key::Down => self.replace(history.newer(), out),
        }
        self.scroll();
        self.redraw(out);
        Edit::Editing
    }

    fn take(&mut self) -> String {
        let text = self.text();
        self.line.clear();
        self.cursor = 0;
        self.from = 0;
        text
    }

    fn replace(&mut self, line: Option<&str>, out: &mut Vec<u8>) {
        match line {
            Some(line) => {
                self.line = line.chars().collect();
                self.cursor = self.line.len();
            }
            None => out.push(BELL),
        }
    }

    fn insert(&mut self, character: char, out: &mut Vec<u8>) -> Edit {
        // Combining marks have no width, and each terminal shows them differently.
        if width(character) == 0 || self.line.len() >= LINE_MAX {
            out.push(BELL);
            return Edit::Editing;
        }
        self.line.insert(self.cursor, character);
        self.cursor += 1;
        let from = self.from;
        self.scroll();
        if self.hidden {
            return Edit::Editing;
        }
        if self.from == from && self.cursor == self.line.len() {
            // The most frequent case, echoed byte by byte.
            push(character, out);
        } else {
            self.redraw(out);
        }
        Edit::Editing
    }

    fn cut(&mut self, from: usize, to: usize) {
        let to = to.min(self.line.len());
        if from < to {
            self.line.drain(from..to);
            self.cursor = from;
        }
    }

    /// Returns the start of the word that ends at the cursor; blanks after it belong to it.
    fn word_start(&self) -> usize {
        let before = self.line.get(..self.cursor).unwrap_or_default();
        let blanks = before.iter().rev().take_while(|c| **c == ' ').count();
        let word = before.iter().rev().skip(blanks);
        self.cursor - blanks - word.take_while(|c| **c != ' ').count()
    }

    fn complete(&mut self, complete: &impl Fn(&str) -> Completion, out: &mut Vec<u8>) -> Edit {
        if self.hidden {
            return Edit::Editing;
        }
        let before: String = self.line.iter().take(self.cursor).collect();
        let Completion { typed, words } = complete(&before);
        let common = common_start(&words);
        let mut rest: Vec<char> = common.chars().skip(typed).collect();
        if words.len() == 1 && self.line.get(self.cursor) != Some(&' ') {
            rest.push(' ');
        }
        if words.is_empty() {
            out.push(BELL);
        } else if !rest.is_empty() && self.line.len() + rest.len() <= LINE_MAX {
            for (place, character) in (self.cursor..).zip(&rest) {
                self.line.insert(place, *character);
            }
            self.cursor += rest.len();
            self.scroll();
            self.redraw(out);
        } else {
            out.extend_from_slice(b"\r\n");
            for word in &words {
                out.extend_from_slice(word.as_bytes());
                out.extend_from_slice(b"  ");
            }
            out.extend_from_slice(b"\r\n");
            self.redraw(out);
        }
        Edit::Editing
    }

    /// Returns the columns for the line. The last one is unused: terminals behave differently there.
    fn room(&self) -> usize {
        (WIDTH - 1).saturating_sub(self.prompt.width())
    }

    /// Scrolls so that the cursor is visible, and no further than needed.
    fn scroll(&mut self) {
        let room = self.room();
        let columns = |characters: &[char]| characters.iter().copied().map(width).sum::<usize>();
        if columns(&self.line) <= room {
            self.from = 0;
            return;
        }
        self.from = self.from.min(self.cursor);
        while let Some(before) = self.line.get(self.from..self.cursor)
            && columns(before) > room
        {
            self.from += 1;
        }
    }
}

fn width(character: char) -> usize {
    character.width().unwrap_or(0)
}

fn push(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn common_start(words: &[String]) -> String {
    let mut words = words.iter();
    let first = words.next().cloned().unwrap_or_default();
    words.fold(first, |common, word| {
        let same = common.chars().zip(word.chars());
        same.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    })
}
