//! One frame in the making, in a place that cannot grow.

use super::{decode::DECODED_MAX, scan::WORD};

/// Room for the first octet of a protocol number that was left out on the line.
pub(super) const SPARE: usize = 1;

/// Octets that are kept.
const LIMIT: usize = SPARE + DECODED_MAX;

/// The spare octet and a frame without escapes.
#[derive(Debug)]
pub(super) struct Buffer {
    /// A word longer than what is kept: it is written as a whole before anybody knows how much of
    /// it is to stay.
    octets: [u8; LIMIT + WORD],
    length: usize,
}

/// No more octets fit; none was taken.
#[derive(Debug)]
pub(super) struct Full;

impl Buffer {
    pub(super) const fn new() -> Self {
        Self {
            octets: [0; LIMIT + WORD],
            length: SPARE,
        }
    }

    pub(super) const fn clear(&mut self) {
        self.length = SPARE;
    }

    /// The frame alone.
    pub(super) fn frame(&self) -> &[u8] {
        self.octets.get(SPARE..self.length).unwrap_or_default()
    }

    /// With the spare octet.
    pub(super) fn octets_mut(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.length).unwrap_or_default()
    }

    #[inline]
    pub(super) fn push(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.length + octets.len();
        let room = self.octets.get_mut(self.length..end).ok_or(Full)?;
        room.copy_from_slice(octets);
        self.grow(octets.len())
    }

    /// Where the next octets go: to be written, and kept with [`Buffer::grow`].
    #[inline]
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.octets.get_mut(self.length..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn grow(&mut self, more: usize) -> Result<(), Full> {
        let length = self.length + more;
        if length > LIMIT {
            return Err(Full);
        }
        self.length = length;
        Ok(())
    }
}
