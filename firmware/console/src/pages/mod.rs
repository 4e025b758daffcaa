//! What is shown: pure functions of the states, in lines that fit a screen of 80 columns.
//!
//! Whatever a stick, a carrier or a log has to say goes through [`plain`]: none of it reaches the
//! terminal as it is.

mod log;
mod modem;
mod settings;
mod slots;
mod status;
#[cfg(test)]
mod tests;
mod text;

use std::time::SystemTime;

pub use failberry_state::plain;
use failberry_state::{
    BootMillis, ClockState, DyndnsState, HealthState, NetworkState, SlotsState, SupervisorState,
    UpdateState, UplinkState,
};

pub use self::{
    log::{Record, Writer, log_line},
    modem::{LiveModemInfo, modem},
    settings::{problems, settings},
    slots::{slots, update},
    status::{banner, status},
};
use crate::sensors::Sensors;

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct States {
    /// PID 1's.
    pub supervisor: SupervisorState,
    /// The wired side's.
    pub network: NetworkState,
    /// The dialler's.
    pub uplink: UplinkState,
    /// The clock's.
    pub clock: ClockState,
    /// The name's.
    pub dyndns: DyndnsState,
    /// Port 9000's.
    pub health: HealthState,
    /// The updates'.
    pub update: UpdateState,
    /// The boot loader's.
    pub slots: SlotsState,
    /// State files that could not be read.
    pub unreadable: Vec<String>,
}

/// The moment, and the board in it.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Since boot.
    pub boot: BootMillis,
    /// The wall clock.
    pub wall: SystemTime,
    /// What the board measures.
    pub sensors: Sensors,
}
