//! AT commands and PPP for mobile broadband sticks: engines without I/O, and thin drivers.
//!
//! The engines take in bytes and the time, and give out bytes, deadlines and events. They allocate
//! nothing and never wait; every buffer has a bound that is part of its type. The drivers own a
//! tty and a timer and run an engine to its end.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod at;
pub mod dial;
#[cfg(any(feature = "smol", feature = "tokio"))]
pub mod driver;
pub mod hdlc;
#[cfg(feature = "kernel-ppp")]
pub mod kernel;
pub mod modem;
pub mod ppp;

/// Has the code of the README compiled with the other documentation tests.
#[cfg(all(doctest, feature = "smol"))]
#[doc = include_str!("../README.md")]
struct Readme;
