//! The USB device: descriptors, control transfers and endpoints.
//!
//! Takes in packets of the redirection and bytes of the function behind each interface; gives out
//! packets and what the host did. Pure, with time passed in.

mod control;
mod descriptors;
mod device;
mod pipe;
mod pipes;

pub(super) use descriptors::{CDROM, FOREIGN, MODEM, MODEM_INTERFACE};
pub(super) use device::{Device, Event};
