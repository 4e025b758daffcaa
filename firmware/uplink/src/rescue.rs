//! Doing what the ladder says: the stick's restart, the sockets' power, the board's restart.

use std::{fs, time::Duration};

use failberry_service::{Reply, Request, ask};
use failberry_usb::{Device, Stick, Sysfs, cdrom, power};
use smol::{Timer, future::try_zip, unblock};
use tokio_modem::{driver, modem::Restart};

use crate::{attempt::patiently_opened, machine::Outcome};

/// What the device tree calls the board.
const MODEL: &str = "/proc/device-tree/model";

/// A stick that hears and cannot answer is off the bus by then.
const BLIND: Duration = Duration::from_secs(2);

/// A port on which the stick has taken the order.
struct Taken;

/// Tells `stick` to start anew: on its port for commands and on its modem port at once, since a
/// port that hangs costs seconds; then without waiting to be heard.
pub(crate) async fn reset(stick: Stick) -> Outcome {
    let beside = Sysfs::default().command_port(&stick);
    let asked = async |tty: &str| match tell(&stick, tty).await {
        // Ends the waiting for the other port, as an error would.
        Ok(()) => Err(Taken),
        Err(error) => Ok(format!("{tty}: {error}")),
    };
    let beside = async {
        match beside {
            Some(tty) => asked(&tty).await,
            None => Ok(String::new()),
        }
    };
    let why = match try_zip(beside, asked(&stick.tty)).await {
        Err(Taken) => return Outcome::ResetTaken,
        Ok((_, why)) => why,
    };
    if let Ok(port) = patiently_opened(&stick.tty).await {
        // The port does not block: what the stick does not take is left behind.
        let _ = nix::unistd::write(&port, format!("\r{Restart}\r").as_bytes());
        Timer::after(BLIND).await;
    }
    Outcome::ResetUnanswered(why)
}

async fn tell(stick: &Stick, tty: &str) -> Result<(), String> {
    let port = patiently_opened(tty)
        .await
        .map_err(|error| error.to_string())?;
    let mut session = driver::smol::session(port, stick.profile)
        .await
        .map_err(|error| error.to_string())?;
    match session.execute(&Restart).await {
        Ok(()) => Ok(()),
        // It was quicker than its answer.
        Err(error) if error.is_hang_up() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The board that this is, if its sockets are known.
pub(crate) fn board() -> Option<power::Board> {
    power::Board::from_model(&fs::read_to_string(MODEL).ok()?)
}

/// Cuts the power of all sockets for some seconds. Once begun it goes on to its end, whether the
/// future is waited for or not: no socket stays dark.
pub(crate) async fn cut_power() -> Outcome {
    let Some(board) = board() else {
        return Outcome::PowerKept("this board's sockets are not known".into());
    };
    match unblock(move || power::cycle(board)).await {
        Ok(way) => Outcome::PowerCut(way.into()),
        Err(error) => Outcome::PowerKept(error.to_string()),
    }
}

/// Switches a stick from its CD-ROM, or a configuration without ports, to its modem mode.
pub(crate) async fn eject(stick: Device) -> Result<(), String> {
    unblock(move || cdrom::eject(&stick).map_err(|error| error.to_string())).await
}

/// Asks PID 1, which has a budget for this.
pub(crate) async fn reboot(reason: String) -> Outcome {
    match unblock(move || ask(&Request::Reboot { reason })).await {
        Ok(Reply::Accepted) => Outcome::RebootGranted,
        Ok(Reply::Refused { why }) => Outcome::RebootRefused(why),
        Err(error) => Outcome::RebootRefused(error.to_string()),
    }
}
