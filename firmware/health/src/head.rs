//! Collecting a request's head within bounds.

/// Longest head in bytes; Route 53's checkers send about 200, browsers under 1,000.
pub(crate) const MAX_HEAD: usize = 4096;

/// The bytes of one request up to the empty line that ends its head (RFC 9112, section 2.1).
pub(crate) struct Head {
    bytes: [u8; MAX_HEAD],
    length: usize,
}

/// What has arrived so far amounts to this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More must come.
    Incomplete,
    /// The head is there; anything behind it is not wanted.
    Complete,
    /// It does not fit.
    TooLong,
}

impl Head {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; MAX_HEAD],
            length: 0,
        }
    }

    /// Room for the next bytes; tell [`Head::filled`] how many came.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.length..).unwrap_or_default()
    }

    /// Accounts for `count` more bytes.
    pub(crate) fn filled(&mut self, count: usize) -> Progress {
        // The terminator may straddle the old end.
        let from = self.length.saturating_sub(END.len() - 1);
        self.length = self.length.saturating_add(count).min(MAX_HEAD);
        let fresh = self.bytes.get(from..self.length).unwrap_or_default();
        if let Some(at) = fresh.windows(END.len()).position(|window| window == END) {
            self.length = from + at + END.len();
            Progress::Complete
        } else if self.length == MAX_HEAD {
            Progress::TooLong
        } else {
            Progress::Incomplete
        }
    }

    /// The first line without its end; none where a line behind it is no header field (RFC 9112,
    /// section 5: a name, and a colon at once).
    pub(crate) fn request_line(&self) -> Option<&[u8]> {
        let head = self.bytes().strip_suffix(END)?;
        let mut lines = head.split(|byte| *byte == b'\n');
        let first = lines.next()?;
        let fields = lines.all(|line| {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            line.len() > name.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
        });
        fields.then(|| first.strip_suffix(b"\r").unwrap_or(first))
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

const END: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(head: &mut Head, mut bytes: &[u8], step: usize) -> Progress {
        let mut progress = Progress::Incomplete;
        while !bytes.is_empty() && progress == Progress::Incomplete {
            let room = head.room();
            let count = step.min(bytes.len()).min(room.len());
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            progress = head.filled(count);
        }
        progress
    }

    #[test]
    fn the_request_line_stands_for_the_whole_if_all_lines_are_fields() {
        for (text, line) in [
            (
                "GET / HTTP/1.1\r\nHost: x\r\nA:\r\n\r\n",
                Some("GET / HTTP/1.1"),
            ),
            ("GET / HTTP/1.0\r\n\r\n", Some("GET / HTTP/1.0")),
            ("\r\n\r\n", Some("")),
            ("GET / HTTP/1.1\r\nHost\r\n\r\n", None),
            ("GET / HTTP/1.1\r\n: x\r\n\r\n", None),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", None),
            ("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", None),
            ("GET / HTTP/1.1\r\n", None),
        ] {
            let mut head = Head::new();
            feed(&mut head, text.as_bytes(), 7);
            assert_eq!(head.request_line(), line.map(str::as_bytes), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_head(
            before in "[a-zA-Z0-9 /:\r\n]{0,200}", after in "[ -~]{0,50}", step in 1..40usize,
        ) {
            let text = format!("{before}\r\n\r\n{after}");
            let mut head = Head::new();
            prop_assert_eq!(feed(&mut head, text.as_bytes(), step), Progress::Complete);
            let end = text.find("\r\n\r\n").map_or(0, |at| at + 4);
            prop_assert_eq!(head.bytes(), &text.as_bytes()[..end]);
        }

        #[test]
        fn arbitrary_bytes_stay_within_bounds(
            bytes in proptest::collection::vec(any::<u8>(), 0..3 * MAX_HEAD), step in 1..5000usize,
        ) {
            let mut head = Head::new();
            let progress = feed(&mut head, &bytes, step);
            prop_assert!(head.bytes().len() <= MAX_HEAD);
            if bytes.len() >= MAX_HEAD {
                prop_assert_ne!(progress, Progress::Incomplete);
            }
        }
    }
}
