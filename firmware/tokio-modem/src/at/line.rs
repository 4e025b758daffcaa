//! Assembly of lines from bytes.

use heapless::{String, Vec};

use super::{
    counters::{Counters, count},
    decode::decode,
};

/// Longest line, in bytes: a USSD answer of 182 characters, each as four hexadecimal digits, with its
/// prefix and coding scheme.
pub const LINE_MAX: usize = 768;

/// A line without its end.
///
/// It has no control characters but tabs, and line feeds within quotes, and no characters that
/// change the direction of writing: it can be logged as it is.
pub type Line = String<LINE_MAX>;

/// Longest text in messages, in bytes: names of models and operators have under 32.
pub const TEXT_MAX: usize = 48;

/// Short text for log messages.
pub type Text = String<TEXT_MAX>;

/// Returns as much of `source` as fits; a longer one ends in `...`.
pub fn text(source: &str) -> Text {
    let mut out = Text::new();
    if out.push_str(source).is_err() {
        let room = TEXT_MAX - "...".len();
        for character in source.chars() {
            if out.len() + character.len_utf8() > room || out.push(character).is_err() {
                break;
            }
        }
        // It fits: room was reserved.
        let _ = out.push_str("...");
    }
    out
}

/// Line ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Carriage return: after the echo, and before the line feed of an answer.
    Return,
    /// Line feed.
    Feed,
}

/// A complete line, with blanks and NULs at both ends removed. Never empty.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) text: &'a str,
    pub(super) end: End,
    /// It contained bytes that are neither printable ASCII nor UTF-8, which were replaced.
    pub(super) noisy: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Quality {
    /// Printable ASCII so far.
    #[default]
    Plain,
    /// Other bytes, too: to be decoded.
    Mixed,
    /// The rest of something other than a line.
    Skipped,
    Overlong,
}

/// Assembles one line at a time in a fixed-size buffer.
#[derive(Default)]
pub(super) struct Assembler {
    bytes: Vec<u8, LINE_MAX>,
    decoded: Line,
    quality: Quality,
    /// A line was delivered; the buffer is cleared when the next one begins.
    complete: bool,
}

impl Assembler {
    /// Takes bytes off the front of `input` up to the end of a line that is not empty.
    pub(super) fn take(&mut self, input: &mut &[u8], counters: &mut Counters) -> Option<Raw<'_>> {
        loop {
            if core::mem::take(&mut self.complete) {
                self.bytes.clear();
            }
            let end = input.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (piece, rest) = input.split_at_checked(end.unwrap_or(input.len()))?;
            self.extend(piece);
            let Some((&byte, rest)) = rest.split_first() else {
                *input = rest;
                return None;
            };
            *input = rest;
            self.complete = true;
            let quality = core::mem::take(&mut self.quality);
            match quality {
                Quality::Skipped => count(&mut counters.noisy),
                Quality::Overlong => count(&mut counters.overlong),
                Quality::Plain | Quality::Mixed => {
                    if self.bytes.is_empty() {
                        continue;
                    }
                    let end = if byte == b'\r' {
                        End::Return
                    } else {
                        End::Feed
                    };
                    // Two steps, because returning a line ends the loop.
                    if self.is_worth_reading(quality, counters) {
                        return self.line(quality, end);
                    }
                }
            }
        }
    }

    /// Discards input up to the next line: it may be the rest of something else.
    pub(super) fn resync(&mut self) {
        self.complete = true;
        self.quality = Quality::Skipped;
    }

    fn extend(&mut self, piece: &[u8]) {
        if piece.is_empty() || matches!(self.quality, Quality::Skipped | Quality::Overlong) {
            return;
        }
        if self.bytes.extend_from_slice(piece).is_err() {
            self.quality = Quality::Overlong;
        } else if !piece.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            self.quality = Quality::Mixed;
        }
    }

    /// Returns whether the line has anything but padding; decodes it if it is not plain.
    fn is_worth_reading(&mut self, quality: Quality, counters: &mut Counters) -> bool {
        let bytes = trimmed(&self.bytes);
        if bytes.is_empty() {
            return false;
        }
        if quality == Quality::Plain {
            return true;
        }
        self.decoded.clear();
        if decode(bytes, &mut self.decoded).is_err() {
            count(&mut counters.overlong);
            return false;
        }
        !self.decoded.trim().is_empty()
    }

    fn line(&self, quality: Quality, end: End) -> Option<Raw<'_>> {
        let bytes = trimmed(&self.bytes);
        let utf8 = core::str::from_utf8(bytes).ok();
        if quality == Quality::Plain {
            let text = utf8?;
            return Some(Raw {
                text,
                end,
                noisy: false,
            });
        }
        // Other alphabets have their own blanks.
        Some(Raw {
            text: self.decoded.trim(),
            end,
            noisy: utf8 != Some(&self.decoded),
        })
    }
}

/// Returns the bytes without blanks and NULs, with which some ports pad, at both ends.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| matches!(byte, b'\0' | b'\t' | b' ');
    let begin = bytes.iter().position(|byte| !is_padding(byte));
    let end = bytes.iter().rposition(|byte| !is_padding(byte));
    match (begin, end) {
        (Some(begin), Some(end)) => bytes.get(begin..=end).unwrap_or_default(),
        _ => &[],
    }
}
