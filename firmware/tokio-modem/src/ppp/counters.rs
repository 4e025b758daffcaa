//! Counters of bad frames.

use super::protocol::Protocol;

/// Counts since the engine was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received.
    pub received: u64,
    /// Frames sent.
    pub sent: u64,
    /// Malformed frames.
    pub malformed: u64,
    /// The last of them.
    pub last_malformed: Option<Malformed>,
    /// Well-formed frames discarded because of the phase, an old identifier or our role.
    pub discarded: u64,
    /// Echo-Requests with our own magic number: of a line that is looped, or of a peer that copies.
    pub looped_echoes: u64,
    /// Protocols that we rejected.
    pub protocols_rejected: u64,
    /// Frames lost because outputs were not polled.
    pub lost_outputs: u64,
}

/// A malformed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Protocol of the frame, if it was long enough to have one.
    pub protocol: Option<Protocol>,
    /// Position in the frame, in bytes from its protocol number.
    pub offset: usize,
    /// Fault at this position.
    pub fault: Fault,
}

/// Fault of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The frame ends before the field does.
    #[error("expected {expected} bytes, got {got}")]
    Truncated {
        /// Bytes the field needs.
        expected: usize,
        /// Bytes there are.
        got: usize,
    },
    /// The frame is longer than the largest allowed.
    #[error("frame of {0} bytes is too long")]
    Oversized(usize),
    /// Invalid length field.
    #[error("length field says {0}")]
    Length(usize),
    /// A Configure-Ack that is not a copy of our request.
    #[error("acknowledged options differ from the request")]
    ForeignAck,
}

impl Counters {
    pub(super) fn malformed(&mut self, malformed: Malformed) {
        self.malformed += 1;
        self.last_malformed = Some(malformed);
    }
}
