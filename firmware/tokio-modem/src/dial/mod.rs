//! From an open port to `CONNECT`: the whole AT dialogue as one state machine.
//!
//! Owns the order of commands, the retries, the care for the PIN and the way out of a call that
//! nobody ended. Takes in bytes and the time; gives out bytes to write, when to call again, what
//! was learnt, and in the end [`Output::Connected`] or a [`DialError`]. No text it gives out ever
//! has the PIN in it.
//!
//! A refused command is no verdict where dialling does not need it: the settings, the quieting, the
//! questions. What is needed is a ready SIM, a network of any kind, the access point and the dial.
//! The PIN goes out at most once in a dialogue, and only after the stick has said that two tries or
//! more are left, unless [`Settings::allow_pin_without_counter`] says otherwise. Whatever the stick
//! answers, a dialogue ends within [`BEFORE_DIAL_MS`] and a last command of 25 s, plus
//! [`Settings::dial_within`] and 6 s.

mod dialer;
mod error;
mod progress;
mod proof;
mod quiet;
mod radio;
mod react;
mod registration;
mod script;
mod settings;
mod sim;
mod step;
mod sync;
mod veil;

pub use dialer::{BEFORE_DIAL_MS, Dialer, Output, Rate};
pub use error::{Blocked, DialError};
pub use progress::Progress;
pub use settings::{Settings, SettingsError};
pub use step::Step;

#[cfg(test)]
mod tests;
