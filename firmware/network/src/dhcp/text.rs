//! Sanitising of texts from a DHCP server.

/// Longest text kept, in bytes: a reason fits, and a log line stays one.
pub(super) const LONGEST: usize = 120;
/// Mark of truncation.
const CUT: &str = "...";

/// Returns the text in an option: printable ASCII of at most [`LONGEST`] bytes.
///
/// Texts are NVT ASCII (RFC 2132, section 9.9). Every other byte, be it of a terminal's control
/// sequence or of a mark that reverses the direction of writing, becomes a question mark here, at
/// the source, so that no log, page or terminal can be attacked by it.
pub(super) fn printable(value: &[u8]) -> String {
    // Some servers include a terminating zero.
    let end = value.iter().rposition(|byte| *byte != 0);
    let value = value
        .get(..end.map_or(0, |last| last + 1))
        .unwrap_or_default();
    let character = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    };
    if value.len() <= LONGEST {
        return value.iter().map(character).collect();
    }
    let kept = value.iter().take(LONGEST - CUT.len()).map(character);
    kept.chain(CUT.chars()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn plain_text_is_kept_without_terminating_zeros() {
        assert_eq!(printable(b"address in use\0\0"), "address in use");
        assert_eq!(printable(b""), "");
        assert_eq!(printable(b"\0\0"), "");
    }

    #[test]
    fn control_and_direction_marks_are_replaced() {
        assert_eq!(printable(b"\x1b[2Jno\r\nfree\x00x"), "?[2Jno??free?x");
        assert_eq!(printable("a\u{202e}b\u{9b}".as_bytes()), "a???b??");
    }

    #[test]
    fn long_text_is_truncated_visibly() {
        let long = printable(&[b'x'; 2000]);
        assert_eq!(long.len(), LONGEST);
        assert!(long.ends_with("x..."));
        assert_eq!(printable(&[b'x'; LONGEST]), "x".repeat(LONGEST));
    }

    proptest! {
        #[test]
        fn any_bytes_become_short_printable_ascii(value in vec(any::<u8>(), 0..600)) {
            let text = printable(&value);
            prop_assert!(text.len() <= LONGEST);
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
        }
    }
}
