//! Opens device nodes that may not exist, or not belong to this process, yet.
//!
//! There is no udev: the supervisor changes a node's owner when it handles the device's uevent,
//! which may be later than this process does.

use std::{io, os::fd::OwnedFd, path::Path, time::Duration};

use failberry_state::BootMillis;
use failberry_usb::Stick;
use smol::Timer;
use tokio_modem::driver::{self, DriverError, smol::Session};

/// Time from the first attempt to open a device node until its error counts as final.
const NODE_TIMEOUT_MS: u64 = 2_000;

/// Time between two attempts to open a device node: short for an operator, long for the processor.
const NODE_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Opens an AT session with `stick` on its port `tty`; an error is a text for the log.
pub(crate) async fn open_session(stick: &Stick, tty: &str) -> Result<Session, String> {
    let port = open_with_retry(tty)
        .await
        .map_err(|error| error.to_string())?;
    driver::smol::session(port, stick.profile)
        .await
        .map_err(|error| error.to_string())
}

/// Opens the tty named `tty`, retrying while its node is missing or not accessible.
pub(crate) async fn open_with_retry(tty: &str) -> Result<OwnedFd, DriverError> {
    let path = Path::new("/dev").join(tty);
    retry_transient(|| driver::open(&path), is_transient_open).await
}

fn is_transient_open(error: &DriverError) -> bool {
    matches!(error, DriverError::Open { source, .. } if is_transient(source))
}

/// Calls `attempt` until it succeeds, fails with an error that is not `transient`, or
/// [`NODE_TIMEOUT_MS`] have passed.
pub(crate) async fn retry_transient<T, E>(
    mut attempt: impl FnMut() -> Result<T, E>,
    transient: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let until = BootMillis::now().plus(NODE_TIMEOUT_MS);
    loop {
        match attempt() {
            Err(error) if transient(&error) && BootMillis::now() < until => {
                Timer::after(NODE_POLL_INTERVAL).await;
            }
            outcome => return outcome,
        }
    }
}

/// Returns whether a device node that could not be opened may soon exist and be accessible.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    )
}
