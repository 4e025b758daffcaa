//! Model of U-Boot's slot selection, after the script in `uboot.env`.

use failberry_environment::{Slots, Stored};
use failberry_state::Slot;

use crate::{Card, Part};

/// The rules of `choose` and `start_slot`.
pub struct UBoot;

impl UBoot {
    /// Returns the started slot and its image; `None` without power, or if nothing starts.
    pub fn start(card: &Card) -> Option<(Slot, Vec<u8>)> {
        // Without these U-Boot is not started itself.
        if !card.has_fixed() {
            return None;
        }
        let mut whole = Part::whole(card);
        let mut stored = Stored::read(&whole).ok()?;
        let mut slots = Slots::of(&stored.environment).ok()?;
        let mut order = slots.order.clone();
        if let Some(trial) = slots.trial {
            if slots.tries > 0 {
                slots.tries -= 1;
                order.insert(0, trial);
            } else {
                slots.trial = None;
            }
            slots.put(&mut stored.environment);
            stored.save(&mut whole).ok()?;
        }
        order
            .into_iter()
            .find_map(|slot| Some((slot, card.image(slot)?)))
    }
}
