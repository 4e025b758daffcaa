//! Line splitter for the output of a service, with a bounded line length.

/// Most bytes of a line. The kernel refuses records of more than 1 KiB, prefix included.
const MAX_LINE: usize = 900;

/// Splitter; holds the bytes of an incomplete line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
    /// Set while the rest of a too long line is skipped.
    skipping: bool,
}

impl Lines {
    /// Adds `bytes`, and calls `each` with every line that is complete.
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            if !self.skipping {
                let room = MAX_LINE.saturating_sub(self.pending.len());
                self.pending.extend(text.iter().take(room));
                if text.len() > room {
                    self.emit(&mut each);
                    self.skipping = true;
                }
            }
            if ends {
                self.emit(&mut each);
                self.skipping = false;
            }
        }
    }

    /// Calls `each` with the last line if it has no line end.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(&str)) {
        self.emit(&mut each);
        self.skipping = false;
    }

    fn emit(&mut self, each: &mut impl FnMut(&str)) {
        let line = std::mem::take(&mut self.pending);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            each(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for piece in pieces {
            lines.push(piece, |line| seen.push(line.to_owned()));
        }
        lines.finish(|line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn chunks_become_lines() {
        assert_eq!(cut(&[b"a\nb", b"c\r\n\n", b"d"]), ["a", "bc", "d"]);
        assert_eq!(cut(&[b"\xff\n"]), ["\u{fffd}"]);
        assert_eq!(cut(&[b""]), Vec::<String>::new());
    }

    #[test]
    fn long_line_is_truncated_and_the_next_is_whole() {
        let long = "x".repeat(5000);
        let seen = cut(&[long.as_bytes(), long.as_bytes(), b"\nnext\n"]);
        assert_eq!(seen, ["x".repeat(MAX_LINE), "next".into()]);
    }

    proptest! {
        #[test]
        fn chunk_boundaries_do_not_matter(text in "[ab\n]{0,80}", at in 0usize..80) {
            let (left, right) = text.split_at(at.min(text.len()));
            prop_assert_eq!(cut(&[left.as_bytes(), right.as_bytes()]), cut(&[text.as_bytes()]));
        }
    }
}
