//! Finding the stick and its modem port in sysfs.
//!
//! Ports are told apart by `bInterfaceNumber`, never by the number of the tty: a stick that
//! crashes and comes back while its old ttys are still open gets new numbers.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use tokio_modem::modem::{GENERIC, Profile, profile_for};

use crate::{
    Sysfs,
    interface::Interface,
    ports,
    switch::{self, Identity, Switch, VENDOR_HUAWEI, VENDOR_ZTE},
    sysfs::{attribute, decimal, hexadecimal, names},
};

/// `bDeviceClass`: a hub.
const CLASS_HUB: u16 = 0x09;
/// Vendors of what is soldered to the boards: the Ethernet and the hubs of the 2B, 3B and 3B+, the
/// hub of the 4B, and the kernel's own root hubs. None makes sticks.
const VENDORS_OF_BOARDS: [u16; 3] = [0x0424, 0x2109, 0x1d6b];

/// Makers whose devices with CDC ACM ports are modems (`ModemManager`'s plugins go by the same ids):
/// Huawei, Ericsson, ST-Ericsson, Telit, Cinterion, Comneon and Fibocom. ZTE's count without.
const VENDORS_WITH_ACM: [u16; 7] = [
    VENDOR_HUAWEI,
    0x0bdb,
    0x04cc,
    0x1bc7,
    0x1e2d,
    0x1519,
    0x2cb7,
];

/// A stick on the bus, usable or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id.
    pub product: u16,
    /// Place on the bus, for instance `1-1.2`.
    pub bus_path: String,
}

/// A stick whose modem port can be opened.
#[derive(Clone, Debug)]
pub struct Stick {
    /// Which.
    pub device: Device,
    /// What is known about its kind.
    pub profile: &'static Profile,
    /// `bInterfaceNumber` of the modem port.
    pub interface: u8,
    /// Name of the modem port, for instance `ttyUSB2`.
    pub tty: String,
}

/// Why a stick that is there has no modem port to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The kernel is still adding its interfaces.
    Enumerating {
        /// Interfaces there so far.
        got: usize,
        /// Interfaces of its configuration.
        expected: usize,
    },
    /// The modem port has no tty (yet).
    NoTty {
        /// `bInterfaceNumber` of the port.
        interface: u8,
    },
    /// It shows its CD-ROM alone.
    CdRom,
    /// Its active configuration has no modem port; another one has.
    Configuration {
        /// `bConfigurationValue` of the one that has.
        wanted: u8,
    },
    /// It has no interface of a modem's kind.
    NoModem,
}

/// What is on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// No stick.
    Absent,
    /// A stick that cannot be dialled with now.
    Unready(Device, Unready),
    /// A stick with its modem port.
    Ready(Stick),
}

/// What is on the bus when there may be several sticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The stick to use, or its lack.
    pub presence: Presence,
    /// The others, in order of bus path.
    pub others: Vec<Device>,
}

/// How much of a stick must be there for its modem port to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Every interface: ttys come one by one, and the first is seldom the modem port.
    Complete,
    /// The ttys that came: nothing more is coming.
    Settled,
}

impl Sysfs {
    /// The stick: the one at `port` (a bus path) where a person wants that and it is there; else
    /// `current` while it is there, else the first ready one in order of bus path. A second stick
    /// that is plugged in must not take over from one that is in use.
    pub fn stick(&self, look: Look, current: Option<&Stick>, port: Option<&str>) -> Sight {
        let found: Vec<Presence> = self
            .sticks()
            .map(|device| self.modem_port(device, look))
            .collect();
        let is_wanted = |presence: &&Presence| {
            port.is_some() && presence.device().map(|device| device.bus_path.as_str()) == port
        };
        let is_current = |presence: &&Presence| match (presence, current) {
            (Presence::Ready(stick), Some(current)) => stick == current,
            _ => false,
        };
        let is_ready = |presence: &&Presence| matches!(presence, Presence::Ready(_));
        let chosen = found
            .iter()
            .find(is_wanted)
            .or_else(|| found.iter().find(is_current))
            .or_else(|| found.iter().find(is_ready))
            .or_else(|| found.first());
        let presence = chosen.cloned().unwrap_or(Presence::Absent);
        let others = found
            .iter()
            .filter_map(Presence::device)
            .filter(|device| Some(*device) != presence.device())
            .cloned()
            .collect();
        Sight { presence, others }
    }

    /// The serial ports that the stick has now, as pairs of `bInterfaceNumber` and name.
    pub fn ttys(&self, device: &Device) -> Vec<(u8, String)> {
        self.interfaces(&device.bus_path)
            .into_iter()
            .filter_map(|interface| Some((interface.number, interface.tty?)))
            .collect()
    }

