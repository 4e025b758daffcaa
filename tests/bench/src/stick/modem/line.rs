//! Command line parser, byte by byte (V.250, 5.2).

use super::registers::Registers;

/// Bytes of a command line's body above which the line is an error. V.250 asks for 40 at least.
pub(super) const LINE_MAX: usize = 400;

/// The bits of a byte by which a character is known (V.250, 5.1).
const SIGNIFICANT: u8 = 0x7f;

/// Characters that are ignored in a command line, unless a register gives them a meaning.
const CONTROLS: std::ops::RangeInclusive<u8> = 0..=31;

/// What a byte has completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A command line, with its prefix as it was typed.
    Line(String),
    /// A command line of more than [`LINE_MAX`].
    Overlong,
}

/// How much of the prefix is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing.
    #[default]
    Hunting,
    /// This `A`.
    Attention(u8),
    /// All of it: what comes is the body.
    Body,
}

/// The command line of one port.
///
/// Nothing is echoed, and nothing ends a line, before the prefix is complete. V.250, 5.2.3 leaves
/// the echo of incomplete prefixes to the maker; a stick that echoed them and a tty with the
/// kernel's default modes would send one line feed to and fro without end.
#[derive(Debug, Default)]
pub(super) struct CommandLine {
    state: State,
    text: Vec<u8>,
    overlong: bool,
    /// What `A/` repeats.
    last: Option<String>,
}

impl CommandLine {
    /// Forgets an unfinished line.
    pub(super) fn clear(&mut self) {
        self.state = State::Hunting;
        self.text.clear();
        self.overlong = false;
    }

    /// Takes in one byte. What is to be echoed is put behind `echo`.
    pub(super) fn take(
        &mut self,
        byte: u8,
        registers: &Registers,
        echo: &mut Vec<u8>,
    ) -> Option<Input> {
        let character = byte & SIGNIFICANT;
        match (self.state, character.to_ascii_uppercase()) {
            (State::Hunting | State::Attention(_), b'A') => self.state = State::Attention(byte),
            (State::Hunting, _) => {}
            (State::Attention(first), b'T') => {
                echo.extend([first, byte]);
                self.clear();
                self.text.extend([first & SIGNIFICANT, character]);
                self.state = State::Body;
            }
            (State::Attention(first), b'/') => {
                echo.extend([first, byte]);
                self.clear();
                return self.last.clone().map(Input::Line);
            }
            (State::Attention(_), _) => self.state = State::Hunting,
            (State::Body, _) => return self.body(byte, registers, echo),
        }
        None
    }

    fn body(&mut self, byte: u8, registers: &Registers, echo: &mut Vec<u8>) -> Option<Input> {
        let character = byte & SIGNIFICANT;
        if character == registers.end_of_line() {
            echo.push(byte);
            let overlong = self.overlong;
            let line = String::from_utf8_lossy(&self.text).trim_end().to_owned();
            self.clear();
            if overlong {
                return Some(Input::Overlong);
            }
            self.last = Some(line.clone());
            return Some(Input::Line(line));
        }
        let prefix = b"AT".len();
        if character == registers.backspace() {
            // The prefix stays.
            if self.text.len() > prefix {
                self.text.pop();
                echo.extend([byte, b' ', byte]);
            }
        } else if CONTROLS.contains(&character) {
        } else if self.text.len() - prefix < LINE_MAX {
            self.text.push(character);
            echo.push(byte);
        } else {
            self.overlong = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The echo of `bytes`, and the lines in them.
    fn typed(line: &mut CommandLine, bytes: &[u8]) -> (String, Vec<Input>) {
        let (mut echo, mut inputs) = (Vec::new(), Vec::new());
        for byte in bytes {
            inputs.extend(line.take(*byte, &Registers::default(), &mut echo));
        }
        (String::from_utf8_lossy(&echo).into_owned(), inputs)
    }

    fn lines(bytes: &[u8]) -> Vec<Input> {
        typed(&mut CommandLine::default(), bytes).1
    }

    fn line(text: &str) -> Input {
        Input::Line(text.to_owned())
    }

    #[test]
    fn nothing_before_the_prefix_is_echoed() {
        for noise in [
            b"\r".as_slice(),
            b"\n",
            b"\r\n\r\n",
            b"+ZUSIMR:2\r\n",
            b"A\rT",
        ] {
            let mut bench = CommandLine::default();
            let typed = typed(&mut bench, noise);
            assert_eq!(typed, (String::new(), Vec::new()), "{noise:?}");
        }
    }

    #[test]
    fn the_prefix_is_found_behind_noise() {
        for (bytes, expected) in [
            (b"~}#AT+CSQ\r".as_slice(), "AT+CSQ"),
            (b"AAT\r", "AT"),
            (b"A\nat\r", "at"),
            (b"aTi\r", "aTi"),
            (b"\xc1\xd4E1\r", "ATE1"),
        ] {
            assert_eq!(lines(bytes), [line(expected)], "{bytes:?}");
        }
    }

    #[test]
    fn controls_in_the_body_are_ignored_unechoed() {
        let mut bench = CommandLine::default();
        let typed = typed(&mut bench, b"AT\n+C\0S\x07Q\r\n");
        assert_eq!(typed, ("AT+CSQ\r".to_owned(), vec![line("AT+CSQ")]));
    }

    #[test]
    fn backspace_takes_back_all_but_the_prefix() {
        let mut bench = CommandLine::default();
        let typed = typed(&mut bench, b"ATX\x08\x08\x08I\r");
        assert_eq!(typed, ("ATX\x08 \x08I\r".to_owned(), vec![line("ATI")]));
    }

    #[test]
    fn a_slash_repeats_the_line_before_at_once() {
        let mut bench = CommandLine::default();
        assert_eq!(typed(&mut bench, b"A/").1, []);
        typed(&mut bench, b"ATE1\rAT+CSQ\r");
        assert_eq!(typed(&mut bench, b"a/").1, [line("AT+CSQ")]);
        assert_eq!(
            typed(&mut bench, b"A/"),
            ("A/".to_owned(), vec![line("AT+CSQ")])
        );
    }

    #[test]
    fn an_overlong_line_is_no_line_and_ends_its_echo() {
        let mut bench = CommandLine::default();
        let full = [b"AT".as_slice(), &[b'x'; LINE_MAX]].concat();
        let (echo, inputs) = typed(&mut bench, &full);
        assert_eq!((echo.len(), inputs.len()), (LINE_MAX + 2, 0));
        assert_eq!(
            typed(&mut bench, b"yy\r"),
            ("\r".to_owned(), vec![Input::Overlong])
        );
        assert_eq!(typed(&mut bench, b"AT\r").1, [line("AT")]);
        // What was refused is not what is repeated.
        assert_eq!(typed(&mut bench, b"A/").1, [line("AT")]);
    }
}
