//! Watchdog device of the kernel (Documentation/watchdog/watchdog-api.rst).
#![allow(unsafe_code)]

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::AsRawFd,
    path::Path,
};

use nix::errno::Errno;

mod ioctl {
    // WDIOC_SETTIMEOUT of linux/watchdog.h: seconds in, the seconds that the chip makes of it out.
    nix::ioctl_readwrite!(set_timeout, b'W', 6, nix::libc::c_int);
}

/// Byte that makes the following close stop the watchdog. Every other byte pets it.
const MAGIC: &[u8] = b"V";

/// An open, running watchdog.
#[derive(Debug)]
pub(super) struct Device(File);

impl Device {
    /// Opens and starts it. Returns also the error if the timeout could not be set.
    pub(super) fn open(path: &Path, seconds: i32) -> io::Result<(Self, Option<Errno>)> {
        let file = OpenOptions::new().write(true).open(path)?;
        let mut timeout = seconds;
        // SAFETY: the descriptor is open, and the kernel reads and writes one `int` at the pointer,
        // which is that of a live variable of this type.
        let refused = unsafe { ioctl::set_timeout(file.as_raw_fd(), &raw mut timeout) }.err();
        Ok((Self(file), refused))
    }

    pub(super) fn pet(&mut self) -> io::Result<()> {
        self.0.write_all(b".")
    }

    pub(super) fn stop(mut self) -> io::Result<()> {
        self.0.write_all(MAGIC)
    }
}
