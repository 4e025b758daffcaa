//! The dialler: from a stick on the bus to IPCP open on `ppp0`, again and again.
//!
//! Owns the stick's modem port, the call, and the recovery ladder. Takes in its part of the
//! configuration, kernel uevents, the stick's and the peer's bytes; gives out the interface
//! `ppp0` and an [`UplinkState`](failberry_state::UplinkState) that says what is agreed for it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attempt;
mod autorun;
pub mod blackhole;
mod desk;
pub mod echo;
mod history;
pub mod ladder;
mod link;
pub mod machine;
mod probe;
mod question;
mod rescue;
mod roundtrip;
mod service;

pub use service::run;
