//! The usbredir protocol, from the side that has the device.
//!
//! Takes in and gives out bytes of the connection and the packets they stand for. Knows nothing
//! about what the device is.

mod codec;
mod packet;
mod reader;

pub(super) use codec::Codec;
pub use codec::WireError;
pub(super) use packet::{
    Capabilities, Control, EndpointInfo, Frame, InterfaceInfo, Packet, Status,
};
