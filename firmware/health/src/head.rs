//! Incremental parser of one request's head (RFC 9112, section 2.1), byte by byte and bounded.
//!
//! Only the request line is kept; field lines are checked for their syntax and dropped.

/// Longest head in bytes; Route 53's checkers send about 200, browsers under 1,000.
pub(crate) const MAX_HEAD: usize = 4096;

/// Longest request line in bytes. Route 53 sends paths of up to 255.
pub(crate) const MAX_LINE: usize = 512;

/// The part of a request's head received so far.
#[derive(Debug)]
pub(crate) struct Head {
    line: [u8; MAX_LINE],
    length: usize,
    /// Bytes received, including those that are not kept.
    taken: usize,
    at: ParseState,
}

/// State of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed.
    Incomplete,
    /// The head is complete. What follows it is a body or a further request; neither is read.
    Complete,
    /// Not HTTP.
    Malformed,
    /// The request line does not fit.
    LineTooLong,
    /// The head does not fit.
    TooLong,
}

/// Parser state: what the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParseState {
    /// Before the request line, after this many empty lines.
    Start {
        empty: u8,
    },
    Line,
    /// After a CR, which only an LF may follow; then this.
    Return {
        then: Line,
    },
    /// At the beginning of a field line.
    Field,
    Name,
    Value,
    End,
}

/// Line that an LF ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// An empty line before the request line, which is ignored once (RFC 9112, section 2.2).
    Leading,
    /// A line that field lines or the empty line follow.
    Some,
    /// The empty line at the end.
    Last,
}

impl Head {
    pub(crate) const fn new() -> Self {
        Self {
            line: [0; MAX_LINE],
            length: 0,
            taken: 0,
            at: ParseState::Start { empty: 0 },
        }
    }

    /// Returns whether anything has been received.
    pub(crate) const fn has_begun(&self) -> bool {
        self.taken > 0
    }

    /// Returns the request line without its end.
    pub(crate) fn line(&self) -> &[u8] {
        self.line.get(..self.length).unwrap_or_default()
    }

    /// Parses `bytes`, up to the end of the head. After any result but `Incomplete`, further bytes
    /// are ignored.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Progress {
        for byte in bytes {
            if self.at == ParseState::End {
                break;
            }
            if self.taken == MAX_HEAD {
                return Progress::TooLong;
            }
            self.taken += 1;
            if let Err(progress) = self.step(*byte) {
                return progress;
            }
        }
        if self.at == ParseState::End {
            Progress::Complete
        } else {
            Progress::Incomplete
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), Progress> {
        self.at = match (self.at, byte) {
            (ParseState::Start { empty: 0 }, b'\r') => ParseState::Return {
                then: Line::Leading,
            },
            (ParseState::Start { empty: 0 }, b'\n') => ParseState::Start { empty: 1 },
            (ParseState::Start { .. } | ParseState::Line, b' '..=b'~') => {
                let room = self.line.get_mut(self.length);
                *room.ok_or(Progress::LineTooLong)? = byte;
                self.length += 1;
                ParseState::Line
            }
            (ParseState::Line | ParseState::Value, b'\r') => {
                ParseState::Return { then: Line::Some }
            }
            // A line may end without a CR (RFC 9112, section 2.2).
            (ParseState::Line | ParseState::Value, b'\n') => ParseState::Field,
            (ParseState::Field, b'\r') => ParseState::Return { then: Line::Last },
            (ParseState::Field, b'\n') => ParseState::End,
            (ParseState::Return { then }, b'\n') => match then {
                Line::Leading => ParseState::Start { empty: 1 },
                Line::Some => ParseState::Field,
                Line::Last => ParseState::End,
            },
            // A name, and a colon at once (RFC 9112, section 5); a folded line has none.
            (ParseState::Field | ParseState::Name, _) if is_token(byte) => ParseState::Name,
            (ParseState::Name, b':') | (ParseState::Value, b'\t' | b' '..=b'~' | 0x80..) => {
                ParseState::Value
            }
            _ => return Err(Progress::Malformed),
        };
        Ok(())
    }
}

/// Returns whether `byte` is allowed in a token (RFC 9110, section 5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(bytes: &[u8], step: usize) -> (Head, Progress) {
        let mut head = Head::new();
        let mut progress = Progress::Incomplete;
        for piece in bytes.chunks(step) {
            progress = head.push(piece);
            if progress != Progress::Incomplete {
                break;
            }
        }
        (head, progress)
    }

    #[test]
    fn request_line_is_kept_if_all_lines_are_fields() {
        for (text, line) in [
            ("GET / HTTP/1.1\r\nHost: x\r\nA:\r\n\r\n", "GET / HTTP/1.1"),
            ("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0"),
            ("\r\nGET / HTTP/1.0\r\n\r\nmore", "GET / HTTP/1.0"),
            ("GET / HTTP/1.0\n\n", "GET / HTTP/1.0"),
            ("GET / HTTP/1.0\nA: \u{e9}\t\r\n\n", "GET / HTTP/1.0"),
        ] {
            let (head, progress) = feed(text.as_bytes(), 7);
            assert_eq!(progress, Progress::Complete, "{text:?}");
            assert_eq!(head.line(), line.as_bytes(), "{text:?}");
        }
        for text in [
            "\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\r\n\r\n",
            "GET / HTTP/1.1\r\n: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nA: \0\r\n\r\n",
            "GET /\t HTTP/1.1\r\n",
            "GET /\u{e9} HTTP/1.1\r\n",
            "\x16\x03\x01",
        ] {
            assert_eq!(feed(text.as_bytes(), 7).1, Progress::Malformed, "{text:?}");
        }
        let (_, progress) = feed(b"GET / HTTP/1.1\r\n", 3);
        assert_eq!(progress, Progress::Incomplete);
    }

    #[test]
    fn bounds_are_exact() {
        let line = |length| [vec![b'A'; length], b"\r\n\r\n".to_vec()].concat();
        assert_eq!(feed(&line(MAX_LINE), 100).1, Progress::Complete);
        assert_eq!(feed(&line(MAX_LINE + 1), 100).1, Progress::LineTooLong);
        let head = |length: usize| {
            let start = b"GET / HTTP/1.1\r\nA:";
            let value = vec![b'a'; length - start.len() - 4];
            [start.to_vec(), value, b"\r\n\r\n".to_vec()].concat()
        };
        assert_eq!(feed(&head(MAX_HEAD), 1000).1, Progress::Complete);
        assert_eq!(feed(&head(MAX_HEAD + 1), 1000).1, Progress::TooLong);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            text in "(GET / HTTP/1.1\r\n)?[a-zA-Z0-9 /:\r\n]{0,60}(\r\n\r\n)?[ -~]{0,9}",
            step in 1..40usize,
        ) {
            let (whole, expected) = feed(text.as_bytes(), usize::MAX);
            let (head, progress) = feed(text.as_bytes(), step);
            prop_assert_eq!(progress, expected);
            prop_assert_eq!(head.line(), whole.line());
        }

        #[test]
        fn arbitrary_bytes_come_to_an_end(
            bytes in proptest::collection::vec(any::<u8>(), 0..3 * MAX_HEAD), step in 1..5000usize,
        ) {
            let (_, progress) = feed(&bytes, step);
            if bytes.len() > MAX_HEAD {
                prop_assert_ne!(progress, Progress::Incomplete);
            }
        }
    }
}
