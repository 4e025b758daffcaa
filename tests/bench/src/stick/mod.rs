//! The emulated stick: a ZTE MF180 as a device on an emulated board's USB.
//!
//! Takes in the sockets of QEMU's `usb-redir` device and of the carrier's line; gives out a stick
//! that the kernel's own drivers meet, and a handle to watch and disturb it.

mod cdrom;
mod error;
mod handle;
mod machine;
mod modem;
mod options;
mod runner;
pub mod urc;
mod usb;
mod wire;

pub use error::StickError;
pub use handle::Stick;
pub use options::{Mode, Options, Sim, Transport};
pub use urc::Urc;
pub use usb::{MF180, MF190, MF190J, Model};
pub use wire::WireError;

#[cfg(test)]
mod tty_tests;
