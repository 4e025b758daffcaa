//! From an open port to `CONNECT`: the whole AT dialogue as one state machine.
//!
//! Owns the order of commands, the retries, the care for the PIN and the way out of a call that
//! nobody ended. Takes in bytes and the time; gives out bytes to write, when to call again, what
//! was learnt, and in the end [`Output::Connected`] or a [`DialError`]. No text it gives out ever
//! has the PIN in it.

mod dialer;
mod error;
mod progress;
mod proof;
mod quiet;
mod react;
mod registration;
mod script;
mod settings;
mod sim;
mod step;
mod sync;
mod veil;

pub use dialer::{Dialer, Output, Rate};
pub use error::{Blocked, DialError};
pub use progress::Progress;
pub use settings::{Settings, SettingsError};
pub use step::Step;

#[cfg(test)]
mod tests;
