//! Health service: port 9000 for health checkers on both links, and a status page for the LAN on
//! port 9001.
//!
//! Owns both ports. Takes in HTTP requests of any shape from the open internet; gives out tiny
//! answers. A [`gate`] for each port bounds what a stranger can cost (connections, bytes, seconds)
//! and answers port 9000 itself; one thread, the [`driver`], serves both. Behind port 9001
//! `tiny_http` serves what [`pages`] renders from the state files, few requests at a time.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backend;
mod driver;
mod gate;
mod head;
mod pages;
mod reply;
mod request;
mod request_queue;

use std::{panic, thread};

use failberry_service::{Service, ServiceResult, drop_to};
use failberry_state::{StateFile, directory};

use crate::driver::{Driver, listen};

/// TCP port of the health check, over both links; Route 53's checks are configured for it.
pub const PUBLIC_PORT: u16 = 9000;

/// TCP port of the status pages; the firewall keeps it off the carrier link.
pub const LAN_PORT: u16 = 9001;

/// Serves both ports until the process ends.
///
/// # Errors
/// A port cannot be bound, or privileges cannot be dropped.
pub fn run() -> ServiceResult {
    drop_to(Service::Health, &[])?;
    confine_panics_to_other_threads();
    let (public, lan) = (listen(PUBLIC_PORT)?, listen(LAN_PORT)?);
    let path = directory(Service::Health).join(format!("{LAN_PORT}.sock"));
    let mut driver = Driver::new(public, lan, path, pages::page, StateFile::new())?;
    log::info!("answering on port {PUBLIC_PORT}, status for the LAN on port {LAN_PORT}");
    Ok(driver.run()?)
}

/// Makes a panic end this process only if it happens on this thread, which answers port 9000.
///
/// A panic aborts the process. On any other thread, which are those of the pages' server, it ends
/// in a hook that never returns instead: the thread stops, and the driver starts another server
/// once a request has been left without an answer.
fn confine_panics_to_other_threads() {
    let own = thread::current().id();
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        while thread::current().id() != own {
            thread::park();
        }
    }));
}
