//! Reasons for dropping a received frame.

use thiserror::Error;

use super::DECODED_MAX;

/// Reason why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Longer than the buffer.
    #[error("expected at most {DECODED_MAX} bytes, got more")]
    TooLong,
    /// Shorter than any frame.
    #[error("expected a protocol number and a checksum, got {got} bytes")]
    TooShort {
        /// Octets between the flags, without escapes.
        got: usize,
    },
    /// Wrong checksum.
    #[error("expected checksum {expected:#06x}, got {got:#06x}")]
    Checksum {
        /// Checksum of the received octets.
        expected: u16,
        /// Checksum in the frame.
        got: u16,
    },
    /// Aborted by the sender.
    #[error("given up by the sender")]
    Aborted,
}

/// A dropped frame and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("frame at byte {offset}: {fault}")]
pub struct FrameError {
    /// Bytes consumed by the decoder before the frame's first byte.
    pub offset: u64,
    /// Reason.
    pub fault: Fault,
}
