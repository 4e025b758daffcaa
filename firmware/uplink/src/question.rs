//! A person's questions to the stick.

use failberry_service::orders::{Order, OrderReply};
use failberry_usb::Stick;
use tokio_modem::driver::{self, SessionError, smol::Session};

use crate::{
    attempt::patiently_opened,
    autorun::{self, Record},
};

/// What the network is asked for takes long; a person gives up earlier by hanging up.
const ANSWER_MS: u64 = 180_000;

/// Puts the question of `order` to `stick` behind `tty`.
pub(crate) async fn put(stick: Stick, tty: String, order: Order) -> OrderReply {
    let answer = match order {
        Order::Ask { command } => ask(&stick, &tty, &command).await,
        Order::Autorun { on } => switch(&stick, &tty, on).await,
        Order::Redial | Order::PowerCycle => Err("that is no question".into()),
    };
    match answer {
        Ok(lines) => OrderReply::Answer { lines },
        Err(why) => OrderReply::Refused { why },
    }
}

async fn ask(stick: &Stick, tty: &str, command: &str) -> Result<Vec<String>, String> {
    check(command)?;
    let mut session = session(stick, tty).await?;
    let mut lines = Vec::new();
    let told = |line: &str| lines.push(line.to_owned());
    let end = match session.raw_command(command, ANSWER_MS, told).await {
        Ok(()) => "OK".into(),
        Err(SessionError::Refused { got, .. }) => got.to_string(),
        Err(error) => return Err(error.to_string()),
    };
    lines.push(end);
    Ok(lines)
}

/// Calls are the dialler's: one made here would be known to nobody.
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

async fn switch(stick: &Stick, tty: &str, on: bool) -> Result<Vec<String>, String> {
    if !stick.device.is_zte() {
        return Err("expected a stick of ZTE's, whose CD-ROM can be switched".into());
    }
    let mut session = session(stick, tty).await?;
    let done = autorun::switch(&mut session, on, &Record::default()).await?;
    Ok(vec![done])
}

async fn session(stick: &Stick, tty: &str) -> Result<Session, String> {
    let port = patiently_opened(tty)
        .await
        .map_err(|error| error.to_string())?;
    driver::smol::session(port, stick.profile)
        .await
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_passed_on_and_calls_are_not() {
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
