//! Sockets off for some seconds, then on again, by whatever way the kernel lets us.

use std::{thread, time::Duration};

use super::{Board, HubPower, PortPower, PowerError, SysfsPower};

/// The capacitors of a stick and its socket hold it alive for a second; more than a few are lost.
pub const OFF: Duration = Duration::from_secs(3);

/// Tries to light a socket again: nothing else would.
const TRIES_ON: u32 = 5;
const PAUSE_ON: Duration = Duration::from_millis(500);

/// Takes the power from all sockets of `board` for [`OFF`]. Blocks as long; tells by which way it
/// went. The sockets are lit again whatever fails.
///
/// # Errors
/// Neither way leads to the ports, in the words of the last one tried; or they stay dark.
pub fn cycle(board: Board) -> Result<&'static str, PowerError> {
    let sysfs = SysfsPower::default();
    // The kernel's own way keeps its books right, but takes the right to write there.
    let (way, power): (_, &dyn PortPower) = if sysfs.set_all(board, false).is_ok() {
        ("sysfs", &sysfs)
    } else {
        // What was switched before the failure must not stay off behind the hub's back.
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

/// Lights all sockets of `board`: whoever cut their power last may have died over it.
///
/// # Errors
/// Neither way leads to the ports; they are lit then, for all that can be known.
pub fn restore(board: Board) -> Result<(), PowerError> {
    SysfsPower::default()
        .set_all(board, true)
        .or_else(|_| HubPower.set_all(board, true))
}
