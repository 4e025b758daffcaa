//! PID 1: mounts, modules, device nodes, the services' lives and log lines, reboot; and the
//! one-shot `storage` that reads the card.
//!
//! Takes in the kernel's command line, signals, uevents, the services' output, signs of life and
//! requests; gives out running services, carried-out orders about the card, the kernel log, a
//! petted watchdog, and [`failberry_state::SupervisorState`]. Decisions are in `keeper` (with
//! `pulse`), `ledger`, `event_loop::permit` and `watchdog`, pure state machines; the rest carries them
//! out and never waits for anybody.
#![warn(missing_docs)]

mod backoff;
mod boot;
mod boot_history;
mod cmdline;
mod crash_report;
mod devices;
mod event_loop;
mod kmsg;
mod limiter;
mod lines;
mod liveness;
mod memory;
mod modules;
mod mounts;
mod one_shot;
mod process;
mod pstore;
mod reboot_budget;
mod request_server;
mod service_manager;
pub mod storage;
mod uevent;
mod watchdog;

pub use boot::run;
pub use cmdline::card_device;
pub use event_loop::{SupervisorOptions, make_directories, run_event_loop};
pub use kmsg::Kmsg;
pub use one_shot::{FACTORY_RESET, REVERT_CONFIG};
pub use process::unblock_signals;
pub use service_manager::ShutdownMode;
