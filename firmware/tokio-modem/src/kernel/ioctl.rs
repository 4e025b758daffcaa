//! The ioctls of `/dev/ppp` and of the line discipline (`linux/ppp-ioctl.h`, `tty_ioctl(4)`).
//!
//! The numbers are those of architectures with the generic encoding; x86 and ARM are among them.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::Result;

/// Leave out a zero first octet of the protocol number (`SC_COMP_PROT`).
pub(super) const SC_COMP_PROT: c_int = 0x1;
/// Leave out address and control octets (`SC_COMP_AC`).
pub(super) const SC_COMP_AC: c_int = 0x2;
/// What the kernel notes about the line, given back with the flags (`SC_RCV_ODDP` and others).
pub(super) const SC_RCV_BITS: c_int = 0x0f00_0000;

/// Line discipline for asynchronous PPP (`N_PPP`).
pub(super) const N_PPP: c_int = 3;

/// Packets of a network protocol pass (`NPMODE_PASS`).
pub(super) const NPMODE_PASS: c_int = 0;
/// Packets of a network protocol are dropped (`NPMODE_DROP`).
pub(super) const NPMODE_DROP: c_int = 1;

/// `struct npioctl`: a network protocol and what happens to its packets.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct NetworkMode {
    pub(super) protocol: c_int,
    /// `enum NPmode`, an `int` in the kernel's C.
    pub(super) mode: c_int,
}

const _: () = assert!(
    size_of::<NetworkMode>() == 8,
    "struct npioctl is two 32-bit words"
);
const _: () = assert!(size_of::<c_int>() == 4, "the kernel's int has 32 bits");

const TIOCSETD: u32 = 0x5423;
const TIOCGETD: u32 = 0x5424;
const PPPIOCGCHAN: u32 = 0x8004_7437;
const PPPIOCATTCHAN: u32 = 0x4004_7438;
const PPPIOCCONNECT: u32 = 0x4004_743a;
const PPPIOCNEWUNIT: u32 = 0xc004_743e;
const PPPIOCSNPMODE: u32 = 0x4008_744b;
const PPPIOCSMRU: u32 = 0x4004_7452;
const PPPIOCSRASYNCMAP: u32 = 0x4004_7454;
const PPPIOCSASYNCMAP: u32 = 0x4004_7457;
const PPPIOCSFLAGS: u32 = 0x4004_7459;
const PPPIOCGFLAGS: u32 = 0x8004_745a;

mod raw {
    use super::{
        NetworkMode, PPPIOCATTCHAN, PPPIOCCONNECT, PPPIOCGCHAN, PPPIOCGFLAGS, PPPIOCNEWUNIT,
        PPPIOCSASYNCMAP, PPPIOCSFLAGS, PPPIOCSMRU, PPPIOCSNPMODE, PPPIOCSRASYNCMAP, TIOCGETD,
        TIOCSETD, c_int,
    };

    nix::ioctl_read_bad!(tiocgetd, TIOCGETD, c_int);
    nix::ioctl_write_ptr_bad!(tiocsetd, TIOCSETD, c_int);
    nix::ioctl_read_bad!(pppiocgchan, PPPIOCGCHAN, c_int);
    nix::ioctl_write_ptr_bad!(pppiocattchan, PPPIOCATTCHAN, c_int);
    nix::ioctl_write_ptr_bad!(pppiocconnect, PPPIOCCONNECT, c_int);
    nix::ioctl_readwrite_bad!(pppiocnewunit, PPPIOCNEWUNIT, c_int);
    nix::ioctl_write_ptr_bad!(pppiocsnpmode, PPPIOCSNPMODE, NetworkMode);
    nix::ioctl_write_ptr_bad!(pppiocsmru, PPPIOCSMRU, c_int);
    nix::ioctl_write_ptr_bad!(pppiocsrasyncmap, PPPIOCSRASYNCMAP, u32);
    nix::ioctl_write_ptr_bad!(pppiocsasyncmap, PPPIOCSASYNCMAP, u32);
    nix::ioctl_write_ptr_bad!(pppiocsflags, PPPIOCSFLAGS, c_int);
    nix::ioctl_read_bad!(pppiocgflags, PPPIOCGFLAGS, c_int);
}

/// The tty's line discipline.
pub(super) fn line_discipline(tty: BorrowedFd<'_>) -> Result<c_int> {
    let mut discipline = 0;
    // SAFETY: TIOCGETD writes one int, to a live int.
    unsafe { raw::tiocgetd(tty.as_raw_fd(), &raw mut discipline) }?;
    Ok(discipline)
}

/// Gives the tty another line discipline.
pub(super) fn set_line_discipline(tty: BorrowedFd<'_>, discipline: c_int) -> Result<()> {
    // SAFETY: TIOCSETD reads one int, from a live int.
    unsafe { raw::tiocsetd(tty.as_raw_fd(), &raw const discipline) }.map(drop)
}

/// The number of the channel that N_PPP made of the tty.
pub(super) fn channel_number(tty: BorrowedFd<'_>) -> Result<c_int> {
    let mut channel = 0;
    // SAFETY: PPPIOCGCHAN writes one int, to a live int.
    unsafe { raw::pppiocgchan(tty.as_raw_fd(), &raw mut channel) }?;
    Ok(channel)
}

