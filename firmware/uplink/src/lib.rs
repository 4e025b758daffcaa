//! The dialler: brings a USB modem stick from the bus to IPCP open on `ppp0`, and keeps it there.
//!
//! Owns the stick's modem port, the call and the recovery ladder. Takes in its part of the
//! configuration, kernel uevents, operator commands, and the bytes of stick and peer. Gives out the
//! interface `ppp0` and an [`UplinkState`](failberry_state::UplinkState) with its addresses.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod at_passthrough;
mod attempt;
pub mod blackhole;
mod cdrom_setting;
mod control;
mod dial_config;
pub mod echo;
pub mod ladder;
mod link;
pub mod machine;
mod port;
mod probe;
mod recovery_actions;
mod recovery_log;
mod roundtrip;
mod service;
mod verdict;

pub use service::run;
