//! Getting a stick to listen, whatever state the last user left it in.

/// One thing to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// A command; `OK` ends the ladder.
    Command(&'static str),
    /// Nothing, for so long.
    Silence(u64),
    /// Bytes that are no command.
    Raw(&'static [u8]),
    /// The DTR line.
    Dtr(bool),
}

/// How long a healthy stick takes for `AT`, with much to spare: chatter slows it down.
pub(super) const ANSWER_MS: u64 = 1000;

/// V.250 asks for a second of silence on both sides of `+++`; a little more is safe.
const GUARD: Rung = Rung::Silence(1100);

/// LCP Terminate-Request, RFC 1662 framed with every control character escaped. It ends a call in
/// sticks that listen to nothing else.
pub(super) const TERMINATE: &[u8] = &[
    0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x25, 0x7d, 0x21, 0x7d, 0x20, 0x7d, 0x24, 0x3d, 0xc7,
    0x7e,
];

/// From the gentle to the rude. The third is for a stick told to answer in digits or not at all.
pub(super) const LADDER: &[Rung] = &[
    Rung::Command("AT"),
    Rung::Command("AT"),
    Rung::Command("ATQ0 V1 E1"),
    GUARD,
    Rung::Raw(b"+++"),
    GUARD,
    Rung::Command("ATH"),
    Rung::Command("AT"),
    Rung::Raw(TERMINATE),
    Rung::Silence(1000),
    Rung::Command("AT"),
    Rung::Dtr(false),
    Rung::Silence(500),
    Rung::Dtr(true),
    Rung::Silence(1000),
    Rung::Command("AT"),
    Rung::Command("AT"),
];

/// The first rung that assumes an open call.
pub(super) const FIRST_ESCAPE: usize = 3;

/// After a rung without answer the answer may still come: this long it is let pass, so that it is
/// not taken for that of the next command.
pub(super) const SETTLE_MS: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminate_request_has_a_good_checksum() {
        let mut plain = std::vec::Vec::new();
        let mut escaped = false;
        for byte in TERMINATE.iter().filter(|byte| **byte != 0x7e) {
            match byte {
                0x7d => escaped = true,
                byte if escaped => {
                    plain.push(byte ^ 0x20);
                    escaped = false;
                }
                byte => plain.push(*byte),
            }
        }
        let checksum = plain.iter().fold(0xffff_u16, |sum, byte| {
            (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
                (sum >> 1) ^ if sum & 1 == 1 { 0x8408 } else { 0 }
            })
        });
        assert_eq!(checksum, 0xf0b8, "RFC 1662, appendix C");
        assert!(plain.starts_with(&[0xff, 0x03, 0xc0, 0x21, 5, 1, 0, 4]));
    }

    #[test]
    fn the_ladder_begins_and_ends_with_a_question() {
        assert!(matches!(LADDER.first(), Some(Rung::Command(_))));
        assert!(matches!(LADDER.last(), Some(Rung::Command(_))));
        assert_eq!(LADDER.get(FIRST_ESCAPE), Some(&GUARD));
    }
}
