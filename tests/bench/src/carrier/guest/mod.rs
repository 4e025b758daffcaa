//! Inside the machine: PID 1 that answers calls with pppd.
//!
//! Takes in frames of the link; gives out frames, and packets by the kernel. Nothing else runs
//! here, so that a loop over three files is all there is.

mod boot;
mod call;
mod engine;
mod serve;
mod unit;

use nix::sys::reboot::{RebootMode, reboot};

/// Where the kernel's modules are.
pub(super) const MODULES: &str = "/modules";

/// Their names in the order of loading.
pub(super) const MODULE_ORDER: &str = "/modules.order";

/// What keeps the guest from working.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
struct GuestError {
    what: String,
    source: std::io::Error,
}

/// Names what an error is about.
fn at<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> GuestError {
    let what = what.into();
    move |source| GuestError {
        what,
        source: source.into(),
    }
}

/// All the guest's life. It ends with the machine, whose end tells the host.
///
/// With arguments it is no PID 1, but a subscriber on a tty.
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
    // Without the power switch the kernel would panic on the end of PID 1, to the same effect.
    let _ = reboot(RebootMode::RB_POWER_OFF);
}
