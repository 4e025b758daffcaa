//! Drivers that run the engines on a tty, for smol and for tokio: [`smol`](mod@smol) and
//! [`tokio`](mod@tokio) dial, or open a [`Session`] for queries and set commands.
//!
//! Owns the modem port's line settings, its DTR line, and the waiting. Takes in the path of a
//! port, a profile and settings; gives out a [`Connected`] whose tty carries PPP, or a
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

pub use dialogue::{Connected, EARLY_MAX};
pub use error::DriverError;
pub use line::{open, skip_closing_wait};
pub use session::{CommandName, Session, SessionError};

#[cfg(test)]
mod tests;
