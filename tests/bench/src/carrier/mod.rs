//! Emulated mobile carrier: a small virtual machine with a real pppd that answers the stick's
//! calls.
//!
//! Owns the machine (Linux with PPP, because this host's kernel may have none), the line on which
//! the stick calls, and pppd's log. Takes in a call as bytes on a Unix socket and settings for the
//! next call; gives out pppd's negotiated options and how calls ended. Packets of a call are routed
//! over the machine's uplink to the internet of [`crate::net`]. The same machine can be a
//! subscriber instead, with pppd or with the firmware's engine: the tests compare them.
//!
//! ```text
//! stick ── line (Unix socket) ── exchange ── link (virtio-serial) ── guest ── pty ── pppd
//!                                                                      └── eth0 ── tap "carrier"
//! ```

mod error;
pub mod guest;
mod initramfs;
mod line_mux;
mod link;
mod machine;
mod service;
mod settings;
mod state;

pub use error::CarrierError;
pub use service::Carrier;
pub use settings::{Auth, CarrierSettings, Program};
