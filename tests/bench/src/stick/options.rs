//! What kind of stick is plugged in, and where.

use std::path::PathBuf;

use super::{MF190, Model, Urc};

/// Where and what.
#[derive(Clone, Debug)]
pub struct Options {
    /// Socket of QEMU's `usb-redir` device, where QEMU listens.
    pub redir: PathBuf,
    /// Socket of the carrier's line, where the carrier listens: one connection is one call.
    pub line: PathBuf,
    /// How bytes travel.
    pub transport: Transport,
    /// Which kind it is.
    pub model: &'static Model,
    /// What it shows at first. One that shows its CD-ROM when it is plugged in does so whenever it
    /// starts, until `AT+ZCDRUN=8`; one that does not has had that before.
    pub mode: Mode,
    /// Its SIM.
    pub sim: Sim,
    /// What it says unasked, besides the flood of `+ZUSIMR` and whatever a handle makes it say;
    /// what its model says where there is nothing here.
    pub urcs: Option<&'static [Urc]>,
}

impl Options {
    /// A stick in modem mode with an open SIM.
    pub fn new(redir: impl Into<PathBuf>, line: impl Into<PathBuf>, transport: Transport) -> Self {
        Self {
            redir: redir.into(),
            line: line.into(),
            transport,
            model: &MF190,
            mode: Mode::Modem,
            sim: Sim::Ready,
            urcs: None,
        }
    }
}

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As on a real bus. For xHCI.
    Bulk,
    /// As interrupt packets, which QEMU's dwc2 needs: it aborts on bulk packets that are taken
    /// back. The guest sees bulk endpoints all the same. Another device, such as the board's
    /// Ethernet, must stay on the hub: an empty hub suspends, and the guest hangs in its resume.
    Interrupt,
}

/// What it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Serial ports.
    Modem,
    /// The CD-ROM with the vendor's software, until it is ejected.
    CdRom,
    /// Serial ports of another make, whose driver is the same and which the box does not know: it
    /// takes tty numbers away.
    Foreign,
}

/// Its SIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sim {
    /// Open.
    Ready,
    /// Asks for its PIN.
    Pin {
        /// The right one.
        pin: String,
        /// How many wrong ones it still takes.
        tries: u8,
    },
    /// Asks for the unblocking code, and takes none.
    Puk,
    /// There is none.
    Absent,
}
