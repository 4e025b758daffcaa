//! Slots and signed updates.
//!
//! Owns the slot that does not run, and the boot loader's environment while an order about it is
//! carried out. Takes in [`UpdateConfig`]; gives out [`failberry_state::UpdateState`] and orders
//! to PID 1.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod slots;

use failberry_config::UpdateConfig;
use failberry_service::{Service, ServiceResult, block_on, drop_to, read_config};

/// Keeps the slots until the process ends.
///
/// # Errors
/// A configuration that cannot be read, privileges that cannot be dropped.
pub fn run() -> ServiceResult {
    let config: UpdateConfig = read_config(Service::Update)?;
    drop_to(Service::Update, &[])?;
    log::info!("{} keys may sign updates", config.update.keys.len());
    block_on(smol::future::pending())
}
