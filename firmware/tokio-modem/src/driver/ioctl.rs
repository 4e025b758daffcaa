//! The ioctls of serial lines (`tty_ioctl(4)`, `linux/serial.h`).
//!
//! The numbers are those of architectures with the generic encoding; x86 and ARM are among them.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ushort, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::Result;

/// Closing waits for nothing (`ASYNC_CLOSING_WAIT_NONE`).
pub(super) const CLOSING_WAIT_NONE: c_ushort = 65_535;

/// The DTR line among the modem lines (`TIOCM_DTR`).
const TIOCM_DTR: c_int = 0x002;

/// `struct serial_struct`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Serial {
    kind: c_int,
    line: c_int,
    port: c_uint,
    irq: c_int,
    flags: c_int,
    xmit_fifo_size: c_int,
    custom_divisor: c_int,
    baud_base: c_int,
    close_delay: c_ushort,
    io_type: c_char,
    reserved: c_char,
    hub6: c_int,
    /// Hundredths of a second that closing waits for output to be taken.
    pub(super) closing_wait: c_ushort,
    closing_wait2: c_ushort,
    iomem_base: *mut c_uchar,
    iomem_reg_shift: c_ushort,
    port_high: c_uint,
    iomap_base: c_long,
}

const _: () = assert!(size_of::<c_int>() == 4, "the kernel's int has 32 bits");
const _: () = assert!(
    size_of::<Serial>()
        == if size_of::<*mut c_void>() == 8 {
            72
        } else {
            60
        },
    "struct serial_struct as linux/serial.h lays it out"
);

const TIOCEXCL: u32 = 0x540c;
const TIOCMBIS: u32 = 0x5416;
const TIOCMBIC: u32 = 0x5417;
const TIOCGSERIAL: u32 = 0x541e;
const TIOCSSERIAL: u32 = 0x541f;

mod raw {
    use super::{Serial, TIOCEXCL, TIOCGSERIAL, TIOCMBIC, TIOCMBIS, TIOCSSERIAL, c_int};

    nix::ioctl_none_bad!(tiocexcl, TIOCEXCL);
    nix::ioctl_write_ptr_bad!(tiocmbis, TIOCMBIS, c_int);
    nix::ioctl_write_ptr_bad!(tiocmbic, TIOCMBIC, c_int);
    nix::ioctl_read_bad!(tiocgserial, TIOCGSERIAL, Serial);
    nix::ioctl_write_ptr_bad!(tiocsserial, TIOCSSERIAL, Serial);
}

/// Lets nobody else open the tty, root aside.
pub(super) fn set_exclusive(tty: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: TIOCEXCL has no argument.
    unsafe { raw::tiocexcl(tty.as_raw_fd()) }.map(drop)
}

/// Raises or drops the DTR line.
pub(super) fn set_dtr(tty: BorrowedFd<'_>, on: bool) -> Result<()> {
    let lines = TIOCM_DTR;
    let tty = tty.as_raw_fd();
    if on {
        // SAFETY: TIOCMBIS reads one int, from a live int.
        unsafe { raw::tiocmbis(tty, &raw const lines) }.map(drop)
    } else {
        // SAFETY: TIOCMBIC reads one int, from a live int.
        unsafe { raw::tiocmbic(tty, &raw const lines) }.map(drop)
    }
}

/// The port's settings.
pub(super) fn serial(tty: BorrowedFd<'_>) -> Result<Serial> {
    let mut serial = Serial {
        kind: 0,
        line: 0,
        port: 0,
        irq: 0,
        flags: 0,
        xmit_fifo_size: 0,
        custom_divisor: 0,
        baud_base: 0,
        close_delay: 0,
        io_type: 0,
        reserved: 0,
        hub6: 0,
        closing_wait: 0,
        closing_wait2: 0,
        iomem_base: std::ptr::null_mut(),
        iomem_reg_shift: 0,
        port_high: 0,
        iomap_base: 0,
    };
    // SAFETY: TIOCGSERIAL writes one `struct serial_struct`, whose layout `Serial` has. Every bit
    // pattern is a value of it, and nobody follows its pointer.
    unsafe { raw::tiocgserial(tty.as_raw_fd(), &raw mut serial) }?;
    Ok(serial)
}

/// Changes the port's settings.
pub(super) fn set_serial(tty: BorrowedFd<'_>, serial: &Serial) -> Result<()> {
    // SAFETY: TIOCSSERIAL reads one `struct serial_struct`, whose layout `Serial` has.
    unsafe { raw::tiocsserial(tty.as_raw_fd(), std::ptr::from_ref(serial)) }.map(drop)
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    #[allow(clippy::unnecessary_cast, reason = "an int under musl")]
    fn numbers_are_those_of_the_c_library() {
        for (ours, theirs) in [
            (TIOCEXCL, libc::TIOCEXCL as u64),
            (TIOCMBIS, libc::TIOCMBIS as u64),
            (TIOCMBIC, libc::TIOCMBIC as u64),
        ] {
            assert_eq!(u64::from(ours), theirs, "{ours:#x}");
        }
        assert_eq!(TIOCM_DTR, libc::TIOCM_DTR);
    }

    #[test]
    fn closing_wait_is_where_the_kernel_has_it() {
        assert_eq!(std::mem::offset_of!(Serial, closing_wait), 40);
    }
}
