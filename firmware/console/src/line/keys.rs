//! Decoder from bytes to keys: UTF-8 and escape sequences, split anywhere.

/// A pressed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character to insert.
    Char(char),
    /// Return, however the terminal sends it.
    Enter,
    /// Complete.
    Tab,
    /// Delete to the left.
    Backspace,
    /// Delete to the right.
    Delete,
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// An older line.
    Up,
    /// A newer line.
    Down,
    /// To the start of the line.
    Home,
    /// To its end.
    End,
    /// Ctrl-U: delete to the start.
    KillToStart,
    /// Ctrl-K: delete to the end.
    KillToEnd,
    /// Ctrl-W: delete the word to the left.
    KillWord,
    /// Ctrl-L: a clean screen.
    Clear,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfInput,
}

/// Longest parameters of an escape sequence that are decoded; those of keys have one digit or, with
/// modifiers, three characters.
const PARAMETERS_MAX: usize = 8;

/// Decoder state.
#[derive(Debug, Default)]
pub struct Keys {
    state: State,
    /// A line feed or NUL that follows directly is part of the carriage return.
    after_return: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    /// A character of several bytes has begun.
    Utf8 {
        bytes: [u8; 4],
        length: usize,
        wanted: usize,
    },
    Escape,
    /// `ESC O`, as terminals in application mode send.
    Shifted,
    /// `ESC [` and parameters.
    Control {
        parameters: [u8; PARAMETERS_MAX],
        length: usize,
    },
}

impl Keys {
    /// Decodes one byte; returns the key that it completes, if any.
    pub fn push(&mut self, byte: u8) -> Option<Key> {
        if std::mem::take(&mut self.after_return) && matches!(byte, b'\n' | 0) {
            return None;
        }
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(byte),
            State::Utf8 {
                mut bytes,
                length,
                wanted,
            } => {
                if !matches!(byte, 0x80..=0xbf) {
                    // An incomplete character is dropped; this byte may begin another.
                    return self.ground(byte);
                }
                if let Some(place) = bytes.get_mut(length) {
                    *place = byte;
                }
                let length = length + 1;
                if length < wanted {
                    self.state = State::Utf8 {
                        bytes,
                        length,
                        wanted,
                    };
                    return None;
                }
                let text = std::str::from_utf8(bytes.get(..wanted)?).ok()?;
                text.chars().next().and_then(printable)
            }
            State::Escape => match byte {
                b'[' => {
                    self.state = State::Control {
                        parameters: [0; PARAMETERS_MAX],
                        length: 0,
                    };
                    None
                }
                b'O' => {
                    self.state = State::Shifted;
                    None
                }
                // Alt and a character: no such keys here.
                0x20..=0x7e => None,
                _ => self.ground(byte),
            },
            State::Shifted => match byte {
                0x20..=0x7e => cursor(byte),
                _ => self.ground(byte),
            },
            State::Control {
                mut parameters,
                length,
            } => match byte {
                0x20..=0x3f => {
                    if let Some(place) = parameters.get_mut(length) {
                        *place = byte;
                    }
                    self.state = State::Control {
                        parameters,
                        length: length.saturating_add(1),
                    };
                    None
                }
                0x40..=0x7e => {
                    // Longer than any key's: unknown.
                    control(byte, parameters.get(..length)?)
                }
                // A Return within a torn sequence must take effect.
                _ => self.ground(byte),
            },
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOfInput,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            b'\t' => Key::Tab,
            b'\n' => Key::Enter,
            0x0b => Key::KillToEnd,
            0x0c => Key::Clear,
            b'\r' => {
                self.after_return = true;
                Key::Enter
            }
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::KillToStart,
            0x17 => Key::KillWord,
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            b' '..=b'~' => Key::Char(char::from(byte)),
            0xc2..=0xf4 => {
                let wanted = match byte {
                    0xc2..=0xdf => 2,
                    0xe0..=0xef => 3,
                    _ => 4,
                };
                self.state = State::Utf8 {
                    bytes: [byte, 0, 0, 0],
                    length: 1,
                    wanted,
                };
                return None;
            }
            // Other control characters, and bytes that begin no character.
            _ => return None,
        })
    }
}

fn printable(character: char) -> Option<Key> {
    (!character.is_control()).then_some(Key::Char(character))
}

fn cursor(end: u8) -> Option<Key> {
    Some(match end {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'M' => Key::Enter,
        _ => return None,
    })
}

fn control(end: u8, parameters: &[u8]) -> Option<Key> {
    if end != b'~' {
        // With modifiers (`1;5C`) it is the same key. A private sequence (`ESC [ ? … h`) is none.
        let plain = parameters
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b';');
        return plain.then(|| cursor(end)).flatten();
    }
    Some(match parameters {
        b"1" | b"7" => Key::Home,
        b"4" | b"8" => Key::End,
        b"3" => Key::Delete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        bytes.iter().filter_map(|byte| keys.push(*byte)).collect()
    }

    #[test]
    fn key_variants_of_terminals_decode_alike() {
        for (bytes, expected) in [
            (&b"\x1b[D\x1bOD\x1b[1;5D\x02"[..], Key::Left),
            (b"\x1b[H\x1bOH\x1b[1~\x1b[7~\x01", Key::Home),
            (b"\x1b[F\x1bOF\x1b[4~\x1b[8~\x05", Key::End),
            (b"\x1b[A\x1bOA\x10", Key::Up),
            (b"\x08\x7f", Key::Backspace),
            (b"\x1b[3~", Key::Delete),
            (b"\r\r\n\n\r\0", Key::Enter),
        ] {
            let decoded = keys(bytes);
            assert!(decoded.iter().all(|key| *key == expected), "{decoded:?}");
            assert!(!decoded.is_empty());
        }
        assert_eq!(keys(b"\r\n\r\0\n"), [Key::Enter; 3]);
    }

    #[test]
    fn unknown_sequence_is_dropped_and_next_key_decoded() {
        for bytes in [
            &b"\x1b[200~"[..],
            b"\x1b[?25h",
            b"\x1b[123456789012A",
            b"\x1bx",
            b"\x1b\x1b[Z",
            b"\xff\xfe\x80",
            b"\xc3",
            b"\xe2\x82",
            b"\xc2\x9b",
            b"\x00\x07\x11\x13",
            b"\x1b[",
        ] {
            assert_eq!(keys(bytes), [], "{bytes:?}");
            let then = [bytes, b"\r"].concat();
            assert_eq!(keys(&then), [Key::Enter], "{bytes:?}");
        }
        assert_eq!(keys(b"\xc3a"), [Key::Char('a')]);
        assert_eq!(keys("é€😀".as_bytes()), ['é', '€', '😀'].map(Key::Char));
    }
}
