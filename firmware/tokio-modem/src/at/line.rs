//! Bytes to lines.

use heapless::String;

use super::counters::{Counters, count};

/// Longest line that is kept: a USSD answer of 182 characters, each as four hexadecimal digits,
/// and what stands around it.
pub const LINE_MAX: usize = 768;

/// How the one line starts whose text may have line ends (3GPP 27.007, 7.15).
const USSD: &str = "+CUSD:";

/// One line without its end.
pub type Line = String<LINE_MAX>;

/// Longest text kept for messages: names of models and operators are under 32.
pub const TEXT_MAX: usize = 48;

/// A short text for a person.
pub type Text = String<TEXT_MAX>;

/// As much of `source` as fits; a longer one ends in `...`.
pub fn text(source: &str) -> Text {
    let mut out = Text::new();
    if out.push_str(source).is_err() {
        let room = TEXT_MAX - "...".len();
        for character in source.chars() {
            if out.len() + character.len_utf8() > room || out.push(character).is_err() {
                break;
            }
        }
        // Room was left for it.
        let _ = out.push_str("...");
    }
    out
}

/// What ended a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Carriage return: after the echo, and before the line feed of an answer.
    Return,
    /// Line feed.
    Feed,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Quality {
    #[default]
    Good,
    Noisy,
    Overlong,
}

/// Collects one line at a time in a buffer that cannot grow.
#[derive(Default)]
pub(super) struct Assembler {
    line: Line,
    quality: Quality,
}

impl Assembler {
    /// Takes one byte; gives out a line when this byte ends one worth reading.
    pub(super) fn push(&mut self, byte: u8, counters: &mut Counters) -> Option<(Line, End)> {
        if matches!(byte, b'\r' | b'\n') && self.is_open_text() {
            let again = self.line.ends_with('\n');
            if !again && self.line.push('\n').is_err() {
                self.quality = Quality::Overlong;
            }
            return None;
        }
        let end = match byte {
            b'\r' => End::Return,
            b'\n' => End::Feed,
            b'\t' | b' '..=b'~' => {
                if self.quality == Quality::Good && self.line.push(char::from(byte)).is_err() {
                    self.quality = Quality::Overlong;
                }
                return None;
            }
            _ => {
                self.quality = Quality::Noisy;
                return None;
            }
        };
        let line = match core::mem::take(&mut self.quality) {
            Quality::Good => {
                let trimmed = self.line.trim();
                // It fits: it is a part of the line.
                let line = || (Line::try_from(trimmed).unwrap_or_default(), end);
                (!trimmed.is_empty()).then(line)
            }
            Quality::Noisy => {
                count(&mut counters.noisy);
                None
            }
            Quality::Overlong => {
                count(&mut counters.overlong);
                None
            }
        };
        self.line.clear();
        line
    }

    /// Carriers put line ends into USSD texts, and sticks hand them on: the line goes on until the
    /// quote is closed, or until it is too long.
    fn is_open_text(&self) -> bool {
        self.quality == Quality::Good
            && self.line.starts_with(USSD)
            && self.line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1
    }

    /// What comes next may be the rest of something else: it is read from the next line on.
    pub(super) fn resync(&mut self) {
        self.line.clear();
        self.quality = Quality::Noisy;
    }
}
