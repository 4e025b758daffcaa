//! What the dialler hears and what it has done.

use failberry_state::Link;
use failberry_usb::{Presence, Stick};
use log::Level;
use tokio_modem::dial::Progress;

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The bus was looked at.
    Bus(Presence),
    /// The attempt has the modem port open.
    PortOpen,
    /// News from the dialogue with the stick.
    Dial(Progress),
    /// The stick said `CONNECT`, and this after it.
    Connected(String),
    /// IPCP opened, or opened again with other addresses.
    LinkOpen(Link),
    /// IPCP closed; either it opens again or an ending follows.
    LinkClosed,
    /// The attempt, or the link it led to, is over.
    Ended(Ending),
    /// The time of [`Machine::deadline`](super::Machine::deadline) has come.
    Deadline,
    /// The supervisor wants the process to end.
    Stop,
}

/// How an attempt ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// In words.
    pub reason: String,
    /// Trying again is of no use until a person does something.
    pub blocked: bool,
    /// The PIN was sent and not taken.
    pub pin_spent: bool,
    /// Lines and frames that made no sense.
    pub bad_input: u64,
}

/// Something to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look at the bus without waiting for an event.
    LookAtBus,
    /// Tell the log what is on the bus.
    DescribeBus,
    /// Open this stick's modem port, dial, negotiate, and keep the link.
    Attempt {
        /// The stick.
        stick: Stick,
        /// The PIN must not be sent.
        spend_pin: bool,
    },
    /// Let go of the attempt at once, with everything it has open.
    Abort,
    /// End the link in agreement with the peer; an ending follows.
    Terminate,
    /// Keep in mind, past the end of this process, that the SIM refused the PIN.
    RememberPinRefused,
    /// A line for the log.
    Say(Level, String),
    /// End the process.
    Exit,
}
