//! The modem function: AT commands on every port, a call on one.
//!
//! Takes in bytes of the host, DTR and what happens to the call; gives out bytes for the host and
//! what to do with the call. Pure, with time passed in.

mod answers;
mod command;
mod line;
mod phone;
mod port;
mod registers;

pub(super) use phone::{Phone, RING};
pub(super) use port::{Action, Port};
