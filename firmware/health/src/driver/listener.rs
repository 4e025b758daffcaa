//! Listening sockets, and what a failed accept means.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// Backlog: connections that the kernel completes ahead of [`TcpListener::accept`]. A client beyond
/// them repeats its SYN after a second, so a burst has to fit; 1024 of them are accepted within 0.4
/// s on a Pi 2B, a tenth of a checker's patience, and cost the kernel 2 MiB while they wait.
const BACKLOG: i32 = 1024;

/// Listens on `port`, for both families if the kernel has IPv6.
///
/// # Errors
/// The kernel's refusal of IPv4 alone.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    bind(Ipv6Addr::UNSPECIFIED.into(), port).or_else(|_| bind(Ipv4Addr::UNSPECIFIED.into(), port))
}

/// Listens at `address`.
///
/// # Errors
/// The kernel's refusal.
pub(crate) fn bind(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::new(address, port);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait until the connections of the earlier process are forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Class of a failed accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AcceptFailure {
    /// No connection waits.
    Empty,
    /// That one connection is lost.
    Connection,
    /// File descriptors or memory run out: the connection still waits and would be reported at once
    /// again.
    Scarce,
    /// Anything else, which would also be reported at once again.
    Other,
}

impl AcceptFailure {
    /// Classifies `error`. Linux passes errors of a waiting connection to accept, see accept(2).
    pub(super) fn of(error: &io::Error) -> Self {
        let code = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        match code {
            Errno::EAGAIN => Self::Empty,
            Errno::EINTR
            | Errno::ECONNABORTED
            | Errno::EPERM
            | Errno::EPROTO
            | Errno::ENETDOWN
            | Errno::ENOPROTOOPT
            | Errno::EHOSTDOWN
            | Errno::ENONET
            | Errno::EHOSTUNREACH
            | Errno::EOPNOTSUPP
            | Errno::ENETUNREACH
            | Errno::ETIMEDOUT => Self::Connection,
            Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM => Self::Scarce,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_errors_are_told_apart() {
        for (code, trouble) in [
            (Errno::EAGAIN, AcceptFailure::Empty),
            (Errno::ECONNABORTED, AcceptFailure::Connection),
            (Errno::EINTR, AcceptFailure::Connection),
            (Errno::EMFILE, AcceptFailure::Scarce),
            (Errno::ENFILE, AcceptFailure::Scarce),
            (Errno::EBADF, AcceptFailure::Other),
        ] {
            let error = io::Error::from(code);
            assert_eq!(AcceptFailure::of(&error), trouble, "{error}");
        }
    }
}
