//! Network interfaces: list, carrier state, settings, change events.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use netlink_packet_core::NlasIterator;
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkAttribute, LinkFlags, LinkHeader, LinkMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::{Netlink, NetlinkError, Received};

/// `RTNLGRP_LINK`: multicast group of link events.
const GROUP_LINK: u32 = 1;
/// `RTM_NEWLINK`.
const NEW_LINK: u16 = 16;
/// Length of `struct ifinfomsg`.
const HEADER_LEN: usize = 16;

/// An interface as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkInfo {
    /// Interface index; it changes when the device is unplugged and plugged in again.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address, if it has one.
    pub mac: Option<[u8; 6]>,
    /// MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether its cable has carrier.
    pub carrier: bool,
    /// Number of times the carrier came up; reveals a cable that was pulled and plugged in again
    /// between two reads.
    pub carrier_count: u32,
}

/// Returns the present interfaces.
///
/// # Errors
/// The kernel's refusal.
pub fn list(netlink: &mut Netlink) -> Result<Vec<LinkInfo>, NetlinkError> {
    let all = RouteNetlinkMessage::GetLink(LinkMessage::default());
    let links = netlink.dump(all, "listing interfaces")?;
    Ok(links.iter().filter_map(parse).collect())
}

/// Sets an interface up.
///
/// # Errors
/// The kernel's refusal.
pub fn set_up(netlink: &mut Netlink, link: &LinkInfo) -> Result<(), NetlinkError> {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    let message = RouteNetlinkMessage::SetLink(message);
    netlink.change(message, 0, format!("switching {} on", link.name))
}

/// Sets the MTU of an interface.
///
/// # Errors
/// The kernel's refusal.
pub fn set_mtu(netlink: &mut Netlink, link: &LinkInfo, mtu: u32) -> Result<(), NetlinkError> {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    message.attributes = vec![LinkAttribute::Mtu(mtu)];
    let message = RouteNetlinkMessage::SetLink(message);
    netlink.change(
        message,
        0,
        format!("setting the MTU of {} to {mtu}", link.name),
    )
}

/// Subscription to link events.
pub struct LinkWatch {
    socket: Socket,
}

impl LinkWatch {
    /// Subscribes.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn new() -> Result<Self, NetlinkError> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind(&SocketAddr::new(0, 0))?;
            socket.add_membership(GROUP_LINK)?;
            socket.set_non_blocking(true)?;
            Ok(socket)
        };
        let socket = open().map_err(NetlinkError::while_doing("listening to link changes"))?;
        Ok(Self { socket })
    }

    /// Discards the events received so far; call it before [`list`]. Events may have been lost when
    /// there were many, the list never is.
    pub fn drain(&self) {
        loop {
            let mut news = Vec::with_capacity(8192);
            match self.socket.recv(&mut news, 0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // ENOBUFS: events were lost, which counts as one more event.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Parses only the attributes used here: a newer kernel may send others in unknown forms.
fn parse(message: &Received) -> Option<LinkInfo> {
    /// `IFLA_*`.
    const ADDRESS: u16 = 1;
    const NAME: u16 = 3;
    const MTU: u16 = 4;
    const CARRIER_UP_COUNT: u16 = 47;

    if message.kind != NEW_LINK {
        return None;
    }
    let header = LinkHeader::parse(&message.payload).ok()?;
    let mut link = LinkInfo {
        index: header.index,
        up: header.flags.contains(LinkFlags::Up),
        carrier: header.flags.contains(LinkFlags::LowerUp),
        ..LinkInfo::default()
    };
    for attribute in NlasIterator::new(message.payload.get(HEADER_LEN..)?).map_while(Result::ok) {
        let value = attribute.value();
        let number = || <[u8; 4]>::try_from(value).map(u32::from_ne_bytes);
        match attribute.kind() {
            ADDRESS => link.mac = value.try_into().ok(),
            NAME => link.name = text(value),
            MTU => link.mtu = number().unwrap_or(0),
            CARRIER_UP_COUNT => link.carrier_count = number().unwrap_or(0),
            _ => {}
        }
    }
    Some(link)
}

fn text(value: &[u8]) -> String {
    let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}
