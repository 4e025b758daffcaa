//! Options of an emulated stick.

use std::path::PathBuf;

use super::{MF190, Model, Urc};

/// Connections, model and initial state of a stick.
#[derive(Clone, Debug)]
pub struct Options {
    /// Socket of QEMU's `usb-redir` device, where QEMU listens.
    pub redir: PathBuf,
    /// Socket of the carrier's line, where the carrier listens: one connection is one call.
    pub line: PathBuf,
    /// USB transfer type towards QEMU.
    pub transport: Transport,
    /// Stick model.
    pub model: &'static Model,
    /// Initial mode. A stick that starts as CD-ROM does so at every start until `AT+ZCDRUN=8`; one
    /// in modem mode has had that command before.
    pub mode: Mode,
    /// State of the SIM.
    pub sim: Sim,
    /// URCs to send, besides the flood of `+ZUSIMR` and those sent by the handle; `None` uses the
    /// model's.
    pub urcs: Option<&'static [Urc]>,
}

impl Options {
    /// Creates options for a stick in modem mode with an unlocked SIM.
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

/// USB transfer type towards QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Bulk transfers, as on a real bus. For xHCI.
    Bulk,
    /// Interrupt transfers, which QEMU's dwc2 needs: it aborts on cancelled bulk packets. The guest
    /// sees bulk endpoints all the same. Another device, such as the board's Ethernet, must be on
    /// the hub too: an empty hub suspends, and the guest hangs on resume.
    Interrupt,
}

/// USB mode of a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Serial ports.
    Modem,
    /// The CD-ROM with the vendor's software, until it is ejected.
    CdRom,
    /// Serial ports of another make with the same kernel driver, unknown to the box: a decoy that
    /// occupies tty numbers.
    Foreign,
}

/// State of the SIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sim {
    /// Open.
    Ready,
    /// Asks for its PIN.
    Pin {
        /// The right one.
        pin: String,
        /// Number of tries left.
        tries: u8,
    },
    /// Asks for the PUK, and accepts none.
    Puk,
    /// No SIM.
    Absent,
}
