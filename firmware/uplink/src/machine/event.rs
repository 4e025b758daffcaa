//! What the dialler hears and what it has done.

use failberry_service::orders::{Order, OrderReply};
use failberry_state::Link;
use failberry_usb::{Device, ScanResult, Stick};
use log::Level;
use tokio_modem::dial::Progress;

use super::{Earlier, Ending};

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The bus was looked at.
    Bus(ScanResult),
    /// The attempt has the modem port open.
    PortOpen,
    /// News from the dialogue with the stick.
    Dial(Progress),
    /// The attempt has something to tell a person.
    Said(Level, String),
    /// The stick said `CONNECT`, and this after it.
    Connected(String),
    /// IPCP opened, or opened again with other addresses.
    LinkOpen(Link),
    /// IPCP closed; either it opens again or an ending follows.
    LinkClosed,
    /// The attempt, or the link it led to, is over.
    Ended(Ending),
    /// A CD-ROM was ejected, or why not.
    Ejected(Result<(), String>),
    /// What the card has kept of earlier lives; comes once.
    Earlier(Earlier),
    /// A rung of the ladder was taken, or could not be.
    Recovered(Outcome),
    /// A person orders something.
    Order {
        /// What.
        order: Order,
        /// The stick's port for commands beside the modem port, where it has one.
        beside: Option<String>,
    },
    /// The question that was put to the stick has its answer.
    Answered,
    /// The time of [`Machine::deadline`](super::Machine::deadline) has come.
    Deadline,
    /// The supervisor wants the process to end.
    Stop,
}

/// What came of a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The stick was told to start anew and will.
    ResetTaken,
    /// No port of the stick takes the command.
    ResetUnanswered(String),
    /// The sockets have power again; by which way it was cut.
    PowerCut(String),
    /// Their power cannot be cut.
    PowerKept(String),
    /// The board will be rebooted.
    RebootGranted,
    /// It will not be.
    RebootRefused(String),
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
        /// It must not be sent where the stick does not say how many tries are left, even if the
        /// configuration allows that.
        count_pin: bool,
        /// How long `CONNECT` may take.
        dial_ms: u64,
        /// It showed its CD-ROM before.
        had_cdrom: bool,
    },
    /// Let go of the attempt at once, with everything it has open.
    Abort,
    /// End the link in agreement with the peer; an ending follows.
    Terminate,
    /// Keep in mind, past the end of this process, that the SIM refused the PIN.
    RememberPinRefused,
    /// Keep in mind, past the end of this process, that the PIN was sent and may have cost a try.
    RememberPinDoubted,
    /// Eject this stick's CD-ROM; an event tells what came of it.
    Eject(Device),
    /// Tell this stick to start anew, by any port; an event tells what came of it.
    Reset(Stick),
    /// Cut the power of all sockets for some seconds; an event tells what came of it.
    CutPower,
    /// Ask the supervisor for a reboot, for this reason; an event tells its answer.
    Reboot(String),
    /// Keep on the card what was done, for the lives to come.
    Keep,
    /// Tell the person what becomes of the order.
    Reply(OrderReply),
    /// Put the order's question to this stick, by this port; an event tells of the answer.
    Question {
        /// The stick.
        stick: Stick,
        /// The port, which nobody else has open.
        tty: String,
        /// The order.
        order: Order,
    },
    /// Let go of the question: the port, or the stick, is needed.
    DropQuestion,
    /// A line for the log.
    Say(Level, String),
    /// End the process.
    Exit,
}
