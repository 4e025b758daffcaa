//! PID 1 of the carrier's machine: answers calls with pppd.
//!
//! Takes in frames of the link; gives out frames, and packets by the kernel. Nothing else runs
//! here, so one poll loop over three files suffices.

mod boot;
mod call;
mod engine;
mod serve;
mod unit;

use nix::sys::reboot::{RebootMode, reboot};

/// Directory of the kernel modules.
pub(super) const MODULES: &str = "/modules";

/// File with the modules' names in loading order.
pub(super) const MODULE_ORDER: &str = "/modules.order";

/// Fatal error of the guest.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
struct GuestError {
    what: String,
    source: std::io::Error,
}

/// Returns a closure for `map_err` that adds what an error is about.
fn at<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> GuestError {
    let what = what.into();
    move |source| GuestError {
        what,
        source: source.into(),
    }
}

/// Runs the guest until it powers off, which the host detects.
///
/// With arguments it is a PPP subscriber on a tty instead of PID 1.
pub fn run() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [tty, user, password] = arguments.as_slice() {
        let outcome = engine::call(tty, user, password);
        if let Err(error) = &outcome {
            println!("{error}");
        }
        std::process::exit(i32::from(outcome.is_err()));
    }
    let outcome = boot::boot().and_then(serve::serve);
    if let Err(error) = outcome {
        eprintln!("carrier: {error}");
    }
    // Without the power-off the kernel would panic on the exit of PID 1, with equal effect.
    let _ = reboot(RebootMode::RB_POWER_OFF);
}
