//! Escape and hang-up sequence: brings a stick to command mode from whatever state it was left in.

/// One step of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncStep {
    /// A command; `OK` ends the sequence.
    Command(&'static str),
    /// A pause, in milliseconds.
    Silence(u64),
    /// Bytes that are no command.
    Raw(&'static [u8]),
    /// New level of the DTR line.
    Dtr(bool),
}

/// Time from `AT` to its answer, in milliseconds. A healthy stick takes far less; URCs slow it down.
pub(super) const ANSWER_MS: u64 = 1000;

/// Guard time on both sides of `+++`: V.250 asks for one second; a little more is safe.
const GUARD: SyncStep = SyncStep::Silence(1100);

/// LCP Terminate-Request, RFC 1662 framed with every control character escaped. It ends a call in
/// sticks that react to nothing else.
pub(super) const TERMINATE: &[u8] = &[
    0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x25, 0x7d, 0x21, 0x7d, 0x20, 0x7d, 0x24, 0x3d, 0xc7,
    0x7e,
];

/// Attempts in order, from least to most disruptive. The third is for a stick that was set to
/// numeric results or to none.
pub(super) const ESCAPE_SEQUENCE: &[SyncStep] = &[
    SyncStep::Command("AT"),
    SyncStep::Command("AT"),
    SyncStep::Command("ATQ0 V1 E1"),
    GUARD,
    SyncStep::Raw(b"+++"),
    GUARD,
    SyncStep::Command("ATH"),
    SyncStep::Command("AT"),
    SyncStep::Raw(TERMINATE),
    SyncStep::Silence(1000),
    SyncStep::Command("AT"),
    SyncStep::Dtr(false),
    SyncStep::Silence(500),
    SyncStep::Dtr(true),
    SyncStep::Silence(1000),
    SyncStep::Command("AT"),
    SyncStep::Command("AT"),
];

/// Index of the first step that assumes an open call.
pub(super) const FIRST_ESCAPE_STEP: usize = 3;

/// Time after an unanswered step in which its late answer is discarded, in milliseconds, so that it
/// is not taken for that of the next command.
pub(super) const DISCARD_MS: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminate_request_has_valid_checksum() {
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
    fn escape_sequence_begins_and_ends_with_a_command() {
        assert!(matches!(
            ESCAPE_SEQUENCE.first(),
            Some(SyncStep::Command(_))
        ));
        assert!(matches!(ESCAPE_SEQUENCE.last(), Some(SyncStep::Command(_))));
        assert_eq!(ESCAPE_SEQUENCE.get(FIRST_ESCAPE_STEP), Some(&GUARD));
    }
}
