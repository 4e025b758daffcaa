//! The verdict of the link monitors, shared by [`blackhole`](crate::blackhole) and `roundtrip`.

/// The result of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No sign of a fault.
    Ok,
    /// This many probes are due.
    Probe(u32),
    /// This many probes are due, and as many to public resolvers instead of the carrier's.
    ProbeWidely(u32),
    /// Nothing came back for this many milliseconds.
    Dead(u64),
}