    /// The tty of the stick's port for commands beside its modem port, where it has one.
    pub fn command_port(&self, stick: &Stick) -> Option<String> {
        self.beside(stick).into_iter().next().map(|(_, tty)| tty)
    }

    /// The stick with another of its ports as its modem port: the one it has for turn 0, then those
    /// that are known to take commands, then the rest, and round again. For a stick whose port does
    /// not answer, since descriptors and tables can be wrong about it.
    pub fn in_turn(&self, stick: &Stick, turn: u8) -> Stick {
        let mut ports = vec![(stick.interface, stick.tty.clone())];
        ports.extend(self.beside(stick));
        let rest = self.ttys(&stick.device).into_iter();
        for port in rest.collect::<Vec<_>>() {
            if ports.iter().all(|(interface, _)| *interface != port.0) {
                ports.push(port);
            }
        }
        let at = usize::from(turn) % ports.len();
        let (interface, tty) = ports.swap_remove(at);
        Stick {
            interface,
            tty,
            ..stick.clone()
        }
    }

    /// What would make a modem of the device, if it has a CD-ROM or the wrong configuration.
    pub(crate) fn mode_switch(&self, device: &Device) -> Option<Switch> {
        let texts = self.texts(&device.bus_path);
        switch::switch(texts.identity(device.vendor, device.product))
    }

    fn beside(&self, stick: &Stick) -> Vec<(u8, String)> {
        let Device {
            vendor,
            product,
            bus_path,
        } = &stick.device;
        let interfaces = self.interfaces(bus_path);
        let with_tty: Vec<&Interface> = interfaces.iter().filter(|it| it.tty.is_some()).collect();
        let tty = |wanted: u8| with_tty.iter().find(|it| it.number == wanted)?.tty.clone();
        ports::beside(*vendor, *product, &with_tty, stick.interface)
            .into_iter()
            .filter_map(|port| Some((port, tty(port)?)))
            .collect()
    }

    fn sticks(&self) -> impl Iterator<Item = Device> {
        let root = self.usb_devices();
        names(&root)
            .into_iter()
            .filter(|name| !name.contains(':') && !name.starts_with("usb"))
            .filter_map(move |bus_path| {
                let directory = root.join(&bus_path);
                let device = Device {
                    vendor: hexadecimal(&directory, "idVendor")?,
                    product: hexadecimal(&directory, "idProduct")?,
                    bus_path,
                };
                let hub = hexadecimal(&directory, "bDeviceClass") == Some(CLASS_HUB);
                (!hub && self.is_stick(&device)).then_some(device)
            })
    }

    /// Whether a device is a stick, in whatever state. One that shows drives and nothing else is
    /// where something is known to switch it, which leaves out memory sticks and telephones. Others
    /// are by their product, or by a port with a driver whose own table names modems only; a port of
    /// `cdc_acm`, which meets much else, makes a stick of what a maker of modems has made.
    fn is_stick(&self, device: &Device) -> bool {
        let Device {
            vendor,
            product,
            bus_path,
        } = device;
        if VENDORS_OF_BOARDS.contains(vendor) {
            return false;
        }
        let interfaces = self.interfaces(bus_path);
        let drives = !interfaces.is_empty() && interfaces.iter().all(Interface::is_storage);
        if drives {
            return self.mode_switch(device).is_some();
        }
        device.is_zte()
            || profile_for(*vendor, *product).is_some_and(Profile::is_of_product)
            || ports::is_known(*vendor, *product)
            || switch::row(self.texts(bus_path).identity(*vendor, *product)).is_some()
            || interfaces.iter().any(Interface::has_modem_driver)
            || ((VENDORS_WITH_ACM.contains(vendor) || switch::is_target(*vendor, *product))
                && interfaces.iter().any(Interface::is_acm_modem))
    }

    fn texts(&self, bus_path: &str) -> Texts {
        let directory = self.usb_devices().join(bus_path);
        Texts {
            manufacturer: attribute(&directory, "manufacturer").unwrap_or_default(),
            product: attribute(&directory, "product").unwrap_or_default(),
        }
    }

