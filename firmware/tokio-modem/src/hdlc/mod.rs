//! PPP frames on a byte line: flags, escapes and checksum (RFC 1662), without I/O.
//!
//! Owns the framing for whoever has no kernel to do it. Takes in frames and gives out the bytes to
//! write ([`encode`]); takes in bytes in any pieces and gives out frames ([`Decoder`]). A frame is
//! a protocol number of two octets and an information field, as
//! [`ppp::Engine`](crate::ppp::Engine) has it, whatever was left out on the line.

mod buffer;
mod counters;
mod decode;
mod encode;
mod fcs;
mod rewrite;
mod scan;

pub use counters::Counters;
pub use decode::{DECODED_MAX, Decoder, Fault, FrameError};
pub use encode::{EncodeError, encode, encoded_max};
pub use fcs::checksum;

/// Between frames.
const FLAG: u8 = 0x7e;
/// Before an octet that stands for another.
const ESCAPE: u8 = 0x7d;
/// What makes that octet another.
const FLIP: u8 = 0x20;
/// All stations, unnumbered information: the only address and control there are.
const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];

#[cfg(test)]
mod tests;
