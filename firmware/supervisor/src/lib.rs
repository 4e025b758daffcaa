//! PID 1: mounts, modules, device nodes, the services' lives and log lines, reboot; and the
//! one-shot `storage` that reads the card.
//!
//! Takes in the kernel's command line, signals, uevents and the services' output; gives out
//! running services, the kernel log, and [`failberry_state::SupervisorState`]. Decisions are in
//! `keeper`, a pure state machine; the rest carries them out and never waits for anybody.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backoff;
mod boot;
mod cmdline;
mod devices;
mod keeper;
mod keeping;
mod kmsg;
mod limiter;
mod lines;
mod memory;
mod modules;
mod mounts;
mod process;
pub mod storage;
mod uevent;

pub use boot::run;
pub use keeper::Ending;
pub use keeping::{Settings, keep, make_directories};
pub use kmsg::Kmsg;
pub use process::unblock_signals;
