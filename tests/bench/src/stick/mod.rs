//! Emulated stick: a ZTE modem as a USB device of an emulated board.
//!
//! Takes in the sockets of QEMU's `usb-redir` device and of the carrier's line; gives out a stick
//! for the kernel's own drivers, and a handle to observe it and inject faults.

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
