//! Mobile broadband stick on the USB bus: discovery, choice of the modem port, mode switch, power.
//!
//! Owns the tables of ports, mode switches and hubs. Takes in sysfs, kernel uevents and hub requests;
//! gives out a [`ScanResult`] with the [`Presence`] of a stick, descriptions of the bus for the log,
//! the mode switch of a [`cdrom`] by the table of [`switch`], and [`power`] control of the sockets.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bus;
pub mod cdrom;
mod interface;
mod ports;
pub mod power;
mod stick;
pub mod switch;
mod sysfs;
mod uevent;

pub use bus::{BusDevice, BusInterface, list};
pub use stick::{Device, Look, NotReady, Presence, ScanResult, Stick};
pub use sysfs::Sysfs;
pub use uevent::{Uevent, UeventSocket};
