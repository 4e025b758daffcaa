//! DNS probes over the carrier link: any answer proves both directions.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
};

use failberry_state::Link;
use nix::sys::socket::{setsockopt, sockopt::BindToDevice};

use crate::blackhole::Packets;

const DNS_PORT: u16 = 53;

/// Public resolvers, for carriers that name none and for a second opinion.
const PUBLIC_RESOLVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(8, 8, 8, 8)];

/// Sends DNS queries to the carrier's resolvers in turn.
pub(crate) struct DnsProber {
    interface: String,
    local: Ipv4Addr,
    targets: Vec<Ipv4Addr>,
    /// Opened with the first probe: `network` sets the interface's address after link up.
    socket: Option<UdpSocket>,
    sent: u16,
}

impl DnsProber {
    /// Creates a prober for `link`.
    pub(crate) fn new(link: &Link) -> Self {
        let targets = if link.dns.is_empty() {
            PUBLIC_RESOLVERS.to_vec()
        } else {
            link.dns.clone()
        };
        Self {
            interface: link.interface.clone(),
            local: link.local,
            targets,
            socket: None,
            sent: 0,
        }
    }

    /// Sends `count` queries, to one resolver after the other; returns whether there is a socket.
    pub(crate) fn probe(&mut self, count: u32) -> bool {
        let targets = self.targets.clone();
        self.send(&targets, count)
    }

    /// Sends `count` queries to public resolvers: the carrier's may be all that is down.
    pub(crate) fn probe_public(&mut self, count: u32) -> bool {
        self.send(&PUBLIC_RESOLVERS, count)
    }

    fn send(&mut self, targets: &[Ipv4Addr], count: u32) -> bool {
        if self.socket.is_none() {
            match self.open() {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => log::warn!("cannot ask over {}: {error}", self.interface),
            }
        }
        let Some(socket) = &self.socket else {
            return false;
        };
        for _ in 0..count {
            let turn = usize::from(self.sent) % targets.len().max(1);
            self.sent = self.sent.wrapping_add(1);
            if let Some(target) = targets.get(turn) {
                // A query that cannot be sent counts as one that is lost.
                let _ = socket.send_to(&query(self.sent), (*target, DNS_PORT));
            }
        }
        true
    }

    /// Returns whether any query was answered since the last call. The content does not matter, only
    /// that a queried resolver sent it.
    pub(crate) fn poll_answer(&mut self) -> bool {
        let Some(socket) = &self.socket else {
            return false;
        };
        let mut answered = false;
        let mut answer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut answer) {
            let mut queried = self.targets.iter().chain(&PUBLIC_RESOLVERS);
            answered |= from.port() == DNS_PORT && queried.any(|target| from.ip() == *target);
        }
        answered
    }

    fn open(&self) -> std::io::Result<UdpSocket> {
        let socket = UdpSocket::bind((self.local, 0))?;
        setsockopt(&socket, BindToDevice, &self.interface.clone().into())?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Returns a query for the NS records of the root (RFC 1035). Every resolver has them in its cache,
/// and a refusal is an answer too.
fn query(id: u16) -> [u8; 17] {
    let [high, low] = id.to_be_bytes();
    [high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]
}

/// Reads the kernel's packet counters of `interface`; none if it is gone.
pub(crate) fn read_packets(interface: &str) -> Option<Packets> {
    let directory = Path::new("/sys/class/net")
        .join(interface)
        .join("statistics");
    let read = |name| {
        let text = fs::read_to_string(directory.join(name)).ok()?;
        text.trim().parse().ok()
    };
    Some(Packets {
        received: read("rx_packets")?,
        sent: read("tx_packets")?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn query_is_sent_and_kernel_counters_advance() {
        let sockets = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)]
            .map(|address| UdpSocket::bind((address, 0)).unwrap());
        let before = read_packets("lo").unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for (n, to) in sockets.iter().enumerate() {
            let id = u16::try_from(n).unwrap();
            socket
                .send_to(&query(id), to.local_addr().unwrap())
                .unwrap();
            let mut heard = [0; 64];
            assert_eq!(to.recv(&mut heard).unwrap(), 17);
            assert_eq!(&heard[..2], id.to_be_bytes());
        }
        let after = read_packets("lo").unwrap();
        assert!(after.sent >= before.sent + 2 && after.received >= before.received + 2);
        assert_eq!(read_packets("no-such"), None);
    }
}
