//! Questions over the carrier link whose answers, of whatever kind, are packets that come in.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
};

use failberry_state::Link;
use nix::sys::socket::{setsockopt, sockopt::BindToDevice};

use crate::blackhole::Packets;

const DNS: u16 = 53;

/// Asked where the carrier names no resolver: well-known ones that answer anybody.
const OTHERS: [Ipv4Addr; 2] = [Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(8, 8, 8, 8)];

/// Asks the carrier's resolvers in turn.
pub(crate) struct Prober {
    interface: String,
    local: Ipv4Addr,
    targets: Vec<Ipv4Addr>,
    /// Opened when it is needed: the address is the interface's only when `network` has set it.
    socket: Option<UdpSocket>,
    asked: u16,
}

impl Prober {
    /// For `link`.
    pub(crate) fn new(link: &Link) -> Self {
        let targets = if link.dns.is_empty() {
            OTHERS.to_vec()
        } else {
            link.dns.clone()
        };
        Self {
            interface: link.interface.clone(),
            local: link.local,
            targets,
            socket: None,
            asked: 0,
        }
    }

    /// Sends so many questions, to one resolver after the other; tells whether it can.
    pub(crate) fn ask(&mut self, count: u32) -> bool {
        let targets = self.targets.clone();
        self.ask_each(&targets, count)
    }

    /// The same to well-known resolvers: the carrier's may be out of order, and nothing else.
    pub(crate) fn ask_others(&mut self, count: u32) -> bool {
        self.ask_each(&OTHERS, count)
    }

    fn ask_each(&mut self, targets: &[Ipv4Addr], count: u32) -> bool {
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
            let turn = usize::from(self.asked) % targets.len().max(1);
            self.asked = self.asked.wrapping_add(1);
            if let Some(target) = targets.get(turn) {
                // A question that cannot be sent is as good as one that is lost.
                let _ = socket.send_to(&question(self.asked), (*target, DNS));
            }
        }
        true
    }

    /// Whether any question was answered since it was asked last. What the answer says does not
    /// matter, only that somebody who was asked gives one.
    pub(crate) fn heard(&mut self) -> bool {
        let Some(socket) = &self.socket else {
            return false;
        };
        let mut heard = false;
        let mut answer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut answer) {
            let mut asked = self.targets.iter().chain(&OTHERS);
            heard |= from.port() == DNS && asked.any(|target| from.ip() == *target);
        }
        heard
    }

    fn open(&self) -> std::io::Result<UdpSocket> {
        let socket = UdpSocket::bind((self.local, 0))?;
        setsockopt(&socket, BindToDevice, &self.interface.clone().into())?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Who serves the root (RFC 1035)? Every resolver knows without asking anybody, and refusing to
/// say is an answer too.
fn question(id: u16) -> [u8; 17] {
    let [high, low] = id.to_be_bytes();
    [high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]
}

/// The kernel's counters of `interface`; none where it is gone.
pub(crate) fn packets(interface: &str) -> Option<Packets> {
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
    fn the_kernel_counts_and_the_resolvers_are_asked_in_turn() {
        let sockets = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)]
            .map(|address| UdpSocket::bind((address, 0)).unwrap());
        let before = packets("lo").unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for (n, to) in sockets.iter().enumerate() {
            let id = u16::try_from(n).unwrap();
            socket
                .send_to(&question(id), to.local_addr().unwrap())
                .unwrap();
            let mut heard = [0; 64];
            assert_eq!(to.recv(&mut heard).unwrap(), 17);
            assert_eq!(&heard[..2], id.to_be_bytes());
        }
        let after = packets("lo").unwrap();
        assert!(after.sent >= before.sent + 2 && after.received >= before.received + 2);
        assert_eq!(packets("no-such"), None);
    }
}
