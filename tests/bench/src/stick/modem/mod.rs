//! Modem function: AT commands on every port, calls on one.
//!
//! Takes in bytes of the host, DTR and call events; gives out bytes for the host and call actions.
//! Pure, with time passed in.

mod answers;
mod command;
mod line;
mod phone;
mod port;
mod registers;

pub(super) use phone::{Phone, RING};
pub(super) use port::{Action, Port};
