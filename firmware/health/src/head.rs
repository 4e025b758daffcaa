//! The head of one request (RFC 9112, section 2.1), taken in byte by byte within bounds.
//!
//! Only the request line is kept; field lines are checked for their shape and dropped.

/// Longest head in bytes; Route 53's checkers send about 200, browsers under 1,000.
pub(crate) const MAX_HEAD: usize = 4096;

/// Longest request line in bytes. Route 53 sends paths of up to 255.
pub(crate) const MAX_LINE: usize = 512;

/// One request as far as it has arrived.
#[derive(Debug)]
pub(crate) struct Head {
    line: [u8; MAX_LINE],
    length: usize,
    /// Bytes taken in, those that are not kept included.
    taken: usize,
    at: At,
}

/// What has arrived so far amounts to this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More must come.
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

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the request line, after so many empty lines.
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

/// What an LF ends.
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
            at: At::Start { empty: 0 },
        }
    }

    /// Whether anything has arrived.
    pub(crate) const fn has_begun(&self) -> bool {
        self.taken > 0
    }

    /// The request line without its end.
    pub(crate) fn line(&self) -> &[u8] {
        self.line.get(..self.length).unwrap_or_default()
    }

    /// Takes in `bytes`, up to the end of the head. Once that is not `Incomplete`, nothing more is
    /// taken in.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Progress {
        for byte in bytes {
            if self.at == At::End {
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
        if self.at == At::End {
            Progress::Complete
        } else {
            Progress::Incomplete
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), Progress> {
        self.at = match (self.at, byte) {
            (At::Start { empty: 0 }, b'\r') => At::Return {
                then: Line::Leading,
            },
            (At::Start { empty: 0 }, b'\n') => At::Start { empty: 1 },
            (At::Start { .. } | At::Line, b' '..=b'~') => {
                let room = self.line.get_mut(self.length);
                *room.ok_or(Progress::LineTooLong)? = byte;
                self.length += 1;
                At::Line
            }
            (At::Line | At::Value, b'\r') => At::Return { then: Line::Some },
            // A line may end without a CR (RFC 9112, section 2.2).
            (At::Line | At::Value, b'\n') => At::Field,
            (At::Field, b'\r') => At::Return { then: Line::Last },
            (At::Field, b'\n') => At::End,
            (At::Return { then }, b'\n') => match then {
                Line::Leading => At::Start { empty: 1 },
                Line::Some => At::Field,
                Line::Last => At::End,
            },
            // A name, and a colon at once (RFC 9112, section 5); a folded line has none.
            (At::Field | At::Name, _) if is_token(byte) => At::Name,
            (At::Name, b':') | (At::Value, b'\t' | b' '..=b'~' | 0x80..) => At::Value,
            _ => return Err(Progress::Malformed),
        };
        Ok(())
    }
}

/// Whether `byte` may stand in a token (RFC 9110, section 5.6.2).
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
