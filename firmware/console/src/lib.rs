//! The serial console.
//!
//! Owns the tty of the kernel's console. Takes in what a person types and all state files; gives
//! out answers, and requests to PID 1.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod command;
pub mod line;
pub mod pages;
pub mod sensors;
pub mod session;

use failberry_config::ConsoleConfig;
use failberry_service::{Capability, Service, ServiceResult, block_on, drop_to, read_config};

/// Keeps the console until the process ends.
///
/// # Errors
/// A configuration that cannot be read, privileges that cannot be dropped.
pub fn run() -> ServiceResult {
    let config: ConsoleConfig = read_config(Service::Console)?;
    // For /dev/kmsg.
    drop_to(Service::Console, &[Capability::CAP_SYSLOG])?;
    log::info!("serial console on: {}", config.console.enabled);
    block_on(smol::future::pending())
}
