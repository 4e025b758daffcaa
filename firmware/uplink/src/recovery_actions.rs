//! Executes recovery actions: stick reset, USB power cycle, reboot request, CD-ROM eject.

use std::{fs, time::Duration};

use failberry_service::{Reply, Request, ask};
use failberry_usb::{Device, Stick, Sysfs, cdrom, power};
use smol::{Timer, future::try_zip, unblock};
use tokio_modem::modem::Restart;

use crate::{
    machine::Outcome,
    port::{open_session, open_with_retry},
};

/// The board's name in the device tree.
const MODEL: &str = "/proc/device-tree/model";

/// Time from an unacknowledged reset command to its result. A stick that receives and cannot answer
/// has left the bus by then.
const BLIND_RESET_WAIT: Duration = Duration::from_secs(2);

/// The reset command was accepted on one port, which ends the attempt on the other.
struct Accepted;

/// Resets `stick` (`AT+CFUN=1,1`): on its command port and its modem port in parallel, since a port
/// that hangs costs seconds; then without waiting for an answer.
pub(crate) async fn reset(stick: Stick) -> Outcome {
    let command_port = Sysfs::default().command_port(&stick);
    let attempt = async |tty: &str| match send_reset(&stick, tty).await {
        // As an error it makes `try_zip` drop the other port's attempt.
        Ok(()) => Err(Accepted),
        Err(error) => Ok(format!("{tty}: {error}")),
    };
    let on_command_port = async {
        match command_port {
            Some(tty) => attempt(&tty).await,
            None => Ok(String::new()),
        }
    };
    let why = match try_zip(on_command_port, attempt(&stick.tty)).await {
        Err(Accepted) => return Outcome::ResetAccepted,
        Ok((_, why)) => why,
    };
    if let Ok(port) = open_with_retry(&stick.tty).await {
        // The port does not block: what the stick does not accept is dropped.
        let _ = nix::unistd::write(&port, format!("\r{Restart}\r").as_bytes());
        Timer::after(BLIND_RESET_WAIT).await;
    }
    Outcome::ResetUnanswered(why)
}

async fn send_reset(stick: &Stick, tty: &str) -> Result<(), String> {
    let mut session = open_session(stick, tty).await?;
    match session.execute(&Restart).await {
        Ok(()) => Ok(()),
        // The stick left the bus before its answer was read.
        Err(error) if error.is_hang_up() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns the board this is, if its USB sockets are known.
pub(crate) fn board() -> Option<power::Board> {
    power::Board::from_model(&fs::read_to_string(MODEL).ok()?)
}

/// Switches all USB sockets off for some seconds. Once started it completes even if the future is
/// dropped, so that no socket stays off.
pub(crate) async fn power_cycle() -> Outcome {
    let Some(board) = board() else {
        return Outcome::PowerCycleFailed("this board's sockets are not known".into());
    };
    match unblock(move || power::cycle(board)).await {
        Ok(way) => Outcome::PowerCycled(way.into()),
        Err(error) => Outcome::PowerCycleFailed(error.to_string()),
    }
}

/// Switches a stick from its CD-ROM, or a configuration without ports, to its modem mode.
pub(crate) async fn eject(stick: Device) -> Result<(), String> {
    unblock(move || cdrom::eject(&stick).map_err(|error| error.to_string())).await
}

/// Requests a reboot from PID 1, which has a budget for these.
pub(crate) async fn reboot(reason: String) -> Outcome {
    match unblock(move || ask(&Request::Reboot { reason })).await {
        Ok(Reply::Accepted) => Outcome::RebootGranted,
        Ok(Reply::Refused { why }) => Outcome::RebootRefused(why),
        Err(error) => Outcome::RebootRefused(error.to_string()),
    }
}
