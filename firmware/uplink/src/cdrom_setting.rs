//! Switches off, once per stick and permanently, the CD-ROM that a stick shows at each start.

use std::{fs, io, path::PathBuf};

use failberry_usb::{Stick, Sysfs};
use log::Level;
use tokio_modem::{
    driver::smol::Session,
    modem::{AutorunOff, AutorunOn, Imei},
};

use crate::{machine::Event, port::open_session};

/// A change of a stick's CD-ROM setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CdromChange {
    /// Never show the CD-ROM again.
    Off,
    /// Show it again, as in the factory setting.
    On,
}

/// Returns the change that is due. `had_cdrom`: the stick showed one before it was a modem. `keep`:
/// the configuration wants that. `done`: it was switched off before, as the list says.
const fn decide(had_cdrom: bool, keep: bool, done: bool) -> Option<CdromChange> {
    match (had_cdrom, keep, done) {
        // Switched off and shown all the same: the stick ignores the setting, no second attempt.
        (true, false, false) => Some(CdromChange::Off),
        (_, true, true) => Some(CdromChange::On),
        _ => None,
    }
}

/// List on the card of the sticks whose CD-ROM was switched off, by IMEI.
#[derive(Clone, Debug)]
pub(crate) struct CdromOffList(PathBuf);

impl Default for CdromOffList {
    fn default() -> Self {
        Self("/data/uplink/cdrom-off".into())
    }
}

impl CdromOffList {
    fn read(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn has(&self, serial: &str) -> bool {
        self.read().iter().any(|line| line == serial)
    }

    /// Returns whether no stick was changed by this box.
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

/// Applies the configured CD-ROM setting to `stick`, before it is dialled with. An error is logged
/// and does not keep the attempt from dialling.
pub(crate) async fn apply_setting(
    stick: &Stick,
    had_cdrom: bool,
    keep: bool,
    list: &CdromOffList,
    emit: &impl Fn(Event),
) {
    // The query costs a second: none where no answer would lead to a change.
    let concerned = (had_cdrom && !keep) || (keep && !list.is_empty());
    if !stick.device.is_zte() || !concerned {
        return;
    }
    let log_line = |level, text| emit(Event::Log(level, text));
    if let Err(why) = change(stick, had_cdrom, keep, list, &log_line).await {
        log_line(
            Level::Warn,
            format!("the stick's CD-ROM stays as it is: {why}"),
        );
    }
}

async fn change(
    stick: &Stick,
    had_cdrom: bool,
    keep: bool,
    list: &CdromOffList,
    log_line: &impl Fn(Level, String),
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    // By the command port if there is one: the modem port's hang-up takes its time.
    let command_port = Sysfs::default().command_port(stick);
    let mut session = open_session(stick, command_port.as_deref().unwrap_or(&stick.tty)).await?;
    let imei: Imei = session.ask().await.map_err(|error| text(&error))?;
    let Some(change) = decide(had_cdrom, keep, list.has(&imei.0)) else {
        return Ok(());
    };
    let done = match change {
        CdromChange::Off => {
            let off: Result<AutorunOff, _> = session.ask().await;
            off.map_err(|error| text(&error))?.done
        }
        CdromChange::On => {
            let on: Result<AutorunOn, _> = session.ask().await;
            on.map_err(|error| text(&error))?.done
        }
    };
    if !done {
        return Err("it says that it cannot".into());
    }
    log_line(
        Level::Info,
        match change {
            CdromChange::Off => "the stick's CD-ROM is switched off for good (AT+ZCDRUN=8); \
                 stick.keep_cdrom = true brings it back"
                .into(),
            CdromChange::On => "the stick shows its CD-ROM again from now on (AT+ZCDRUN=9)".into(),
        },
    );
    list.write(&imei.0, change == CdromChange::Off)
        .map_err(|error| format!("it was changed, which cannot be kept in mind: {error}"))
}

/// Switches the CD-ROM for an operator and updates the list; returns what was done, or why not.
pub(crate) async fn switch(
    session: &mut Session,
    on: bool,
    list: &CdromOffList,
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
    list.write(&imei.0, !on)
        .map_err(|error| format!("it was changed, which cannot be kept in mind: {error}"))?;
    Ok(if on {
        "the stick shows its CD-ROM at its start, until it has done so once; \
         stick.keep_cdrom = true keeps it so"
    } else {
        "the stick does not show its CD-ROM any more"
    }
    .into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn changed_once_per_stick_and_as_configured() {
        for (had_cdrom, keep, done, expected) in [
            (true, false, false, Some(CdromChange::Off)),
            (true, false, true, None),
            (false, false, false, None),
            (false, false, true, None),
            (true, true, false, None),
            (false, true, false, None),
            (true, true, true, Some(CdromChange::On)),
            (false, true, true, Some(CdromChange::On)),
        ] {
            let decided = decide(had_cdrom, keep, done);
            assert_eq!(decided, expected, "{had_cdrom} {keep} {done}");
        }
    }

    #[test]
    fn list_persists_and_entries_can_be_removed() {
        let directory = tempfile::tempdir().unwrap();
        let list = CdromOffList(directory.path().join("cdrom-off"));
        assert!(list.is_empty());
        list.write("358123456789012", true).unwrap();
        list.write("358123456789013", true).unwrap();
        list.write("358123456789013", true).unwrap();
        let again = CdromOffList(list.0.clone());
        assert_eq!(again.read(), ["358123456789012", "358123456789013"]);
        again.write("358123456789012", false).unwrap();
        assert!(!list.has("358123456789012") && list.has("358123456789013"));
        let nowhere = CdromOffList("/no/such/place".into());
        assert!(nowhere.is_empty());
        assert!(nowhere.write("1", true).is_err());
    }
}
