//! One update from its stream into the slot that does not run, and to its trial.

use std::io::{self, Read};

use failberry_environment::Disk;
use failberry_service::SlotsOrder;
use failberry_state::Slot;

use crate::{
    Header,
    trial::TRIES,
    writer::{SlotWriter, WriteError},
};

/// An update that was not installed; what runs goes on and is started again.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// It did not come to its end.
    #[error("the image broke off after {got} of {expected} bytes: {source}")]
    Source {
        /// Bytes that came.
        got: u64,
        /// Bytes that were to come.
        expected: u64,
        /// Why.
        source: io::Error,
    },
    /// The slot could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// PID 1 did not do it.
    #[error("the boot loader's environment: {0}")]
    Order(String),
}

/// Writes the image of `header`, whose signature has been checked, from `source` into `slot`, and
/// lets the boot loader try it. `order` has an order carried out; `done` hears of the bytes so far.
///
/// # Errors
/// Why it is not done. The slot holds no valid image then, and is not tried.
pub fn install(
    header: &Header,
    slot: (Slot, &mut impl Disk),
    source: &mut impl Read,
    mut order: impl FnMut(SlotsOrder) -> Result<(), String>,
    mut done: impl FnMut(u64) -> io::Result<()>,
) -> Result<(), InstallError> {
    let (name, disk) = slot;
    // Whatever the boot loader has in mind with this slot ends before it is overwritten.
    order(SlotsOrder::GiveUp {
        reason: format!("slot {name} is written anew"),
    })
    .map_err(InstallError::Order)?;
    let mut writer = SlotWriter::begin(header, disk)?;
    let mut block = Vec::new();
    let mut got = 0;
    while let Some((_, length)) = writer.wanted() {
        block.resize(length, 0);
        let broken = |source| InstallError::Source {
            got,
            expected: header.payload,
            source,
        };
        source.read_exact(&mut block).map_err(broken)?;
        writer.put(&block)?;
        got += length as u64;
        done(got).map_err(|source| InstallError::Source {
            got,
            expected: header.payload,
            source,
        })?;
    }
    writer.finish()?;
    order(SlotsOrder::Try {
        slot: name,
        tries: TRIES,
    })
    .map_err(InstallError::Order)
}
