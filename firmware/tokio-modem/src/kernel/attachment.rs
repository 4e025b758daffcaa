//! Attachment of a tty to the kernel's PPP driver.

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::sys::termios::{FlushArg, tcflush};

use super::ioctl;
use crate::ppp::{LcpOptions, Protocol, Via};

const DEVICE: &str = "/dev/ppp";

/// Error of the kernel's PPP driver.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The tty hung up: the stick is gone or the modem dropped the call.
    #[error("the line is gone")]
    Gone,
    /// `/dev/ppp` could not be opened.
    #[error("cannot open {DEVICE}: {0}")]
    Open(#[source] io::Error),
    /// A request failed.
    #[error("cannot {action}: {source}")]
    Request {
        /// Request that failed.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A received frame did not fit the buffer and was lost.
    #[error("a received frame is longer than the buffer of {0} bytes")]
    TooLong(usize),
}

impl KernelError {
    fn request(action: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| match errno {
            // Errors of a tty after a hang-up, and of a channel without tty.
            Errno::EIO | Errno::ENXIO | Errno::ENODEV => Self::Gone,
            errno => Self::Request {
                action,
                source: errno.into(),
            },
        }
    }

    /// As [`Self::request`], for requests that the channel forwards to its tty: without one they
    /// are unsupported.
    fn channel(action: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| match errno {
            Errno::ENOTTY => Self::Gone,
            errno => Self::request(action)(errno),
        }
    }
}

/// A tty with line discipline N_PPP, its channel, and a network interface.
///
/// As long as it exists the tty belongs to the kernel and must not be read or written. Dropping it
/// removes the interface, discards pending data of the tty, and restores the former line discipline.
#[derive(Debug)]
pub struct Attachment {
    // Fields are dropped in this order: the interface before the channel that it sends through, and
    // both before the tty gets its line discipline back.
    unit: File,
    channel: File,
    _line: Line,
    number: c_int,
}

impl Attachment {
    /// Attaches a raw tty, right after the modem's `CONNECT`.
    ///
    /// The kernel frames everything from here on. Network packets are dropped until
    /// [`Self::pass_ipv4`] or [`Self::pass_ipv6`]. The tty's descriptor is duplicated; the
    /// caller may keep its own.
    ///
    /// # Errors
    /// The tty is gone, the kernel has no PPP, or the process lacks `CAP_NET_ADMIN` or
    /// access to `/dev/ppp`. The tty then has its former line discipline.
    pub fn attach(tty: &impl AsFd) -> Result<Self, KernelError> {
        let line = Line::take(tty.as_fd())?;
        let number = ioctl::channel_number(line.tty.as_fd())
            .map_err(KernelError::request("read the channel's number"))?;
        let channel = open_device()?;
        ioctl::attach_channel(channel.as_fd(), number)
            .map_err(KernelError::request("attach to the channel"))?;
        let unit = open_device()?;
        let number = ioctl::new_unit(unit.as_fd())
            .map_err(KernelError::request("make a network interface"))?;
        ioctl::connect(channel.as_fd(), number)
            .map_err(KernelError::request("connect channel and interface"))?;
        let attachment = Self {
            unit,
            channel,
            _line: line,
            number,
        };
        attachment.pass_ipv4(false)?;
        attachment.pass_ipv6(false)?;
        Ok(attachment)
    }

    /// Returns the name of the network interface, for instance `ppp0`.
    pub fn interface_name(&self) -> String {
        format!("ppp{}", self.number)
    }

    /// Returns the descriptor to poll for LCP, PAP and CHAP frames; it hangs up when the tty does.
    pub fn channel(&self) -> &File {
        &self.channel
    }

    /// Returns the descriptor to poll for frames of network control protocols.
    pub fn unit(&self) -> &File {
        &self.unit
    }

    /// Applies the options negotiated by LCP to the kernel's framing; the default options reset it.
    ///
    /// # Errors
    /// The line is gone.
    pub fn apply_lcp(&self, options: &LcpOptions) -> Result<(), KernelError> {
        let channel = self.channel.as_fd();
        ioctl::set_mru(channel, options.receive.mru.into())
            .map_err(KernelError::channel("set the MRU"))?;
        ioctl::set_receive_map(channel, options.receive.accm)
            .map_err(KernelError::channel("set the receive character map"))?;
        ioctl::set_send_map(channel, options.send.accm)
            .map_err(KernelError::channel("set the send character map"))?;
        let old = ioctl::flags(channel).map_err(KernelError::channel("read the line's flags"))?;
        let new = framing_flags(old, options.send.pfc, options.send.acfc);
        ioctl::set_flags(channel, new).map_err(KernelError::channel("set the line's flags"))
    }

    /// Passes IPv4 packets, or drops them in both directions.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn pass_ipv4(&self, pass: bool) -> Result<(), KernelError> {
        self.pass(Protocol::IPV4, pass)
    }

    /// Passes IPv6 packets, or drops them in both directions.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn pass_ipv6(&self, pass: bool) -> Result<(), KernelError> {
        self.pass(Protocol::IPV6, pass)
    }

    fn pass(&self, protocol: Protocol, pass: bool) -> Result<(), KernelError> {
        let mode = ioctl::NetworkMode {
            protocol: protocol.0.into(),
            mode: if pass {
                ioctl::NPMODE_PASS
            } else {
                ioctl::NPMODE_DROP
            },
        };
        ioctl::set_network_mode(self.unit.as_fd(), mode)
            .map_err(KernelError::request("open or shut the interface for IP"))
    }

    /// Sends one frame: protocol number and information field. Never blocks.
    ///
    /// # Errors
    /// The line is gone or memory is short.
    pub fn send(&self, via: Via, frame: &[u8]) -> Result<(), KernelError> {
        loop {
            match self.side(via).write(frame) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(frame_error("send a frame", error)),
            }
        }
    }

    /// Receives one frame into `buffer`; `None` if none is pending.
    ///
    /// # Errors
    /// [`KernelError::Gone`] after the tty hung up, [`KernelError::TooLong`] if the frame did
    /// not fit.
    pub fn receive(&self, via: Via, buffer: &mut [u8]) -> Result<Option<usize>, KernelError> {
        loop {
            match self.side(via).read(buffer) {
                // A channel without tty, an interface without channel.
                Ok(0) => return Err(KernelError::Gone),
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(Errno::EOVERFLOW as c_int) => {
                    return Err(KernelError::TooLong(buffer.len()));
                }
                Err(error) => return Err(frame_error("receive a frame", error)),
            }
        }
    }

    fn side(&self, via: Via) -> &File {
        match via {
            Via::Channel => &self.channel,
            Via::Unit => &self.unit,
        }
    }
}

