//! The little that is asked of a card: reading, writing and flushing at a place.

use std::{fs::File, io, os::unix::fs::FileExt};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// The unit in which a card is written: a power cut may tear one, and none beside it.
pub const SECTOR: usize = 512;

/// A block device, or a part of one.
pub trait Disk {
    /// Fills `into` from `at` on.
    ///
    /// # Errors
    /// The device's, or that it ends before.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from `at` on; it may stay in a cache.
    ///
    /// # Errors
    /// The device's, or that it ends before.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written is on the device itself; what is read afterwards comes
    /// from there.
    ///
    /// # Errors
    /// The device's.
    fn flush(&mut self) -> io::Result<()>;
}

impl Disk for File {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, at)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sync_all()?;
        // Reading back from the cache would prove nothing. It is advice: a kernel that does not
        // take it costs a proof, not the data.
        let _ = posix_fadvise(&*self, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        Ok(())
    }
}
