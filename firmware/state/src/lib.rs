//! What services tell each other: one typed state file per service under `/run/failberry`.
//!
//! Owns the file names, the types in them, and the way they are written (atomically, by one
//! writer) and watched. Takes in values from their owner; gives out the present to any reader.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod file;
mod recovery;
mod service;
mod slot;
mod supervisor;
mod text;
mod time;
mod types;
mod watch;

pub use file::{RUN, StateError, StateFile, directory, read, read_under};
pub use recovery::{PastStep, Recovery, RecoveryRung, RecoveryStep};
pub use service::Service;
pub use slot::Slot;
pub use supervisor::{PastLife, ServiceState, SupervisorState};
pub use text::{is_plain, plain};
pub use time::BootMillis;
pub use types::*;
pub use watch::Watcher;
