//! What PID 1 tells of the processes and of the machine.

use serde::{Deserialize, Serialize};

use crate::{BootMillis, Service};

/// Processes and the system; written by PID 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SupervisorState {
    /// Version of the firmware.
    pub version: String,
    /// Slot it was booted from: `a`, `b`, or empty where the boot loader said nothing.
    pub slot: String,
    /// Milliseconds after kernel start when PID 1 began.
    pub started: BootMillis,
    /// One entry per service.
    pub services: Vec<ServiceState>,
    /// Proportional set size of all our processes in KiB, when last measured.
    pub pss_kib: u64,
    /// Memory in use in the whole system in KiB, when last measured.
    pub used_kib: u64,
    /// Trouble at boot worth telling: unreadable configuration, missing card.
    pub warnings: Vec<String>,
    /// Whether the hardware watchdog guards the machine, in words.
    pub watchdog: String,
    /// Boots that the card has seen, this one included; 0 where it remembers nothing.
    pub boots: u32,
    /// How the life before this one ended; none where it was the first, or nothing is known.
    pub last_boot: Option<String>,
    /// The last words of the life before: a panic, or what the kernel said when it erred.
    pub last_words: Vec<String>,
    /// How the latest lives of the box ended, the newest last.
    pub history: Vec<PastLife>,
    /// Reboots that services asked for and did not get, since boot.
    pub reboots_refused: u32,
    /// Errors of the kernel itself (oopses) since boot.
    pub oopses: u64,
}

/// One life of the box, from boot to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PastLife {
    /// Which boot of the card it began with.
    pub boot: u32,
    /// How long it lasted in seconds, where somebody could still write that down.
    pub seconds: Option<u64>,
    /// How it ended.
    pub end: String,
}

/// One supervised process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Which.
    pub service: Service,
    /// Process id while it runs.
    pub pid: Option<i32>,
    /// Whether it has shown by a heartbeat that its loop turns.
    #[serde(default)]
    pub ready: bool,
    /// Starts since boot.
    pub starts: u32,
    /// Times it was ended since it gave no sign of life, since boot.
    #[serde(default)]
    pub hangs: u32,
    /// How it ended last.
    pub last_exit: Option<String>,
    /// The last error it wrote.
    #[serde(default)]
    pub last_words: Option<String>,
}
