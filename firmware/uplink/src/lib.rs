//! The dialler: from a stick on the bus to IPCP open on `ppp0`, again and again.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod ladder;
pub mod machine;