fn frame_error(action: &'static str, error: io::Error) -> KernelError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => KernelError::request(action)(errno),
        None => KernelError::Request {
            action,
            source: error,
        },
    }
}

fn framing_flags(old: c_int, pfc: bool, acfc: bool) -> c_int {
    let kept = old & !(ioctl::SC_COMP_PROT | ioctl::SC_COMP_AC | ioctl::SC_RCV_BITS);
    kept | if pfc { ioctl::SC_COMP_PROT } else { 0 } | if acfc { ioctl::SC_COMP_AC } else { 0 }
}

fn open_device() -> Result<File, KernelError> {
    // The standard library adds O_CLOEXEC: a child that inherited the unit would keep the
    // interface alive.
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(DEVICE)
        .map_err(KernelError::Open)
}

/// A tty under N_PPP, and the line discipline to give back.
#[derive(Debug)]
struct Line {
    tty: OwnedFd,
    former: c_int,
}

impl Line {
    fn take(tty: BorrowedFd<'_>) -> Result<Self, KernelError> {
        let tty = tty
            .try_clone_to_owned()
            .map_err(|source| KernelError::Request {
                action: "duplicate the tty's descriptor",
                source,
            })?;
        let former = ioctl::line_discipline(tty.as_fd())
            .map_err(KernelError::request("read the line discipline"))?;
        ioctl::set_line_discipline(tty.as_fd(), ioctl::N_PPP)
            .map_err(KernelError::request("set line discipline N_PPP"))?;
        Ok(Self { tty, former })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Errors are those of a tty that hung up, which has no line discipline to restore. The
        // flush keeps the change from waiting for a stick that takes nothing any more.
        let _ = tcflush(&self.tty, FlushArg::TCIOFLUSH);
        let _ = ioctl::set_line_discipline(self.tty.as_fd(), self.former);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn framing_flags_replace_only_what_lcp_agrees() {
        assert_eq!(framing_flags(0, true, true), 0x3);
        assert_eq!(framing_flags(0x3, false, false), 0);
        assert_eq!(framing_flags(0x0f00_0000 | 0x40 | 0x2, true, false), 0x41);
    }

    #[test]
    fn attaching_a_non_tty_fails_and_leaves_it_alone() {
        let file = File::open("/dev/null").unwrap();
        match Attachment::attach(&file) {
            Err(KernelError::Request { action, source }) => {
                assert_eq!(action, "read the line discipline");
                assert_eq!(source.raw_os_error(), Some(Errno::ENOTTY as c_int));
            }
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn a_line_is_given_back_its_discipline() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let before = ioctl::line_discipline(pty.slave.as_fd()).unwrap();
        match Attachment::attach(&pty.slave) {
            // A kernel without PPP, or a process without the right to it.
            Err(KernelError::Request { .. } | KernelError::Open(_)) => {}
            Ok(attachment) => assert!(attachment.interface_name().starts_with("ppp")),
            Err(error) => panic!("unexpected {error}"),
        }
        assert_eq!(ioctl::line_discipline(pty.slave.as_fd()).unwrap(), before);
    }
}
