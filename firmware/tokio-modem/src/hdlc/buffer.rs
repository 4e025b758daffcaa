//! Fixed-size buffer for the frame being received.

use super::{DECODED_MAX, scan::WORD};

/// Octets in front of the frame, for the first octet of a compressed protocol number.
pub(super) const SPARE: usize = 1;

/// Capacity in octets.
const LIMIT: usize = SPARE + DECODED_MAX;

/// Spare octet and unescaped frame.
#[derive(Debug)]
pub(super) struct Buffer {
    /// One word longer than the capacity: a word is written as a whole before it is known how much
    /// of it belongs to the frame.
    octets: [u8; LIMIT + WORD],
    length: usize,
}

/// The octets do not fit; none was stored.
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

    /// Returns the frame without the spare octet.
    pub(super) fn frame(&self) -> &[u8] {
        self.octets.get(SPARE..self.length).unwrap_or_default()
    }

    /// Returns the spare octet and the frame.
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

    /// Returns the free space; octets written to it are added by [`Buffer::grow`].
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
