//! Redaction of the PIN in results.
//!
//! While the command with the PIN runs, the AT engine redacts. An echo may come later than that,
//! whole or torn, within any other text from the stick.

use super::settings::{Pin, Settings};
use crate::at::{Fault, Final, text};

/// Replaces text from the stick that contains the PIN.
const REDACTED: &str = "(hidden: the PIN is in it)";

impl Settings {
    /// Returns whether `text` contains the PIN.
    pub(super) fn contains_pin(&self, text: &str) -> bool {
        matches!(&self.pin, Pin::Usable(pin) if text.contains(pin.as_str()))
    }

    /// Returns `result` with text that contains the PIN replaced.
    pub(super) fn redacted(&self, result: Final) -> Final {
        match result {
            Final::Connect(rate) if self.contains_pin(&rate) => Final::Connect(text(REDACTED)),
            Final::Cme(Fault::Text(message)) if self.contains_pin(&message) => {
                Final::Cme(Fault::Text(text(REDACTED)))
            }
            Final::Cms(Fault::Text(message)) if self.contains_pin(&message) => {
                Final::Cms(Fault::Text(text(REDACTED)))
            }
            // An error number equals the PIN by chance only: no echo begins like an error.
            other => other,
        }
    }
}
