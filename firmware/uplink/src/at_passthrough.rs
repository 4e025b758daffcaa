//! AT passthrough: runs an operator's AT command, or switches the CD-ROM, on a free port.

use failberry_service::orders::{Order, OrderReply};
use failberry_usb::Stick;
use tokio_modem::driver::SessionError;

use crate::{
    cdrom_setting::{self, CdromOffList},
    port::open_session,
};

/// Time from an operator's AT command to its final result. Commands that query the network take
/// long; an operator who gives up earlier closes the connection.
const COMMAND_TIMEOUT_MS: u64 = 180_000;

/// Executes the AT part of `command` on `stick`'s port `tty`.
pub(crate) async fn execute(stick: Stick, tty: String, command: Order) -> OrderReply {
    let answer = match command {
        Order::Ask { command } => relay(&stick, &tty, &command).await,
        Order::Autorun { on } => switch_cdrom(&stick, &tty, on).await,
        Order::Redial | Order::PowerCycle => Err("that is no question".into()),
    };
    match answer {
        Ok(lines) => OrderReply::Answer { lines },
        Err(why) => OrderReply::Refused { why },
    }
}

async fn relay(stick: &Stick, tty: &str, command: &str) -> Result<Vec<String>, String> {
    check(command)?;
    let mut session = open_session(stick, tty).await?;
    let mut lines = Vec::new();
    let on_line = |line: &str| lines.push(line.to_owned());
    let end = match session
        .raw_command(command, COMMAND_TIMEOUT_MS, on_line)
        .await
    {
        Ok(()) => "OK".into(),
        Err(SessionError::Refused { got, .. }) => got.to_string(),
        Err(error) => return Err(error.to_string()),
    };
    lines.push(end);
    Ok(lines)
}

/// Rejects commands that begin a call: the dialler would not know of it.
fn check(command: &str) -> Result<(), String> {
    let name = command.get(..2).unwrap_or_default();
    if !name.eq_ignore_ascii_case("AT") {
        return Err(format!(
            "expected a command that begins with AT, got {command:?}"
        ));
    }
    let body = command.get(2..).unwrap_or_default().trim_start();
    if body.starts_with(['D', 'd', 'A', 'a', 'O', 'o']) {
        return Err("expected a command, got one that begins a call".into());
    }
    Ok(())
}

async fn switch_cdrom(stick: &Stick, tty: &str, on: bool) -> Result<Vec<String>, String> {
    if !stick.device.is_zte() {
        return Err("expected a stick of ZTE's, whose CD-ROM can be switched".into());
    }
    let mut session = open_session(stick, tty).await?;
    let done = cdrom_setting::switch(&mut session, on, &CdromOffList::default()).await?;
    Ok(vec![done])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_commands_are_rejected() {
        for good in ["AT", "ATI", "at+csq", "AT&D2", "AT+COPS?", "AT Z"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "", "A", "+CSQ", "é", "ATD*99#", "atd1", "ATA", "ATO0", "AT D*99#",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
