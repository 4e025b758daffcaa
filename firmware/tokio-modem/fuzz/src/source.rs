//! Decisions out of a fuzzer's bytes, from the front on.
//!
//! Every decision is one octet or two and every text has its length before it, so that a changed
//! octet changes one decision and a seed can be written by hand.

/// What is left of the bytes.
#[derive(Clone)]
pub(super) struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next octet; 0 once there is none.
    pub(super) fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(super) fn flag(&mut self) -> bool {
        self.octet() & 1 == 1
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::from(self.octet()) % among.len()]
    }

    /// So many octets, or as many as there are.
    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A text with its length in an octet before it.
    pub(super) fn chunk(&mut self) -> &'a [u8] {
        let length = self.octet();
        self.take(length.into())
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}

/// Cuts `whole` into pieces of these lengths, over and over.
pub(super) fn cut<'a>(whole: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(whole);
    let mut lengths = lengths.iter().cycle();
    core::iter::from_fn(move || {
        let whole = rest?;
        let length = lengths.next().copied().unwrap_or(usize::MAX).max(1);
        let (piece, after) = whole.split_at(length.min(whole.len()));
        rest = Some(after).filter(|after| !after.is_empty());
        Some(piece)
    })
}

/// Ways to cut that find what hangs on where a piece ends.
pub(super) const CUTS: &[&[usize]] = &[&[1], &[2, 7, 1, 3], &[5, 1, 64]];
