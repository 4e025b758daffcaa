//! The 3G stick on the USB bus: which it is, which of its ports is the modem, and its power.
//!
//! Takes in sysfs, kernel uevents and hub requests; gives out a [`Presence`] to whoever asks
//! after an event, descriptions of the bus for the log, a [`cdrom`] switched to its modem mode by
//! the table of [`switch`], and [`power`] over the sockets.
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
pub use stick::{Device, Look, Presence, Sight, Stick, Unready};
pub use sysfs::Sysfs;
pub use uevent::{Uevent, UeventSocket};
