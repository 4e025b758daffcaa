//! Installs one update: from its stream into the inactive slot, and on to its trial.

use std::io::{self, Read};

use failberry_environment::Disk;
use failberry_service::SlotsOrder;
use failberry_state::Slot;

use crate::{
    Header,
    trial::TRIES,
    writer::{SlotWriter, WriteError},
};

/// The update was not installed; the running image stays the one that is started.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The stream ended early.
    #[error("the image broke off after {got} of {expected} bytes: {source}")]
    Source {
        /// Bytes received.
        got: u64,
        /// Bytes expected.
        expected: u64,
        /// The cause.
        source: io::Error,
    },
    /// The slot could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// PID 1 refused or failed to change the boot loader's environment.
    #[error("the boot loader's environment: {0}")]
    Order(String),
}

/// Writes the image of `header`, whose signature has been checked, from `source` into `slot`, and
/// sets it on trial. `order` executes a slots order; `done` receives the bytes written so far.
///
/// # Errors
/// The step that failed. The slot holds no valid image then, and is not tried.
pub fn install(
    header: &Header,
    slot: (Slot, &mut impl Disk),
    source: &mut impl Read,
    mut order: impl FnMut(SlotsOrder) -> Result<(), String>,
    mut done: impl FnMut(u64) -> io::Result<()>,
) -> Result<(), InstallError> {
    let (name, disk) = slot;
    // Cancels any trial of this slot before it is overwritten.
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
        writer.write_block(&block)?;
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
