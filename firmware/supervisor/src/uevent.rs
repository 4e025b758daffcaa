//! Uevents of the kernel: new device nodes.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, setsockopt,
        socket, sockopt::RcvBufForce,
    },
};

/// Multicast group of the kernel itself; udev uses 2.
const KERNEL_GROUP: u32 = 1;

/// Size of the receive buffer: loading the modules sends some hundred events before the first read.
const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;

/// Size of the buffer for one event. The kernel limits it to 2 KiB of variables and the path.
const MAX_MESSAGE_BYTES: usize = 8192;

/// A netlink socket that carries uevents.
#[derive(Debug)]
pub(crate) struct Uevents(OwnedFd);

/// Result of one read of the socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UeventOutcome {
    /// A device node of this name below /dev was added.
    Added(String),
    /// An event of no interest.
    Ignored,
    /// Events were lost: check all devices.
    Overflow,
    /// No event is waiting.
    Empty,
}

impl Uevents {
    /// Opens the socket.
    pub(crate) fn open() -> nix::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkKObjectUEvent,
        )?;
        // A smaller buffer may lose events, which is handled.
        let _ = setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER_BYTES);
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP))?;
        Ok(Self(fd))
    }

    /// Reads one event.
    pub(crate) fn next(&self) -> UeventOutcome {
        let mut buffer = [0; MAX_MESSAGE_BYTES];
        match recvfrom::<NetlinkAddr>(self.0.as_raw_fd(), &mut buffer) {
            // Only the kernel has port 0; other senders are not trusted.
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

/// Returns the device node that `message` adds: `add@<path>` and variables, each ending in NUL.
fn added(message: &[u8]) -> Option<&str> {
    let mut fields = message.split(|byte| *byte == 0);
    fields.next()?.starts_with(b"add@").then_some(())?;
    fields.find_map(|field| std::str::from_utf8(field.strip_prefix(b"DEVNAME=")?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_add_events_with_devname_count() {
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
