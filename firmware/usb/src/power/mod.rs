//! Power control of the USB sockets that a stick can be plugged into, per board.
//!
//! Which port switches what on which board is from uhubctl's README, whose authors tested the
//! boards (<https://github.com/mvp/uhubctl>, "Raspberry Pi turns power off on all
//! ports").
//!
//! A [`SocketPort`] comes only from a [`Board`], which refuses the port of its wired Ethernet. There
//! are two methods: [`SysfsPower`] uses the kernel's interface and keeps the kernel's state
//! consistent, but needs root; [`HubPower`] needs only the hub's usbfs node.

mod cycle;
mod hub;
mod sysfs;

use std::{fmt, io};

pub use cycle::{OFF, cycle, restore};
pub use hub::HubPower;
pub use sysfs::SysfsPower;

/// Board with known USB hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// 2B and 3B: LAN9514, whose port 2 switches all four sockets.
    Pi2B,
    /// 3B+: LAN7515, likewise; port 1 leads to a second hub in it, with Ethernet and two of the
    /// sockets, which are switched with the others.
    Pi3BPlus,
    /// 4B: VL805, ganged; its USB 2 and USB 3 halves must go off together. Firmware of the
    /// VL805 from before 00137ad does not switch.
    Pi4B,
    /// QEMU's `virt` with a hub of four ports on its first bus, for the tests.
    Virt,
}

/// Hub port that powers only sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketPort {
    hub: Hub,
    port: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hub {
    /// Number of the bus.
    bus: u8,
    /// Port numbers on the path from the root hub, which has none.
    route: &'static [u8],
}

/// The hub soldered behind the only port of the first bus, on all boards here.
const ONBOARD: Hub = Hub {
    bus: 1,
    route: &[1],
};
/// The USB 3 root hub of the 4B.
const SUPER_SPEED: Hub = Hub { bus: 2, route: &[] };

/// Port 2 alone: it drives the one power switch that all sockets share.
const SHARED_SWITCH: &[SocketPort] = &[SocketPort {
    hub: ONBOARD,
    port: 2,
}];
/// Each port by itself; the first stays on, as on the boards where it is the Ethernet.
const VIRT: &[SocketPort] = &[
    SocketPort {
        hub: ONBOARD,
        port: 2,
    },
    SocketPort {
        hub: ONBOARD,
        port: 3,
    },
    SocketPort {
        hub: ONBOARD,
        port: 4,
    },
];
/// A ganged hub drops power when the last of its ports is off.
const VL805: &[SocketPort] = &[
    SocketPort {
        hub: ONBOARD,
        port: 1,
    },
    SocketPort {
        hub: ONBOARD,
        port: 2,
    },
    SocketPort {
        hub: ONBOARD,
        port: 3,
    },
    SocketPort {
        hub: ONBOARD,
        port: 4,
    },
    SocketPort {
        hub: SUPER_SPEED,
        port: 1,
    },
    SocketPort {
        hub: SUPER_SPEED,
        port: 2,
    },
    SocketPort {
        hub: SUPER_SPEED,
        port: 3,
    },
    SocketPort {
        hub: SUPER_SPEED,
        port: 4,
    },
];

/// Reason why a port's power was not switched.
#[derive(Debug, thiserror::Error)]
pub enum PowerError {
    /// It would disable the wired network permanently.
    #[error("port {port} of hub {hub} is Ethernet on {board}, expected a socket")]
    Ethernet {
        /// Bus path of the hub.
        hub: String,
        /// Requested port.
        port: u8,
        /// The board.
        board: Board,
    },
    /// The port does not switch sockets on this board.
    #[error("port {port} of hub {hub} switches no socket on {board}")]
    NoSocket {
        /// Bus path of the hub.
        hub: String,
        /// Requested port.
        port: u8,
        /// The board.
        board: Board,
    },
    /// Writing to sysfs failed.
    #[error("{path}: {source}")]
    Sysfs {
        /// The attribute.
        path: std::path::PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// The port did not accept the value written to it.
    #[error("{path}: expected {expected} after writing it, got {got:?}")]
    NotTaken {
        /// The attribute.
        path: std::path::PathBuf,
        /// Value written.
        expected: &'static str,
        /// Value read back.
        got: String,
    },
    /// The board's hub is missing.
    #[error("no hub at {0}")]
    NoHub(String),
    /// The hub or libusb refused.
    #[error("{what} hub {hub}: {source}")]
    Hub {
        /// Operation that failed.
        what: &'static str,
        /// Bus path of the hub.
        hub: String,
        /// Reason.
        source: rusb::Error,
    },
}

/// Method of switching ports.
pub trait PortPower {
    /// Switches one port.
    ///
    /// # Errors
    /// The failure and its place.
    fn set(&self, port: SocketPort, on: bool) -> Result<(), PowerError>;

