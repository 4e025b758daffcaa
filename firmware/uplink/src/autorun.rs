//! Switching off, once per stick and for good, the CD-ROM that it shows at each start.

use std::{fs, io, path::PathBuf};

use failberry_usb::{Stick, Sysfs};
use log::Level;
use tokio_modem::{
    driver::{self, smol::Session},
    modem::{AutorunOff, AutorunOn, Imei},
};

use crate::{attempt::patiently_opened, machine::Event};

/// What to do about the CD-ROM of a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Never show it again.
    Off,
    /// Show it again, as the stick came from its maker.
    On,
}

/// `had_cdrom`: it showed one before it was a modem. `keep`: a person wants that. `done`: it was
/// switched off before, as the record says.
const fn decide(had_cdrom: bool, keep: bool, done: bool) -> Option<Order> {
    match (had_cdrom, keep, done) {
        // Done and shown all the same: the stick does not do as it says, and is not asked again.
        (true, false, false) => Some(Order::Off),
        (_, true, true) => Some(Order::On),
        _ => None,
    }
}

/// Where sticks that were changed are kept in mind, by their serial numbers.
#[derive(Clone, Debug)]
pub(crate) struct Record(PathBuf);

impl Default for Record {
    fn default() -> Self {
        Self("/data/uplink/cdrom-off".into())
    }
}

impl Record {
    fn read(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn has(&self, serial: &str) -> bool {
        self.read().iter().any(|line| line == serial)
    }

    /// Whether any stick was changed here.
    fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    fn write(&self, serial: &str, done: bool) -> io::Result<()> {
        let mut lines = self.read();
        lines.retain(|line| line != serial);
        if done {
            lines.push(serial.to_owned());
        }
        let mut text = lines.join("\n");
        text.push('\n');
        let new = self.0.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, &self.0)
    }
}

/// Does what is to be done about the CD-ROM of `stick`, before it is dialled with. Whatever fails
/// is told and keeps nobody from dialling.
pub(crate) async fn settle(
    stick: &Stick,
    had_cdrom: bool,
    keep: bool,
    record: &Record,
    news: &impl Fn(Event),
) {
    // Asking costs a second: not where no answer would lead to anything.
    let concerned = (had_cdrom && !keep) || (keep && !record.is_empty());
    if !stick.device.is_zte() || !concerned {
        return;
    }
    let say = |level, text| news(Event::Said(level, text));
    if let Err(why) = order(stick, had_cdrom, keep, record, &say).await {
        say(
            Level::Warn,
            format!("the stick's CD-ROM stays as it is: {why}"),
        );
    }
}

async fn order(
    stick: &Stick,
    had_cdrom: bool,
    keep: bool,
    record: &Record,
    say: &impl Fn(Level, String),
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut session = session(stick).await?;
    let imei: Imei = session.ask().await.map_err(|error| text(&error))?;
    let Some(order) = decide(had_cdrom, keep, record.has(&imei.0)) else {
        return Ok(());
    };
    let done = match order {
        Order::Off => {
            let off: Result<AutorunOff, _> = session.ask().await;
            off.map_err(|error| text(&error))?.done
        }
        Order::On => {
            let on: Result<AutorunOn, _> = session.ask().await;
            on.map_err(|error| text(&error))?.done
        }
    };
    if !done {
        return Err("it says that it cannot".into());
    }
    say(
        Level::Info,
        match order {
            Order::Off => "the stick's CD-ROM is switched off for good (AT+ZCDRUN=8); \
                           stick.keep_cdrom = true brings it back"
                .into(),
            Order::On => "the stick shows its CD-ROM again from now on (AT+ZCDRUN=9)".into(),
        },
    );
    record
        .write(&imei.0, order == Order::Off)
        .map_err(|error| format!("it was changed, which cannot be kept in mind: {error}"))
}

/// Switches the CD-ROM for a person, and keeps that in mind; tells what was done, or why not.
pub(crate) async fn switch(
    session: &mut Session,
    on: bool,
    record: &Record,
) -> Result<String, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let imei: Imei = session.ask().await.map_err(|error| text(&error))?;
    let done = if on {
        let on: Result<AutorunOn, _> = session.ask().await;
        on.map_err(|error| text(&error))?.done
    } else {
        let off: Result<AutorunOff, _> = session.ask().await;
        off.map_err(|error| text(&error))?.done
    };
    if !done {
        return Err("the stick says that it cannot".into());
    }
    record
        .write(&imei.0, !on)
        .map_err(|error| format!("it was changed, which cannot be kept in mind: {error}"))?;
    Ok(if on {
        "the stick shows its CD-ROM at its start, until it has done so once; \
         stick.keep_cdrom = true keeps it so"
    } else {
        "the stick does not show its CD-ROM any more"
    }
    .into())
}

/// On the port for commands where there is one: the modem port's hang-up takes its time.
async fn session(stick: &Stick) -> Result<Session, String> {
    let beside = Sysfs::default().command_port(stick);
    let tty = patiently_opened(beside.as_deref().unwrap_or(&stick.tty))
        .await
        .map_err(|error| error.to_string())?;
    driver::smol::session(tty, stick.profile)
        .await
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn once_per_stick_and_never_against_a_persons_word() {
        for (had_cdrom, keep, done, expected) in [
            (true, false, false, Some(Order::Off)),
            (true, false, true, None),
            (false, false, false, None),
            (false, false, true, None),
            (true, true, false, None),
            (false, true, false, None),
            (true, true, true, Some(Order::On)),
            (false, true, true, Some(Order::On)),
        ] {
            let decided = decide(had_cdrom, keep, done);
            assert_eq!(decided, expected, "{had_cdrom} {keep} {done}");
        }
    }

    #[test]
    fn the_record_outlives_us_and_can_be_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let record = Record(directory.path().join("cdrom-off"));
        assert!(record.is_empty());
        record.write("358123456789012", true).unwrap();
        record.write("358123456789013", true).unwrap();
        record.write("358123456789013", true).unwrap();
        let again = Record(record.0.clone());
        assert_eq!(again.read(), ["358123456789012", "358123456789013"]);
        again.write("358123456789012", false).unwrap();
        assert!(!record.has("358123456789012") && record.has("358123456789013"));
        let nowhere = Record("/no/such/place".into());
        assert!(nowhere.is_empty());
        assert!(nowhere.write("1", true).is_err());
    }
}
