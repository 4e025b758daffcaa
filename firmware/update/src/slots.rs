//! Orders about the boot loader's slots, carried out by root's one-shot.

use std::path::{Path, PathBuf};

use failberry_service::SlotsOrder;

/// An order that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// Nobody knows how.
    #[error("not there yet: {order:?} on {card}")]
    NotThereYet {
        /// The order.
        order: SlotsOrder,
        /// Block device of the card.
        card: PathBuf,
    },
}

/// Carries out `order` on the card, a block device such as `/dev/mmcblk0`. Needs root.
///
/// # Errors
/// Why it could not be; the card then boots as before.
pub fn carry_out(order: &SlotsOrder, card: &Path) -> Result<(), SlotsError> {
    Err(SlotsError::NotThereYet {
        order: order.clone(),
        card: card.to_owned(),
    })
}
