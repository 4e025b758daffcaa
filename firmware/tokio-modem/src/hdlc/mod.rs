//! HDLC-like framing of PPP on a byte stream (RFC 1662), without I/O: flags, escapes, checksum.
//!
//! Owns the framing for callers that do not use the kernel's. Takes in frames and gives out the
//! bytes to write ([`encode`]); takes in bytes in pieces of any size and gives out frames
//! ([`Decoder`]). A frame is a protocol number of two octets and an information field, as
//! [`ppp::Engine`](crate::ppp::Engine) uses it, whatever the line compressed.

mod buffer;
mod counters;
mod decode;
mod encode;
mod error;
mod escape;
mod fcs;
mod scan;

pub use counters::Counters;
pub use decode::Decoder;
pub use encode::{EncodeError, encode, encoded_max};
pub use error::{Fault, FrameError};
pub use fcs::checksum;

use crate::ppp::MAX_FRAME;

/// Flag sequence between frames.
const FLAG: u8 = 0x7e;
/// Control escape before an escaped octet.
const ESCAPE: u8 = 0x7d;
/// Exclusive-or mask of an escaped octet.
const ESCAPE_XOR: u8 = 0x20;
/// Address and control octets: all stations, unnumbered information. PPP uses no others.
const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];
/// Length of the checksum in octets.
const CHECKSUM_LEN: usize = 2;

/// Longest frame between flags, in octets, without its escapes.
pub const DECODED_MAX: usize = ADDRESS_CONTROL.len() + MAX_FRAME + CHECKSUM_LEN;

#[cfg(test)]
mod tests;
