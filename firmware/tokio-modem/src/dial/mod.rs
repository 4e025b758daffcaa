//! AT dialogue from an open port to `CONNECT`, as one state machine without I/O.
//!
//! Owns the order of commands, the retries, the decision whether the PIN may be sent, and the escape
//! from a call that was left open. Takes in bytes and the time; gives out bytes to write, deadlines,
//! progress reports, and at the end [`Output::Connected`] or a [`DialError`]. None of its texts ever
//! contains the PIN.
//!
//! A refused command is not fatal if dialling does not need it: init commands, URC suppression,
//! queries. Required are a ready SIM, registration in any domain, the access point and the dial. The
//! PIN is sent at most once in a dialogue, and only after the stick has reported that two tries or
//! more are left, unless [`Settings::allow_pin_without_counter`] allows otherwise. Whatever the stick
//! answers, a dialogue ends within [`BEFORE_DIAL_MS`] and a last command of 25 s, plus
//! [`Settings::dial_within`] and 6 s.

mod commands;
mod dialer;
mod error;
mod liveness;
mod progress;
mod radio;
mod redact;
mod registration;
mod responses;
mod settings;
mod sim;
mod state;
mod step;
mod sync;
mod urc;

pub use dialer::{BEFORE_DIAL_MS, Dialer, Output, Rate};
pub use error::{Blocked, DialError};
pub use progress::Progress;
pub use settings::{Settings, SettingsError};
pub use step::Step;

#[cfg(test)]
mod tests;
