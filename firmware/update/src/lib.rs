//! Update service: signed bundles, the inactive slot, trials, pushes and pulls.
//!
//! Owns the slot that does not run, and the boot loader's environment while a job on it is
//! executed. Takes in [`failberry_config::UpdateConfig`] and bundles, pushed over the LAN or
//! fetched from a URL; gives out [`failberry_state::UpdateState`] and requests to PID 1.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod boot_params;
mod bundle;
mod install;
mod manager;
mod mark;
mod pull;
pub mod push;
mod record;
mod service;
pub mod slots;
mod tls;
pub mod trial;
mod version;
mod writer;

pub use bundle::{BLOCK, BundleError, Header, KeyId, PREAMBLE, SignError, Signer, Unverified};
pub use install::{InstallError, install};
pub use service::run;
pub use version::{Version, VersionError};
pub use writer::{SlotWriter, WriteError};
