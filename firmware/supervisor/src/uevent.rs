//! Hearing from the kernel that a device came.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, setsockopt,
        socket, sockopt::RcvBufForce,
    },
};

/// Group that the kernel itself sends to; udev would use 2.
const KERNEL_GROUP: u32 = 1;

/// Loading the modules makes some hundred events while nobody listens yet.
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;

/// The kernel's own limit is 2 KiB of variables and the path.
const MAX_MESSAGE_BYTES: usize = 8192;

/// A netlink socket that carries uevents.
#[derive(Debug)]
pub(crate) struct Uevents(OwnedFd);

/// What came of reading the socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UeventOutcome {
    /// A device node of this name below /dev came.
    Added(String),
    /// Something of no interest.
    Ignored,
    /// Events were lost: look at everything.
    Overflow,
    /// Nothing is waiting.
    Empty,
}

impl Uevents {
    pub(crate) fn open() -> nix::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkKObjectUEvent,
        )?;
        // A smaller buffer may lose events, and losing them is handled.
        let _ = setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER_BYTES);
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP))?;
        Ok(Self(fd))
    }

    pub(crate) fn next(&self) -> UeventOutcome {
        let mut buffer = [0; MAX_MESSAGE_BYTES];
        match recvfrom::<NetlinkAddr>(self.0.as_raw_fd(), &mut buffer) {
            // Only the kernel has port 0; another process could claim anything.
            Ok((length, Some(from))) if from.pid() == 0 => {
                let message = buffer.get(..length).unwrap_or_default();
                added(message).map_or(UeventOutcome::Ignored, |name| {
                    UeventOutcome::Added(name.to_owned())
                })
            }
            Ok(_) | Err(Errno::EINTR) => UeventOutcome::Ignored,
            Err(Errno::ENOBUFS) => UeventOutcome::Overflow,
            Err(_) => UeventOutcome::Empty,
        }
    }
}

impl AsFd for Uevents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Name of the device node that `message`, `add@<path>` and variables ending in NUL, is about.
fn added(message: &[u8]) -> Option<&str> {
    let mut fields = message.split(|byte| *byte == 0);
    fields.next()?.starts_with(b"add@").then_some(())?;
    fields.find_map(|field| std::str::from_utf8(field.strip_prefix(b"DEVNAME=")?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_additions_with_a_node_count() {
        let add = b"add@/devices/usb1/1-1\0ACTION=add\0DEVPATH=/devices/usb1/1-1\0DEVNAME=bus/usb/001/002\0SEQNUM=9\0";
        assert_eq!(added(add), Some("bus/usb/001/002"));
        for message in [
            &b"remove@/devices/x\0ACTION=remove\0DEVNAME=ttyUSB0\0"[..],
            b"add@/devices/x\0ACTION=add\0",
            b"add@/devices/x\0DEVNAME=\xff\0",
            b"DEVNAME=ttyUSB0\0",
            b"",
            b"\0\0",
        ] {
            assert_eq!(added(message), None);
        }
    }
}
