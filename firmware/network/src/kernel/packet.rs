//! Packet socket that sends an IPv4 broadcast from any source address, or none. The kernel's own
//! UDP would use the carrier's address for a request on the LAN before there is an address there.
#![allow(unsafe_code)]

use std::{
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    libc::{AF_PACKET, sockaddr, sockaddr_ll, socklen_t},
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sendto, socket,
    },
};

/// `ETH_P_IP`.
const ETHERTYPE_IPV4: u16 = 0x0800;

/// Socket that sends IPv4 packets unchanged; it receives none.
pub struct PacketSocket {
    socket: OwnedFd,
}

impl PacketSocket {
    /// Opens it. Needs `CAP_NET_RAW`.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn new() -> io::Result<Self> {
        // Without a protocol nothing is received.
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, None)?;
        Ok(Self { socket })
    }

    /// Sends `packet`, IPv4 header included, to every station on `interface`.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn broadcast(&self, interface: u32, packet: &[u8]) -> io::Result<()> {
        let to = everybody(interface)?;
        sendto(self.socket.as_raw_fd(), packet, &to, MsgFlags::empty())?;
        Ok(())
    }
}

fn everybody(interface: u32) -> io::Result<LinkAddr> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let len = socklen_t::try_from(mem::size_of::<sockaddr_ll>()).map_err(|_| invalid())?;
    let address = sockaddr_ll {
        sll_family: u16::try_from(AF_PACKET).map_err(|_| invalid())?,
        sll_protocol: ETHERTYPE_IPV4.to_be(),
        sll_ifindex: i32::try_from(interface).map_err(|_| invalid())?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
    };
    // SAFETY: the pointer is to an initialised `sockaddr_ll` that outlives the call, and `len` is
    // its size; `from_raw` copies it out.
    unsafe { LinkAddr::from_raw((&raw const address).cast::<sockaddr>(), Some(len)) }
        .ok_or_else(invalid)
}