    fn modem_port(&self, device: Device, look: Look) -> Presence {
        let root = self.usb_devices();
        let Some(expected) = decimal(&root.join(&device.bus_path), "bNumInterfaces") else {
            // Not configured yet, or pulled while we look; an event tells of either.
            let (got, expected) = (0, 1);
            return Presence::Unready(device, Unready::Enumerating { got, expected });
        };
        let interfaces = self.interfaces(&device.bus_path);
        let got = interfaces.len();
        if got < expected && look == Look::Complete {
            return Presence::Unready(device, Unready::Enumerating { got, expected });
        }
        let candidates: Vec<&Interface> = interfaces
            .iter()
            .filter(|interface| match look {
                Look::Complete => interface.serial().is_some(),
                Look::Settled => interface.tty.is_some(),
            })
            .collect();
        let Some(interface) = ports::modem(device.vendor, device.product, &candidates) else {
            let why = self.without_port(&device, &interfaces, got >= expected);
            return Presence::Unready(device, why);
        };
        let chosen = candidates.iter().find(|it| it.number == interface);
        match chosen.and_then(|it| it.tty.clone()) {
            Some(tty) => Presence::Ready(Stick {
                profile: profile_for(device.vendor, device.product).unwrap_or(&GENERIC),
                device,
                interface,
                tty,
            }),
            None => Presence::Unready(device, Unready::NoTty { interface }),
        }
    }

    /// What a stick without a serial port is: its CD-ROM, where it shows drives and nothing else
    /// and something is known to switch it; a configuration of several; else of no use.
    fn without_port(&self, device: &Device, interfaces: &[Interface], all: bool) -> Unready {
        let Some(switch) = self.mode_switch(device) else {
            return Unready::NoModem;
        };
        if let [switch::Action::Configure(wanted)] = *switch.actions {
            let directory = self.usb_devices().join(&device.bus_path);
            let active: Option<u8> = decimal(&directory, "bConfigurationValue");
            return match active {
                Some(active) if active != wanted => Unready::Configuration { wanted },
                _ => Unready::NoModem,
            };
        }
        let drives = !interfaces.is_empty() && interfaces.iter().all(Interface::is_storage);
        if all && drives {
            Unready::CdRom
        } else {
            Unready::NoModem
        }
    }

    fn interfaces(&self, bus_path: &str) -> Vec<Interface> {
        let root = self.usb_devices();
        let prefix = format!("{bus_path}:");
        names(&root)
            .iter()
            .filter(|name| name.starts_with(&prefix))
            .filter_map(|name| Interface::read(&root.join(name)))
            .collect()
    }
}

/// What a device says of itself.
struct Texts {
    manufacturer: String,
    product: String,
}

impl Texts {
    fn identity(&self, vendor: u16, product: u16) -> Identity<'_> {
        Identity {
            vendor,
            product,
            manufacturer: &self.manufacturer,
            name: &self.product,
        }
    }
}

impl Unready {
    /// Whether a mode switch ([`cdrom::eject`](crate::cdrom::eject)) can make a modem of it.
    pub const fn is_switchable(self) -> bool {
        matches!(self, Self::CdRom | Self::Configuration { .. })
    }
}

impl Presence {
    /// Which stick, if any.
    pub const fn device(&self) -> Option<&Device> {
        match self {
            Self::Absent => None,
            Self::Unready(device, _) => Some(device),
            Self::Ready(stick) => Some(&stick.device),
        }
    }
}

impl Device {
    /// Whether it is of ZTE, whose commands others do not know.
    pub const fn is_zte(&self) -> bool {
        self.vendor == VENDOR_ZTE
    }

    /// Its name as it calls itself, for the log.
    pub fn product_name(&self, sysfs: &Sysfs) -> Option<String> {
        attribute(&sysfs.usb_devices().join(&self.bus_path), "product")
    }
}

impl Stick {
    /// Device node of the modem port.
    pub fn node(&self) -> PathBuf {
        Path::new("/dev").join(&self.tty)
    }
}

// A profile is a row of a table and never differs for equal ids.
impl PartialEq for Stick {
    fn eq(&self, other: &Self) -> bool {
        (&self.device, self.interface, &self.tty) == (&other.device, other.interface, &other.tty)
    }
}

impl Eq for Stick {}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}:{:04x} at {}",
            self.vendor, self.product, self.bus_path
        )
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enumerating { got, expected } => {
                write!(f, "{got} of {expected} interfaces have come up")
            }
            Self::NoTty { interface } => {
                write!(f, "interface {interface}, its modem port, has no tty")
            }
            Self::CdRom => f.write_str("it shows its CD-ROM alone"),
            Self::Configuration { wanted } => {
                write!(
                    f,
                    "its modem port is in configuration {wanted}, which is not active"
                )
            }
            Self::NoModem => f.write_str("none of its interfaces can be a modem"),
        }
    }
}
