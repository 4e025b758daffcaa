//! Kernel PPP interface: its queue, and a switch that drops IP packets. Control frames bypass the
//! switch, so that PPP does not notice.

use std::{
    fs::{self, OpenOptions},
    os::fd::AsRawFd,
};

use super::{GuestError, at};

/// Name of the only interface.
const UNIT: i32 = 0;

/// Queue length for a slow line, as at a base station; the kernel's default of three packets
/// overflows in any burst.
const QUEUE: &str = "100";

/// Protocol number of IPv4 in PPP.
const PPP_IP: i32 = 0x21;

/// Lengthens the interface's queue.
pub(super) fn lengthen_queue() -> Result<(), GuestError> {
    let path = format!("/sys/class/net/ppp{UNIT}/tx_queue_len");
    fs::write(&path, QUEUE).map_err(at(path))
}

/// Drops or passes IP packets; see `enum NPmode` of the kernel.
pub(super) fn drop_packets(on: bool) -> Result<(), GuestError> {
    let path = "/dev/ppp";
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(at(path))?;
    ffi::attach(device.as_raw_fd(), UNIT).map_err(at("PPPIOCATTACH"))?;
    let mode = ffi::Mode {
        protocol: PPP_IP,
        mode: i32::from(on),
    };
    ffi::set_mode(device.as_raw_fd(), &mode).map_err(at("PPPIOCSNPMODE"))
}

#[allow(unsafe_code, reason = "ioctls")]
mod ffi {
    use std::os::fd::RawFd;

    /// `struct npioctl`.
    #[repr(C)]
    pub(super) struct Mode {
        pub(super) protocol: i32,
        /// 0 passes, 1 drops silently.
        pub(super) mode: i32,
    }

    nix::ioctl_write_ptr!(pppiocattach, b't', 61, i32);
    nix::ioctl_write_ptr!(pppiocsnpmode, b't', 75, Mode);

    pub(super) fn attach(fd: RawFd, unit: i32) -> nix::Result<()> {
        // SAFETY: the kernel reads one int from the pointer, which lives during the call.
        unsafe { pppiocattach(fd, &raw const unit) }.map(drop)
    }

    pub(super) fn set_mode(fd: RawFd, mode: &Mode) -> nix::Result<()> {
        // SAFETY: the kernel reads one `npioctl` from the pointer, which lives during the call.
        unsafe { pppiocsnpmode(fd, mode) }.map(drop)
    }
}
