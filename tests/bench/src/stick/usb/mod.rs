//! The USB device: descriptors, control transfers and endpoints.
//!
//! Takes in packets of the redirection and bytes of the function behind each interface; gives out
//! packets and what the host did. Pure, with time passed in.

mod control;
mod descriptors;
mod device;
mod layout;
mod models;
mod pipe;
mod pipes;

pub(super) use device::{Device, Event};
pub use layout::Model;
pub(super) use layout::{Layout, Role};
pub(super) use models::FOREIGN;
pub use models::{MF180, MF190, MF190J};
