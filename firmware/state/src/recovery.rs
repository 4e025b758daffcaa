//! What was done about failures of the carrier link; a part of what `uplink` tells.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::BootMillis;

/// What was done about failures since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recovery {
    /// Calls dialled again.
    pub redials: u32,
    /// Sticks told to restart (`AT+CFUN=1,1`).
    pub resets: u32,
    /// Times the USB sockets were without power for some seconds.
    #[serde(alias = "power_cuts")]
    pub usb_power_cycles: u32,
    /// Reboots asked for.
    pub reboots: u32,
    /// CD-ROMs ejected.
    pub ejects: u32,
    /// The latest of them, the oldest first; at most [`HISTORY_MAX`](Self::HISTORY_MAX).
    pub history: Vec<RecoveryStep>,
    /// Those of earlier lives that the card remembers, the oldest first; at most
    /// [`EARLIER_MAX`](Self::EARLIER_MAX).
    pub earlier: Vec<PastStep>,
    /// Why the card's memory of them could not be read.
    pub earlier_error: Option<String>,
}

impl Recovery {
    /// More than a person reads, and far less than a state file should hold.
    pub const HISTORY_MAX: usize = 16;

    /// The same for the card: some lives' worth, in two pages of it.
    pub const EARLIER_MAX: usize = 32;
}

/// One thing done about a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryStep {
    /// When.
    pub at: BootMillis,
    /// What.
    pub rung: RecoveryRung,
    /// Why, in words.
    pub reason: String,
    /// How often in a row, for the same reason.
    pub times: u32,
}

/// The rungs of the recovery ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryRung {
    /// Dialling again.
    Redial,
    /// The stick's restart.
    Reset,
    /// The USB sockets without power for seconds. The card may remember it by its old name.
    #[serde(alias = "power-cut")]
    UsbPowerCycle,
    /// The board's restart.
    Reboot,
    /// The stick's CD-ROM ejected.
    Eject,
}

/// What was done, as pages show it.
impl fmt::Display for RecoveryRung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redial => "dialled again",
            Self::Reset => "restarted the stick",
            Self::UsbPowerCycle => "cycled the USB power",
            Self::Reboot => "asked for a reboot",
            Self::Eject => "ejected the CD-ROM",
        })
    }
}

/// A step of an earlier life, or of this one before the service was started anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastStep {
    /// Which boot of the card it belongs to; 0 where that was not known.
    pub boot: u32,
    /// What was done; its time is that of its own boot.
    pub step: RecoveryStep,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_earlier_versions_are_read() {
        let old = r#"[{"boot":4,"step":{"at":700,"rung":"power-cut","reason":"x","times":2}}]"#;
        let steps: Vec<PastStep> = serde_json::from_str(old).unwrap();
        assert_eq!(steps[0].step.rung, RecoveryRung::UsbPowerCycle);
        let new = serde_json::to_string(&steps).unwrap();
        assert!(new.contains("\"usb-power-cycle\""), "{new}");

        let recovery: Recovery = serde_json::from_str(r#"{"power_cuts":3}"#).unwrap();
        assert_eq!(recovery.usb_power_cycles, 3);
        let new = serde_json::to_string(&recovery).unwrap();
        assert!(new.contains("\"usb_power_cycles\":3"), "{new}");
    }
}
