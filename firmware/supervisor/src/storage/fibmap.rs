//! Where the blocks of a file lie on its device, as the file system knows it (`FIBMAP`).
#![allow(unsafe_code)]

use std::{
    fs::File,
    io::{self, Error},
    os::fd::AsRawFd,
};

use nix::libc::{c_int, c_ulong};

mod ioctl {
    use nix::libc::c_int;

    // FIBMAP of linux/fs.h, `_IO(0x00, 1)`: number of a block in the file in, on the device out.
    nix::ioctl_readwrite_bad!(fibmap, super::FIBMAP, c_int);
    // FIGETBSZ, `_IO(0x00, 2)`: bytes of a block.
    nix::ioctl_read_bad!(block_size, super::FIGETBSZ, c_int);
}

const FIBMAP: c_ulong = 1;
const FIGETBSZ: c_ulong = 2;

/// Returns the byte on the device at which byte `at` of `file` lies. Needs `CAP_SYS_RAWIO`.
///
/// # Errors
/// The kernel's, or that the file has no block there.
pub(super) fn device_offset(file: &File, at: u64) -> io::Result<u64> {
    let mut size: c_int = 0;
    // SAFETY: the descriptor is open, and the kernel writes one `int` to a live variable.
    unsafe { ioctl::block_size(file.as_raw_fd(), &raw mut size) }?;
    let size = u64::try_from(size).map_err(Error::other)?.max(1);
    let mut block = c_int::try_from(at / size).map_err(Error::other)?;
    // SAFETY: the descriptor is open, and the kernel reads and writes one `int` at the pointer,
    // which is that of a live variable of this type.
    unsafe { ioctl::fibmap(file.as_raw_fd(), &raw mut block) }?;
    match u64::try_from(block) {
        Ok(block @ 1..) => Ok(block * size + at % size),
        _ => Err(Error::other(format!("no block of the file at byte {at}"))),
    }
}
