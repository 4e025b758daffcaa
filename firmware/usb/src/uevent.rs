//! Kernel uevents: `add@/devices/…\0ACTION=add\0DEVPATH=…\0SUBSYSTEM=tty\0…` per datagram.
//!
//! A uevent triggers a scan, sysfs has the state: a lost event does no harm as long as the loss is
//! detected, which the socket reports as `ENOBUFS`.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, setsockopt,
        socket, sockopt,
    },
};

/// The kernel's multicast group; group 2 is udev's own relay.
const KERNEL_GROUP: u32 = 1;
/// Longest uevent, in bytes: `UEVENT_BUFFER_SIZE` (2048), plus the header line.
const MESSAGE: usize = 4096;
/// Receive buffer, in bytes: a stick with five interfaces sends a few dozen events, maybe during a
/// dial.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// Most datagrams read at once, so that a storm of events cannot delay the caller's timers.
const BATCH: usize = 256;

/// A parsed uevent; borrows from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uevent<'a> {
    /// `add`, `remove`, `bind`, …
    pub action: &'a str,
    /// Path below the mount point of sysfs, beginning with a slash.
    pub devpath: &'a str,
    /// `usb`, `tty`, `usb-serial`, …
    pub subsystem: &'a str,
}

impl<'a> Uevent<'a> {
    /// Parses one datagram. `None` if it is no kernel uevent.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let mut lines = datagram.split(|byte| *byte == 0);
        // udev's relayed events begin with "libudev" instead of a header with '@'.
        lines.next().filter(|header| header.contains(&b'@'))?;
        let (mut action, mut devpath, mut subsystem) = (None, None, None);
        for line in lines {
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            match line.split_once('=') {
                Some(("ACTION", value)) => action = Some(value),
                Some(("DEVPATH", value)) => devpath = Some(value),
                Some(("SUBSYSTEM", value)) => subsystem = Some(value),
                _ => {}
            }
        }
        Some(Self {
            action: action?,
            devpath: devpath.filter(|path| path.starts_with('/'))?,
            subsystem: subsystem?,
        })
    }

    /// Returns whether it can change the presence of sticks or their ttys.
    pub fn concerns_sticks(&self) -> bool {
        match self.subsystem {
            "usb" | "usb-serial" => true,
            "tty" => ["/ttyUSB", "/ttyACM"]
                .iter()
                .any(|name| self.devpath.contains(name)),
            _ => false,
        }
    }
}

/// Non-blocking netlink socket for kernel uevents. Opening it needs no privilege.
pub struct UeventSocket(OwnedFd);

impl UeventSocket {
    /// Opens the socket and joins the kernel's group.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn open() -> io::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkKObjectUEvent,
        )?;
        setsockopt(&fd, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP))?;
        Ok(Self(fd))
    }

    /// Reads pending events, up to a limit. Returns whether sysfs has to be scanned.
    ///
    /// # Errors
    /// `WouldBlock` if nothing was pending; else the kernel's error.
    pub fn drain(&self) -> io::Result<bool> {
        let mut buffer = [0; MESSAGE];
        let mut look = false;
        for taken in 0..BATCH {
            let received =
                recvfrom::<NetlinkAddr>(self.0.as_raw_fd(), &mut buffer).map(|(length, sender)| {
                    // Only the kernel has port id 0.
                    let kernel = sender.is_some_and(|address| address.pid() == 0);
                    kernel
                        .then(|| buffer.get(..length))
                        .flatten()
                        .and_then(Uevent::parse)
                        .is_some_and(|event| event.concerns_sticks())
                });
            match received {
                Ok(concerns) => look |= concerns,
                Err(Errno::EAGAIN) if taken > 0 => break,
                // Events were lost.
                Err(Errno::ENOBUFS) => look = true,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(look)
    }
}

impl AsFd for UeventSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn added_tty_concerns_sticks() {
        let datagram = b"add@/devices/usb1/1-1/1-1.2/1-1.2:1.2/ttyUSB2/tty/ttyUSB2\0ACTION=add\0\
            DEVPATH=/devices/usb1/1-1/1-1.2/1-1.2:1.2/ttyUSB2/tty/ttyUSB2\0SUBSYSTEM=tty\0\
            MAJOR=188\0MINOR=2\0DEVNAME=ttyUSB2\0SEQNUM=1234\0";
        let event = Uevent::parse(datagram).unwrap();
        assert_eq!((event.action, event.subsystem), ("add", "tty"));
        assert!(event.devpath.ends_with("tty/ttyUSB2"));
        assert!(event.concerns_sticks());
    }

    #[test]
    fn added_cdc_acm_tty_concerns_sticks() {
        let devpath = "/devices/usb1/1-1/1-1.2/1-1.2:1.1/tty/ttyACM0";
        for action in ["add", "remove"] {
            let datagram =
                format!("{action}@{devpath}\0ACTION={action}\0DEVPATH={devpath}\0SUBSYSTEM=tty\0");
            let event = Uevent::parse(datagram.as_bytes()).unwrap();
            assert!(event.concerns_sticks(), "{action}");
        }
    }

    #[test]
    fn other_ttys_and_subsystems_are_ignored() {
        for (devpath, subsystem) in [
            ("/devices/virtual/tty/tty7", "tty"),
            ("/devices/platform/soc/3f201000.serial/tty/ttyAMA0", "tty"),
            ("/module/slhc", "module"),
        ] {
            let datagram =
                format!("add@{devpath}\0ACTION=add\0DEVPATH={devpath}\0SUBSYSTEM={subsystem}\0");
            assert!(
                !Uevent::parse(datagram.as_bytes())
                    .unwrap()
                    .concerns_sticks()
            );
        }
    }

    #[test]
    fn truncated_event_is_refused() {
        for datagram in [
            &b""[..],
            b"libudev\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=usb\0",
            b"add@/x\0DEVPATH=/x\0SUBSYSTEM=usb\0",
            b"add@/x\0ACTION=add\0SUBSYSTEM=usb\0",
            b"add@/x\0ACTION=add\0DEVPATH=x\0SUBSYSTEM=usb\0",
            b"add@/x\0ACTION=add\0DEVPATH=/x\0",
        ] {
            assert_eq!(Uevent::parse(datagram), None);
        }
    }

    #[test]
    fn drain_without_events_would_block() {
        let socket = UeventSocket::open().unwrap();
        // Another process may cause an event meanwhile; an answer of any kind means no waiting.
        match socket.drain() {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }

    proptest! {
        #[test]
        fn parsing_any_bytes_does_not_panic(datagram in proptest::collection::vec(any::<u8>(), 0..MESSAGE)) {
            let _ = Uevent::parse(&datagram);
        }

        #[test]
        fn written_event_is_parsed_back(
            action in "[a-z]{1,8}",
            devpath in "/[a-zA-Z0-9:.=/@-]{0,80}",
            subsystem in "[a-z-]{1,12}",
            noise in proptest::collection::vec("[A-Z]{1,3}=[^\0]{0,12}|[^\0=]{0,8}", 0..6),
            at in 0usize..6,
        ) {
            let mut lines = vec![
                format!("ACTION={action}"),
                format!("DEVPATH={devpath}"),
                format!("SUBSYSTEM={subsystem}"),
            ];
            for line in noise {
                lines.insert(at.min(lines.len()), line);
            }
            let datagram = format!("{action}@{devpath}\0{}\0", lines.join("\0"));
            let expected = Uevent { action: &action, devpath: &devpath, subsystem: &subsystem };
            prop_assert_eq!(Uevent::parse(datagram.as_bytes()), Some(expected));
        }
    }
}
