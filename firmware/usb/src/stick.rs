//! Finding the stick and its modem port in sysfs.
//!
//! Ports are told apart by `bInterfaceNumber`, never by the number of the tty: a stick that
//! crashes and comes back while its old ttys are still open gets new numbers.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use tokio_modem::modem::{GENERIC, Port, Profile, profile_for};

use crate::{
    Sysfs,
    sysfs::{attribute, decimal, hexadecimal, names},
};

/// ZTE: even a product that no table knows is a stick.
const VENDOR_ZTE: u16 = 0x19d2;
/// The kernel's drivers for the serial ports of such sticks: of most, and of Sierra's.
const SERIAL_DRIVERS: [&str; 3] = ["option", "qcserial", "sierra"];
/// `bInterfaceClass`: vendor specific, as are all modem ports of these sticks.
const CLASS_VENDOR: u16 = 0xff;
/// `bInterfaceClass`: mass storage.
const CLASS_STORAGE: u16 = 0x08;

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

struct Interface {
    number: u8,
    class: u16,
    endpoints: u8,
    driver: Option<String>,
    tty: Option<String>,
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

    fn sticks(&self) -> impl Iterator<Item = Device> {
        let root = self.usb_devices();
        names(&root)
            .into_iter()
            .filter(|name| !name.contains(':') && !name.starts_with("usb"))
            .filter_map(move |bus_path| {
                let directory = root.join(&bus_path);
                let vendor = hexadecimal(&directory, "idVendor")?;
                let product = hexadecimal(&directory, "idProduct")?;
                let device = Device {
                    vendor,
                    product,
                    bus_path,
                };
                self.is_stick(&device).then_some(device)
            })
    }

    /// Whether it is a stick: one of a row of the table, any of ZTE, or a device of another vendor
    /// of sticks that has a port which a driver for sticks has taken. Those vendors make phones,
    /// network cards and receivers too.
    fn is_stick(&self, device: &Device) -> bool {
        match profile_for(device.vendor, device.product) {
            Some(profile) if profile.is_of_product() || device.is_zte() => true,
            Some(_) => {
                let taken = |interface: &Interface| {
                    let driver = interface.driver.as_deref();
                    driver.is_some_and(|name| SERIAL_DRIVERS.contains(&name))
                };
                self.interfaces(&device.bus_path).iter().any(taken)
            }
            None => false,
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
        let candidates: Vec<Port> = interfaces
            .iter()
            .filter(|interface| interface.can_be_modem(look))
            .map(|interface| Port {
                interface: interface.number,
                endpoints: interface.endpoints,
            })
            .collect();
        let known = profile_for(device.vendor, device.product);
        let chosen = match known {
            Some(profile) => profile.choose_interface(&candidates),
            None => last_with_interrupt(&candidates),
        };
        let Some(interface) = chosen else {
            let storage = interfaces.iter().any(|i| i.class == CLASS_STORAGE);
            let serial = interfaces.iter().any(|i| i.class == CLASS_VENDOR);
            let why = if storage && !serial {
                Unready::CdRom
            } else {
                Unready::NoModem
            };
            return Presence::Unready(device, why);
        };
        let tty = interfaces
            .into_iter()
            .find(|candidate| candidate.number == interface)
            .and_then(|candidate| candidate.tty);
        match tty {
            Some(tty) => Presence::Ready(Stick {
                device,
                profile: known.unwrap_or(&GENERIC),
                interface,
                tty,
            }),
            None => Presence::Unready(device, Unready::NoTty { interface }),
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

/// The modem port of a stick in no table: by an interrupt endpoint besides the two bulk ones,
/// which reports carrier loss; where that does not tell it, ZTE mostly puts it last.
fn last_with_interrupt(ports: &[Port]) -> Option<u8> {
    ports
        .iter()
        .max_by_key(|port| (port.endpoints == 3, port.interface))
        .map(|port| port.interface)
}

impl Interface {
    fn read(directory: &Path) -> Option<Self> {
        let number = u8::try_from(hexadecimal(directory, "bInterfaceNumber")?).ok()?;
        let driver = directory
            .join("driver")
            .read_link()
            .ok()
            .and_then(|link| link.file_name()?.to_str().map(str::to_owned));
        Some(Self {
            number,
            class: hexadecimal(directory, "bInterfaceClass")?,
            endpoints: u8::try_from(hexadecimal(directory, "bNumEndpoints")?).ok()?,
            driver,
            tty: names(directory)
                .into_iter()
                .find(|name| name.starts_with("ttyUSB")),
        })
    }

    fn can_be_modem(&self, look: Look) -> bool {
        let free_or_serial = self
            .driver
            .as_deref()
            .is_none_or(|name| SERIAL_DRIVERS.contains(&name));
        match look {
            Look::Complete => self.class == CLASS_VENDOR && free_or_serial,
            Look::Settled => self.tty.is_some(),
        }
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
            Self::NoModem => f.write_str("none of its interfaces can be a modem"),
        }
    }
}
