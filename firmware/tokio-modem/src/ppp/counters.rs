//! What came in that should not have.

use super::protocol::Protocol;

/// Counts since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames handed in.
    pub received: u64,
    /// Frames given out.
    pub sent: u64,
    /// Frames that could not be read.
    pub malformed: u64,
    /// The last of them.
    pub last_malformed: Option<Malformed>,
    /// Well-formed frames that the present phase, an old identifier or our role made void.
    pub discarded: u64,
    /// Echo-Requests with our own magic number: of a line that is looped, or of a peer that copies.
    pub looped_echoes: u64,
    /// Protocols that we rejected.
    pub protocols_rejected: u64,
    /// Frames that found no room because outputs were not taken.
    pub lost_outputs: u64,
}

/// A frame that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The frame's protocol, where the frame was long enough to have one.
    pub protocol: Option<Protocol>,
    /// Where in the frame, in bytes from its protocol number.
    pub offset: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong with a frame.
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
    /// The frame is longer than the largest we take.
    #[error("frame of {0} bytes is too long")]
    Oversized(usize),
    /// A length field that no packet can have.
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
