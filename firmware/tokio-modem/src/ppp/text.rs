//! Text from the peer, sanitised for display.

use core::fmt;

use heapless::String;

/// Longest text that is stored, in characters: it has to fit a log line.
const TEXT_LEN: usize = 64;

/// Text from the peer, cut to 64 printable ASCII characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(String<TEXT_LEN>);

impl Text {
    /// Keeps the printable part of `bytes`; everything else becomes a full stop.
    pub(super) fn sanitise(bytes: &[u8]) -> Self {
        let mut text = String::new();
        for &byte in bytes.iter().take(TEXT_LEN) {
            let shown = if byte == b' ' || byte.is_ascii_graphic() {
                char::from(byte)
            } else {
                '.'
            };
            if text.push(shown).is_err() {
                break;
            }
        }
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
