//! Events that the state machine takes in, and actions that it gives out.

use failberry_service::orders::{Order, OrderReply};
use failberry_state::Link;
use failberry_usb::{Device, ScanResult, Stick};
use log::Level;
use tokio_modem::dial::Progress;

use super::{AttemptFailure, LoadedHistory};

/// An event of the bus, the attempt, a recovery action, an operator or the clock.
#[derive(Clone, Debug)]
pub enum Event {
    /// The USB bus was scanned.
    Bus(ScanResult),
    /// The attempt has opened the modem port.
    PortOpen,
    /// The AT dialogue has made progress.
    Dial(Progress),
    /// The attempt has a line for the log.
    Log(Level, String),
    /// The stick answered `CONNECT` with this text after it.
    Connected(String),
    /// IPCP opened, or opened again with other addresses.
    LinkOpen(Link),
    /// IPCP closed; it opens again, or [`Event::Ended`] follows.
    LinkClosed,
    /// The attempt, or the link it led to, has ended.
    Ended(AttemptFailure),
    /// A CD-ROM was ejected, or why not.
    Ejected(Result<(), String>),
    /// The recovery log was read; comes once.
    HistoryLoaded(LoadedHistory),
    /// A recovery action has ended.
    Recovered(Outcome),
    /// An operator's command arrived on the control socket.
    Command {
        /// The command.
        command: Order,
        /// The stick's AT command port next to the modem port, if it has one.
        command_port: Option<String>,
    },
    /// The AT passthrough has ended.
    PassthroughDone,
    /// The time of [`UplinkMachine::deadline`](super::UplinkMachine::deadline) has come.
    Deadline,
    /// The supervisor has requested the end of the process.
    Stop,
}

/// The result of a recovery action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The stick accepted the reset command.
    ResetAccepted,
    /// No port of the stick accepted the reset command.
    ResetUnanswered(String),
    /// The USB sockets were off and have power again; the text names the method.
    PowerCycled(String),
    /// The power of the USB sockets cannot be switched.
    PowerCycleFailed(String),
    /// The supervisor will reboot the board.
    RebootGranted,
    /// The supervisor refused a reboot.
    RebootRefused(String),
}

/// An action for the driver, which executes them in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Scan the bus without waiting for a uevent.
    LookAtBus,
    /// Log all devices on the bus.
    DescribeBus,
    /// Open this stick's modem port, dial, negotiate, and run the link.
    Attempt {
        /// The stick.
        stick: Stick,
        /// The PIN must not be sent.
        withhold_pin: bool,
        /// The PIN must not be sent if the stick does not report how many tries are left, even if
        /// the configuration allows that.
        require_pin_counter: bool,
        /// Time from `ATD` to `CONNECT`, at most, in milliseconds.
        dial_ms: u64,
        /// The stick showed its CD-ROM before.
        had_cdrom: bool,
    },
    /// Drop the attempt at once, with everything it has open.
    Abort,
    /// Terminate the link in an orderly way; [`Event::Ended`] follows.
    Terminate,
    /// Persist, beyond the end of this process, that the SIM rejected the PIN.
    PersistPinRejected,
    /// Persist, beyond the end of this process, that the PIN was sent and may have cost a try.
    PersistPinUncertain,
    /// Eject this stick's CD-ROM; [`Event::Ejected`] follows.
    Eject(Device),
    /// Reset this stick, by any port; [`Event::Recovered`] follows.
    Reset(Stick),
    /// Switch all USB sockets off for some seconds; [`Event::Recovered`] follows.
    PowerCycle,
    /// Request a reboot for this reason; [`Event::Recovered`] follows.
    Reboot(String),
    /// Write the recovery history to the card, for later boots.
    PersistHistory,
    /// Reply to the operator's command.
    Reply(OrderReply),
    /// Execute the command's AT part on this stick; [`Event::PassthroughDone`] follows.
    Passthrough {
        /// The stick.
        stick: Stick,
        /// The port, which nothing else has open.
        tty: String,
        /// The command.
        command: Order,
    },
    /// Cancel the passthrough: its port, or the stick, is needed.
    CancelPassthrough,
    /// Write a line to the log.
    Log(Level, String),
    /// End the process.
    Exit,
}
