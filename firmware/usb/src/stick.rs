//! Discovery of the stick and its modem port in sysfs.
//!
//! Ports are identified by `bInterfaceNumber`, never by the number of the tty: a stick that crashes
//! and re-enumerates while its old ttys are still open gets new numbers.

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
/// Vendors of on-board devices: the Ethernet and the hubs of the 2B, 3B and 3B+, the hub of the 4B,
/// and the kernel's root hubs. None makes sticks.
const VENDORS_OF_BOARDS: [u16; 3] = [0x0424, 0x2109, 0x1d6b];

/// Vendors whose devices with CDC ACM ports are modems (`ModemManager`'s plugins use the same ids):
/// Huawei, Ericsson, ST-Ericsson, Telit, Cinterion, Comneon and Fibocom. Every device of ZTE counts.
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
    /// Bus path, for instance `1-1.2`.
    pub bus_path: String,
}

/// A stick whose modem port can be opened.
#[derive(Clone, Debug)]
pub struct Stick {
    /// USB device.
    pub device: Device,
    /// Profile of its kind.
    pub profile: &'static Profile,
    /// `bInterfaceNumber` of the modem port.
    pub interface: u8,
    /// Name of the modem port, for instance `ttyUSB2`.
    pub tty: String,
}

/// Reason why a present stick has no modem port to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The kernel is still enumerating its interfaces.
    Enumerating {
        /// Interfaces enumerated so far.
        got: usize,
        /// Interfaces of its configuration.
        expected: usize,
    },
    /// The modem port has no tty (yet).
    NoTty {
        /// `bInterfaceNumber` of the port.
        interface: u8,
    },
    /// It shows only its CD-ROM.
    CdRom,
    /// Its active configuration has no modem port; another one has.
    Configuration {
        /// `bConfigurationValue` of that one.
        wanted: u8,
    },
    /// None of its interfaces can be a modem port.
    NoModem,
}

/// Presence of a stick on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// No stick.
    Absent,
    /// A stick that cannot dial now.
    NotReady(Device, NotReady),
    /// A stick with its modem port.
    Ready(Stick),
}

/// Result of a scan of the bus, with possibly several sticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanResult {
    /// The stick to use, if there is one.
    pub presence: Presence,
    /// The others, in order of bus path.
    pub others: Vec<Device>,
}

/// Scan mode: how much of a stick must be enumerated before its modem port is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// All interfaces: ttys appear one by one, and the first is seldom the modem port.
    Complete,
    /// The ttys that are present: no more will appear.
    Settled,
}

impl Sysfs {
    /// Scans the bus and chooses the stick: the one at `port` (a configured bus path) if it is present;
    /// else `current` while it is present, else the first ready one in order of bus path. A second
    /// stick must not replace one that is in use.
    pub fn stick(&self, mode: Look, current: Option<&Stick>, port: Option<&str>) -> ScanResult {
        let found: Vec<Presence> = self
            .sticks()
            .map(|device| self.modem_port(device, mode))
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
        ScanResult { presence, others }
    }

    /// Returns the current serial ports of the stick, as pairs of `bInterfaceNumber` and name.
    pub fn ttys(&self, device: &Device) -> Vec<(u8, String)> {
        self.interfaces(&device.bus_path)
            .into_iter()
            .filter_map(|interface| Some((interface.number, interface.tty?)))
            .collect()
    }

    /// Returns the tty of the stick's AT command port next to its modem port, if it has one.
    pub fn command_port(&self, stick: &Stick) -> Option<String> {
        self.command_ports(stick)
            .into_iter()
            .next()
            .map(|(_, tty)| tty)
    }

