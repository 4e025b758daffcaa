//! A tty and a timer around the engines, for smol and for tokio: [`smol`](mod@smol) and
//! [`tokio`](mod@tokio) dial, or hold a [`Session`] that asks and tells.
//!
//! Owns the modem port's line settings, its DTR line, and the waiting. Takes in the path of a
//! port, a profile and settings; gives out an [`Online`] whose tty carries PPP, or a
//! [`DriverError`]. It decides nothing: the [dialler](crate::dial::Dialer) does, and says when to
//! call it again.

mod dialogue;
mod error;
#[allow(unsafe_code)]
mod ioctl;
mod line;
mod session;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use dialogue::{EARLY_MAX, Online};
pub use error::DriverError;
pub use line::{open, skip_closing_wait};
pub use session::{CommandName, Session, SessionError};

#[cfg(test)]
mod tests;
