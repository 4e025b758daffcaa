//! What a stick is on the bus, as data: its interfaces, their endpoints, and who is behind them.

use super::super::Urc;

/// A kind of stick, in its two modes.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    /// What it says unasked.
    pub(in super::super) urcs: &'static [Urc],
    /// Its ports.
    pub(in super::super) modem: Layout,
    /// The CD-ROM that it shows first.
    pub(in super::super) cdrom: Layout,
}

/// Transfer type of an endpoint, as descriptors have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bulk.
    Bulk = 2,
    /// Interrupt.
    Interrupt = 3,
}

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// With the direction in the highest bit, set for IN.
    pub(super) address: u8,
    /// Transfer type.
    pub(super) kind: Kind,
    /// Largest packet.
    pub(super) max_packet: u16,
    /// Polling interval in ms.
    pub(super) interval: u8,
}

/// Who is behind an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Role {
    /// The port that dials.
    Modem,
    /// A port that takes commands and cannot dial.
    Commands,
    /// A port that takes command lines and answers each with `ERROR`.
    Refuses,
    /// A port that takes bytes and answers nothing a terminal could see: diagnostics, positions.
    Mute,
    /// Mass storage.
    Storage,
    /// The line states of the port whose data interface has this number (USB CDC 1.2, PSTN 1.2).
    States(u8),
    /// Nothing.
    Nothing,
}

/// An interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// Class, subclass, protocol.
    pub(super) class: [u8; 3],
    /// Its endpoints.
    pub(super) endpoints: &'static [Endpoint],
    /// Who is behind it.
    pub(super) role: Role,
}

/// A whole device.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Layout {
    /// USB vendor id.
    pub(super) vendor: u16,
    /// USB product id.
    pub(super) product: u16,
    /// Release of the device, binary coded.
    pub(super) release: u16,
    /// `bDeviceClass`: 0 where the interfaces tell it.
    pub(super) class: u8,
    /// Manufacturer, product, serial number: strings 1, 2, 3.
    pub(super) strings: [&'static str; 3],
    /// Interface 0, 1, ….
    pub(super) interfaces: &'static [Interface],
}

impl Layout {
    /// Returns the interfaces with a serial port, each with who is behind it.
    pub(in super::super) fn ports(&self) -> impl Iterator<Item = (u8, Role)> {
        let has_bytes =
            |role: Role| !matches!(role, Role::Storage | Role::States(_) | Role::Nothing);
        self.roles().filter(move |(_, role)| has_bytes(*role))
    }

    /// Returns the interface with the port that dials.
    pub(in super::super) fn modem(&self) -> Option<u8> {
        self.with(Role::Modem)
    }

    /// Returns the interface with mass storage.
    pub(in super::super) fn storage(&self) -> Option<u8> {
        self.with(Role::Storage)
    }

    /// Returns the data interface of the port whose line states `interface` has: itself, but for
    /// communications devices.
    pub(super) fn data_of(&self, interface: u8) -> u8 {
        match self.role(interface) {
            Some(Role::States(data)) => data,
            _ => interface,
        }
    }

    /// Returns the interface with the line states of the port whose data `interface` has.
    pub(super) fn states_of(&self, interface: u8) -> u8 {
        self.with(Role::States(interface)).unwrap_or(interface)
    }

    /// Returns who is behind an interface.
    pub(super) fn role(&self, interface: u8) -> Option<Role> {
        let interface = self.interfaces.get(usize::from(interface))?;
        Some(interface.role)
    }

    fn with(&self, wanted: Role) -> Option<u8> {
        let mut roles = self.roles();
        roles.find_map(|(number, role)| (role == wanted).then_some(number))
    }

    fn roles(&self) -> impl Iterator<Item = (u8, Role)> {
        (0..).zip(self.interfaces.iter().map(|each| each.role))
    }
}