    /// Returns the stick with its `turn`th candidate as the modem port: the chosen one for 0, then the
    /// known command ports, then the rest, and from the start again. For a stick whose port does not
    /// answer, since descriptors and tables can be wrong.
    pub fn in_turn(&self, stick: &Stick, turn: u8) -> Stick {
        let mut ports = vec![(stick.interface, stick.tty.clone())];
        ports.extend(self.command_ports(stick));
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

    /// Returns the mode switch for the device, if it shows a CD-ROM or the wrong configuration.
    pub(crate) fn mode_switch(&self, device: &Device) -> Option<Switch> {
        let texts = self.texts(&device.bus_path);
        switch::switch(texts.identity(device.vendor, device.product))
    }

    fn command_ports(&self, stick: &Stick) -> Vec<(u8, String)> {
        let Device {
            vendor,
            product,
            bus_path,
        } = &stick.device;
        let interfaces = self.interfaces(bus_path);
        let with_tty: Vec<&Interface> = interfaces.iter().filter(|it| it.tty.is_some()).collect();
        let tty = |wanted: u8| with_tty.iter().find(|it| it.number == wanted)?.tty.clone();
        ports::command_ports(*vendor, *product, &with_tty, stick.interface)
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

    /// Returns whether a device is a stick, in whatever state. One that shows only drives is a stick
    /// if a mode switch is known for it, which excludes memory sticks and telephones. Others are
    /// recognised by their product, or by a port with a driver whose own table lists only modems; a
    /// port of `cdc_acm`, which binds to much else, counts for vendors of modems.
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

    fn texts(&self, bus_path: &str) -> TextDescriptors {
        let directory = self.usb_devices().join(bus_path);
        TextDescriptors {
            manufacturer: attribute(&directory, "manufacturer").unwrap_or_default(),
            product: attribute(&directory, "product").unwrap_or_default(),
        }
    }

    fn modem_port(&self, device: Device, mode: Look) -> Presence {
        let root = self.usb_devices();
        let Some(expected) = decimal(&root.join(&device.bus_path), "bNumInterfaces") else {
            // Not configured yet, or unplugged during the scan; a uevent reports either.
            let (got, expected) = (0, 1);
            return Presence::NotReady(device, NotReady::Enumerating { got, expected });
        };
        let interfaces = self.interfaces(&device.bus_path);
        let got = interfaces.len();
        if got < expected && mode == Look::Complete {
            return Presence::NotReady(device, NotReady::Enumerating { got, expected });
        }
        let candidates: Vec<&Interface> = interfaces
            .iter()
            .filter(|interface| match mode {
                Look::Complete => interface.serial().is_some(),
                Look::Settled => interface.tty.is_some(),
            })
            .collect();
        let Some(interface) = ports::modem(device.vendor, device.product, &candidates) else {
            let why = self.without_port(&device, &interfaces, got >= expected);
            return Presence::NotReady(device, why);
        };
        let chosen = candidates.iter().find(|it| it.number == interface);
        match chosen.and_then(|it| it.tty.clone()) {
            Some(tty) => Presence::Ready(Stick {
                profile: profile_for(device.vendor, device.product).unwrap_or(&GENERIC),
                device,
                interface,
                tty,
            }),
            None => Presence::NotReady(device, NotReady::NoTty { interface }),
        }
    }

    /// Returns why a stick has no serial port: it shows only drives and a mode switch is known for it;
    /// another configuration has the ports; else it is no modem.
    fn without_port(&self, device: &Device, interfaces: &[Interface], all: bool) -> NotReady {
        let Some(switch) = self.mode_switch(device) else {
            return NotReady::NoModem;
        };
        if let [switch::Action::Configure(wanted)] = *switch.actions {
            let directory = self.usb_devices().join(&device.bus_path);
            let active: Option<u8> = decimal(&directory, "bConfigurationValue");
            return match active {
                Some(active) if active != wanted => NotReady::Configuration { wanted },
                _ => NotReady::NoModem,
            };
        }
        let drives = !interfaces.is_empty() && interfaces.iter().all(Interface::is_storage);
        if all && drives {
            NotReady::CdRom
        } else {
            NotReady::NoModem
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

/// Text descriptors of a device.
struct TextDescriptors {
    manufacturer: String,
    product: String,
}

impl TextDescriptors {
    fn identity(&self, vendor: u16, product: u16) -> Identity<'_> {
        Identity {
            vendor,
            product,
            manufacturer: &self.manufacturer,
            name: &self.product,
        }
    }
}

impl NotReady {
    /// Returns whether a mode switch ([`cdrom::eject`](crate::cdrom::eject)) can turn it into a modem.
    pub const fn is_switchable(self) -> bool {
        matches!(self, Self::CdRom | Self::Configuration { .. })
    }
}

impl Presence {
    /// Returns the device, if any.
    pub const fn device(&self) -> Option<&Device> {
        match self {
            Self::Absent => None,
            Self::NotReady(device, _) => Some(device),
            Self::Ready(stick) => Some(&stick.device),
        }
    }
}

impl Device {
    /// Returns whether it is from ZTE, whose commands others do not support.
    pub const fn is_zte(&self) -> bool {
        self.vendor == VENDOR_ZTE
    }

    /// Returns its `product` string, for the log.
    pub fn product_name(&self, sysfs: &Sysfs) -> Option<String> {
        attribute(&sysfs.usb_devices().join(&self.bus_path), "product")
    }
}

impl Stick {
    /// Returns the device node of the modem port.
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

impl fmt::Display for NotReady {
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
