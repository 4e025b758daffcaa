//! Console pages: pure functions from states to lines of at most 80 columns.
//!
//! Every text of a stick, a carrier or a log passes the terminal sanitiser [`plain`].

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

/// All published states.
#[derive(Clone, Debug, Default)]
pub struct States {
    /// PID 1.
    pub supervisor: SupervisorState,
    /// Wired network, routes and firewall.
    pub network: NetworkState,
    /// Dialler.
    pub uplink: UplinkState,
    /// Clock.
    pub clock: ClockState,
    /// DNS record.
    pub dyndns: DyndnsState,
    /// Health port 9000.
    pub health: HealthState,
    /// Updates.
    pub update: UpdateState,
    /// Boot loader's slots.
    pub slots: SlotsState,
    /// State files that could not be read.
    pub unreadable: Vec<String>,
}

/// Times and sensor readings for one page.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Time since boot.
    pub boot: BootMillis,
    /// The wall clock.
    pub wall: SystemTime,
    /// Sensor readings.
    pub sensors: Sensors,
}
