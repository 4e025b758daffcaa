//! Test bench: emulates everything around the box, that is boards, stick, carrier, LAN and
//! internet.
//!
//! Owns the emulated stick, the carrier with a real pppd, the LAN with its router, the services of
//! the internet side and the emulated boards. Takes in a card image or a userland; gives out a
//! running box that tests can observe and disturb.

pub mod board;
pub mod carrier;
pub mod internet;
pub mod laptop;
pub mod net;
pub mod ppp_end;
pub mod probe;
pub mod scene;
pub mod status;
pub mod stick;
