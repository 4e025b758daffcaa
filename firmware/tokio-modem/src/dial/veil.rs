//! Keeps the PIN out of what is told. While its command runs the AT engine does so; an echo may
//! come later than that, and whole or torn among anything else that the stick says.

use super::settings::{Pin, Settings};
use crate::at::{Fault, Final, text};

/// Stands for words of the stick that have the PIN in them.
const HIDDEN: &str = "(hidden: the PIN is in it)";

impl Settings {
    /// Whether `words` have the PIN in them.
    pub(super) fn pin_is_in(&self, words: &str) -> bool {
        matches!(&self.pin, Pin::Given(pin) if words.contains(pin.as_str()))
    }

    /// The result as it may be told.
    pub(super) fn veiled(&self, result: Final) -> Final {
        match result {
            Final::Connect(rate) if self.pin_is_in(&rate) => Final::Connect(text(HIDDEN)),
            Final::Cme(Fault::Text(words)) if self.pin_is_in(&words) => {
                Final::Cme(Fault::Text(text(HIDDEN)))
            }
            Final::Cms(Fault::Text(words)) if self.pin_is_in(&words) => {
                Final::Cms(Fault::Text(text(HIDDEN)))
            }
            // A number that is the same by chance: no echo begins like an error.
            other => other,
        }
    }
}
