//! PID 1: mounts, modules, device nodes, the services' lives and log lines, reboot; and the
//! one-shot `storage` that reads the card.
//!
//! Takes in the kernel's command line, signals, uevents, the services' output, signs of life and
//! requests; gives out running services, carried-out orders about the card, the kernel log, a
//! petted watchdog, and [`failberry_state::SupervisorState`]. Decisions are in `keeper` (with
//! `pulse`), `ledger`, `keeping::permit` and `watchdog`, pure state machines; the rest carries them
//! out and never waits for anybody.
#![warn(missing_docs)]

mod backoff;
mod boot;
mod cmdline;
mod devices;
mod keeper;
mod keeping;
mod kmsg;
mod last_words;
mod ledger;
mod limiter;
mod lines;
mod lives;
mod memory;
mod modules;
mod mounts;
mod orders;
mod process;
mod pstore;
mod pulse;
mod requests;
pub mod storage;
mod uevent;
mod watchdog;

pub use boot::run;
pub use cmdline::card_device;
pub use keeper::Ending;
pub use keeping::{Settings, keep, make_directories};
pub use kmsg::Kmsg;
pub use orders::{FACTORY_RESET, REVERT_CONFIG};
pub use process::unblock_signals;