/// Makes a descriptor of `/dev/ppp` the channel's.
pub(super) fn attach_channel(device: BorrowedFd<'_>, channel: c_int) -> Result<()> {
    // SAFETY: PPPIOCATTCHAN reads one int, from a live int.
    unsafe { raw::pppiocattchan(device.as_raw_fd(), &raw const channel) }.map(drop)
}

/// Makes a new interface, owned by a descriptor of `/dev/ppp`; gives its number.
pub(super) fn new_unit(device: BorrowedFd<'_>) -> Result<c_int> {
    // The lowest free number.
    let mut unit = -1;
    // SAFETY: PPPIOCNEWUNIT reads and writes one int, which is live.
    unsafe { raw::pppiocnewunit(device.as_raw_fd(), &raw mut unit) }?;
    Ok(unit)
}

/// Connects a channel to an interface.
pub(super) fn connect(channel: BorrowedFd<'_>, unit: c_int) -> Result<()> {
    // SAFETY: PPPIOCCONNECT reads one int, from a live int.
    unsafe { raw::pppiocconnect(channel.as_raw_fd(), &raw const unit) }.map(drop)
}

/// Says what happens to a network protocol's packets.
pub(super) fn set_network_mode(unit: BorrowedFd<'_>, mode: NetworkMode) -> Result<()> {
    // SAFETY: PPPIOCSNPMODE reads one `struct npioctl`, whose layout `NetworkMode` has.
    unsafe { raw::pppiocsnpmode(unit.as_raw_fd(), &raw const mode) }.map(drop)
}

/// Largest information field to receive.
pub(super) fn set_mru(channel: BorrowedFd<'_>, mru: c_int) -> Result<()> {
    // SAFETY: PPPIOCSMRU reads one int, from a live int.
    unsafe { raw::pppiocsmru(channel.as_raw_fd(), &raw const mru) }.map(drop)
}

/// Control characters to ignore when receiving.
pub(super) fn set_receive_map(channel: BorrowedFd<'_>, map: u32) -> Result<()> {
    // SAFETY: PPPIOCSRASYNCMAP reads one 32-bit word, from a live one.
    unsafe { raw::pppiocsrasyncmap(channel.as_raw_fd(), &raw const map) }.map(drop)
}

/// Control characters to escape when sending.
pub(super) fn set_send_map(channel: BorrowedFd<'_>, map: u32) -> Result<()> {
    // SAFETY: PPPIOCSASYNCMAP reads one 32-bit word, from a live one.
    unsafe { raw::pppiocsasyncmap(channel.as_raw_fd(), &raw const map) }.map(drop)
}

/// The channel's `SC_` flags.
pub(super) fn flags(channel: BorrowedFd<'_>) -> Result<c_int> {
    let mut flags = 0;
    // SAFETY: PPPIOCGFLAGS writes one int, to a live int.
    unsafe { raw::pppiocgflags(channel.as_raw_fd(), &raw mut flags) }?;
    Ok(flags)
}

/// Sets the channel's `SC_` flags.
pub(super) fn set_flags(channel: BorrowedFd<'_>, flags: c_int) -> Result<()> {
    // SAFETY: PPPIOCSFLAGS reads one int, from a live int.
    unsafe { raw::pppiocsflags(channel.as_raw_fd(), &raw const flags) }.map(drop)
}

#[cfg(test)]
mod tests {
    use nix::{request_code_read, request_code_readwrite, request_code_write};

    use super::*;

    /// The numbers as `linux/ppp-ioctl.h` composes them, from direction, `'t'`, number and type.
    #[test]
    #[allow(clippy::unnecessary_cast, reason = "an int under musl")]
    fn numbers_are_those_of_the_kernel_header() {
        let int = size_of::<c_int>();
        let composed = [
            (PPPIOCGCHAN, request_code_read!(b't', 55, int)),
            (PPPIOCATTCHAN, request_code_write!(b't', 56, int)),
            (PPPIOCCONNECT, request_code_write!(b't', 58, int)),
            (PPPIOCNEWUNIT, request_code_readwrite!(b't', 62, int)),
            (
                PPPIOCSNPMODE,
                request_code_write!(b't', 75, size_of::<NetworkMode>()),
            ),
            (PPPIOCSMRU, request_code_write!(b't', 82, int)),
            (PPPIOCSRASYNCMAP, request_code_write!(b't', 84, int)),
            (PPPIOCSASYNCMAP, request_code_write!(b't', 87, int)),
            (PPPIOCSFLAGS, request_code_write!(b't', 89, int)),
            (PPPIOCGFLAGS, request_code_read!(b't', 90, int)),
        ];
        for (ours, header) in composed {
            assert_eq!(u64::from(ours), header as u64 & 0xffff_ffff, "{ours:#x}");
        }
    }

    #[test]
    #[allow(clippy::unnecessary_cast, reason = "an int under musl")]
    fn terminal_numbers_are_those_of_the_c_library() {
        assert_eq!(u64::from(TIOCSETD), nix::libc::TIOCSETD as u64);
        assert_eq!(u64::from(TIOCGETD), nix::libc::TIOCGETD as u64);
        assert_eq!(N_PPP, 3);
    }
}
