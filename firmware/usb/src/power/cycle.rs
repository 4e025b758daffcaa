//! Power cycle of all sockets, by whichever method is permitted.

use std::{thread, time::Duration};

use super::{Board, HubPower, PortPower, PowerError, SysfsPower};

/// Time from power off to power on. Capacitors power a stick for a second; much more would only
/// delay the restart.
pub const OFF: Duration = Duration::from_secs(3);

/// Tries to switch a socket on again: nothing else would.
const TRIES_ON: u32 = 5;
/// Time between these tries.
const PAUSE_ON: Duration = Duration::from_millis(500);

/// Switches all sockets of `board` off for [`OFF`], then on. Blocks as long; returns the method used.
/// The sockets are switched on again whatever fails.
///
/// # Errors
/// Neither method works, with the error of the last one; or the sockets stay off.
pub fn cycle(board: Board) -> Result<&'static str, PowerError> {
    let sysfs = SysfsPower::default();
    // The kernel's interface keeps its state consistent, but needs write access.
    let (way, power): (_, &dyn PortPower) = if sysfs.set_all(board, false).is_ok() {
        ("sysfs", &sysfs)
    } else {
        // Ports switched before the failure must not stay off.
        let _ = sysfs.set_all(board, true);
        if let Err(error) = HubPower.set_all(board, false) {
            let _ = HubPower.set_all(board, true);
            return Err(error);
        }
        ("hub requests", &HubPower)
    };
    thread::sleep(OFF);
    let mut left = TRIES_ON;
    loop {
        match power.set_all(board, true) {
            Ok(()) => return Ok(way),
            Err(error) if left <= 1 => return Err(error),
            Err(_) => left -= 1,
        }
        thread::sleep(PAUSE_ON);
    }
}

/// Switches all sockets of `board` on: an earlier process may have died during a power cycle.
///
/// # Errors
/// Neither method works; as far as is known, the sockets are on then.
pub fn restore(board: Board) -> Result<(), PowerError> {
    SysfsPower::default()
        .set_all(board, true)
        .or_else(|_| HubPower.set_all(board, true))
}
