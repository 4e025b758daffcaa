//! What sticks there are, and what their answers mean.
//!
//! Owns the table of sticks ([`PROFILES`]) and the typed answers. Takes in the ids of a USB device
//! and the lines of an answer; gives out ports to use, commands to send and values. A new stick is
//! a new row of the table.

mod fault;
mod identity;
mod network;
mod profile;
mod reply;
mod sim;

pub use fault::CmeError;
pub use identity::{Digits, identity, imei, imsi};
pub use network::{Operator, Registration, Service, Signal, Technology};
pub use profile::{GENERIC, PROFILES, Port, Profile, Quieting, profile_for};
pub use reply::ReplyError;
pub use sim::{PinTries, SimState};