    /// Switches every socket of `board`. All ports are tried before the first failure is returned,
    /// so that switching on leaves none off that could be on.
    ///
    /// # Errors
    /// The first failure and its place.
    fn set_all(&self, board: Board, on: bool) -> Result<(), PowerError> {
        let tried: Vec<_> = board
            .sockets()
            .iter()
            .map(|port| self.set(*port, on))
            .collect();
        tried.into_iter().collect()
    }
}

impl Board {
    /// Returns the board for the device tree's `model`, for instance
    /// `Raspberry Pi 2 Model B Rev 1.1`.
    pub fn from_model(model: &str) -> Option<Self> {
        let model = model.trim_end_matches('\0');
        if model == "linux,dummy-virt" {
            return Some(Self::Virt);
        }
        let model = model.strip_prefix("Raspberry Pi ")?;
        // The plus first: the other name is its prefix.
        [
            ("3 Model B Plus", Self::Pi3BPlus),
            ("3 Model B", Self::Pi2B),
            ("2 Model B", Self::Pi2B),
            ("4 Model B", Self::Pi4B),
        ]
        .into_iter()
        .find_map(|(name, board)| model.starts_with(name).then_some(board))
    }

    /// Returns the ports that switch all sockets, in this order.
    pub const fn sockets(self) -> &'static [SocketPort] {
        match self {
            Self::Pi2B | Self::Pi3BPlus => SHARED_SWITCH,
            Self::Pi4B => VL805,
            Self::Virt => VIRT,
        }
    }

    /// Returns a port by the kernel's name of its hub (`1-1`, `usb2`) and its number.
    ///
    /// # Errors
    /// The port is the board's Ethernet, or switches no socket.
    pub fn socket(self, hub: &str, port: u8) -> Result<SocketPort, PowerError> {
        let (board, hub_name) = (self, hub.to_owned());
        if let Some((ethernet, ethernet_port)) = self.ethernet()
            && ethernet.to_string() == hub
            && ethernet_port == port
        {
            return Err(PowerError::Ethernet {
                hub: hub_name,
                port,
                board,
            });
        }
        self.sockets()
            .iter()
            .copied()
            .find(|socket| socket.port == port && socket.hub.to_string() == hub)
            .ok_or(PowerError::NoSocket {
                hub: hub_name,
                port,
                board,
            })
    }

    /// Returns the port of the wired network if it is on USB: within the hub's chip, behind its port 1.
    const fn ethernet(self) -> Option<(Hub, u8)> {
        match self {
            Self::Pi2B | Self::Pi3BPlus | Self::Virt => Some((ONBOARD, 1)),
            // Its Ethernet is not on USB.
            Self::Pi4B => None,
        }
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pi2B => "Raspberry Pi 2B/3B",
            Self::Pi3BPlus => "Raspberry Pi 3B+",
            Self::Pi4B => "Raspberry Pi 4B",
            Self::Virt => "QEMU virt",
        })
    }
}

impl fmt::Display for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::bus::bus_path(self.bus, self.route))
    }
}

impl fmt::Display for SocketPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} of hub {}", self.port, self.hub)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn boards_by_model() {
        for (model, board) in [
            ("Raspberry Pi 2 Model B Rev 1.1\0", Some(Board::Pi2B)),
            ("Raspberry Pi 3 Model B Rev 1.2", Some(Board::Pi2B)),
            ("Raspberry Pi 3 Model B Plus Rev 1.3", Some(Board::Pi3BPlus)),
            ("Raspberry Pi 4 Model B Rev 1.4", Some(Board::Pi4B)),
            ("linux,dummy-virt", Some(Board::Virt)),
            ("Raspberry Pi Zero W", None),
            ("", None),
        ] {
            assert_eq!(Board::from_model(model), board, "{model}");
        }
    }

    #[test]
    fn ethernet_is_never_switched() {
        for board in [Board::Pi2B, Board::Pi3BPlus, Board::Virt] {
            let refused = board.socket("1-1", 1).unwrap_err();
            assert!(
                matches!(refused, PowerError::Ethernet { port: 1, .. }),
                "{refused}"
            );
            assert!(board.sockets().iter().all(|socket| socket.port != 1));
        }
        assert_eq!(Board::Pi4B.socket("1-1", 1).unwrap(), VL805[0]);
    }

    #[test]
    fn only_ports_of_the_table_are_switched() {
        assert_eq!(
            Board::Pi2B.socket("1-1", 2).unwrap().to_string(),
            "port 2 of hub 1-1"
        );
        for (hub, port) in [("1-1", 3), ("1-1.2", 2), ("usb1", 2), ("", 0)] {
            let refused = Board::Pi2B.socket(hub, port).unwrap_err();
            assert!(matches!(refused, PowerError::NoSocket { .. }), "{refused}");
        }
    }
}
