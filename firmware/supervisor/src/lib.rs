//! PID 1 and the one-shot `storage`.
//!
//! Owns: mounts, kernel modules, ownership of device nodes, the service processes and their log,
//! the hardware watchdog, reboot; in `storage` the settings and the data partition.
//!
//! Takes in: the kernel command line, signals, uevents, output and heartbeats of the services, and
//! requests on the control socket.
//!
//! Gives out: running services, finished one-shot jobs, records in the kernel log, and
//! [`failberry_state::SupervisorState`].
//!
//! Decisions are made in pure state machines: `service_manager` (with `liveness` and `backoff`),
//! `reboot_budget`, `event_loop::reboot_policy` and `watchdog`. The rest carries them out and never
//! blocks.
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
