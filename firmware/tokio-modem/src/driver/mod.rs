//! A tty and a timer around the [`Dialer`](crate::dial::Dialer), for smol and for tokio.
//!
//! Owns the modem port's line settings, its DTR line, and the waiting. Takes in the path of a
//! port, a profile and settings; gives out an [`Online`] whose tty carries PPP, or a
//! [`DriverError`]. It decides nothing: the dialler does, and says when to call it again.

mod dialogue;
mod error;
#[allow(unsafe_code)]
mod ioctl;
mod line;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use dialogue::{EARLY_MAX, Online};
pub use error::DriverError;
pub use line::{open, skip_closing_wait};

#[cfg(test)]
mod tests;
