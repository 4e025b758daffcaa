//! Console commands: one table for help, completion and dispatch. Pure.
//!
//! Takes in a line; gives out a [`Command`] with the confirmation that it needs, or what was
//! expected instead.

mod parse;
mod table;
#[cfg(test)]
mod tests;

use failberry_service::Service;
use failberry_state::Slot;

pub use parse::{ParseError, complete, help, parse};
pub use table::Confirm;

/// A parsed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Show the help page.
    Help,
    /// Show the status page: one screen.
    Status,
    /// Show the kernel's log, which contains the services' lines.
    Log {
        /// Go on with new records.
        follow: bool,
        /// Show one writer's lines only: a service's, or the kernel's.
        of: Option<String>,
    },
    /// Show the stick: identity, signal, network.
    Modem,
    /// Send one AT command to the stick unchanged.
    ModemAt(String),
    /// Terminate the call and redial.
    Redial,
    /// Switch all USB sockets off for some seconds.
    PowerCycle,
    /// Change the stick's CD-ROM setting.
    Autorun {
        /// Whether the stick is to show it.
        on: bool,
    },
    /// Show the settings in force, without secrets.
    ConfigShow,
    /// Show the problems of the settings.
    ConfigCheck,
    /// Revert to the previous settings.
    ConfigRevert,
    /// Show the boot loader's slots.
    Slots,
    /// Boot from this slot.
    SlotsChoose(Slot),
    /// Show the state of the update.
    Update,
    /// Look for a newer version now.
    UpdateCheck,
    /// Restart one service.
    Restart(Service),
    /// Reboot the box.
    Reboot,
    /// Reset to factory settings.
    FactoryReset,
    /// End the session.
    Exit,
}
