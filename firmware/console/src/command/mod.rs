//! What can be said: one table that gives help, completion and dispatch. Pure.
//!
//! Takes in a line; gives out a [`Command`] and what has to be confirmed first, or what was
//! expected instead.

mod parse;
mod table;
#[cfg(test)]
mod tests;

use failberry_service::Service;
use failberry_state::Slot;

pub use parse::{ParseError, complete, help, parse};
pub use table::Confirm;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The table.
    Help,
    /// One screen of how everything stands.
    Status,
    /// The kernel's log, which has the services' lines.
    Log {
        /// Go on with what comes.
        follow: bool,
        /// Only one writer's lines: a service, or the kernel.
        of: Option<String>,
    },
    /// What the stick is.
    Modem,
    /// One command for the stick as it is.
    ModemAt(String),
    /// End the call and dial anew.
    Redial,
    /// Take the power from the sockets for some seconds.
    PowerCycle,
    /// The stick's CD-ROM.
    Autorun {
        /// Whether the stick is to show it.
        on: bool,
    },
    /// The settings in use, without secrets.
    ConfigShow,
    /// What is wrong with them.
    ConfigCheck,
    /// Back to the settings before.
    ConfigRevert,
    /// The boot loader's slots.
    Slots,
    /// Boot from this one.
    SlotsChoose(Slot),
    /// How an update stands.
    Update,
    /// Look for a newer version now.
    UpdateCheck,
    /// One service's restart.
    Restart(Service),
    /// The box's restart.
    Reboot,
    /// Forget everything.
    FactoryReset,
    /// Leave the console.
    Exit,
}
