//! Whether the radio is on, and switching it on: a stick may be left in `+CFUN=0` or `4` by
//! whoever used it last, and searches for no network then.

use super::error::told;
use crate::{
    at::{Final, Text, text},
    modem::Function,
};

/// Refusals after which the dialogue goes on without. A stick may refuse until its SIM is ready,
/// and a busy one for seconds.
const REFUSALS_MAX: u8 = 4;

/// From a refusal to the next try.
pub(super) const AGAIN_MS: u64 = 2_000;

/// From `OK` to the next command: the SIM gets its power with the radio on many sticks.
pub(super) const AFTER_MS: u64 = 1_000;

/// What was learnt about the radio.
#[derive(Default)]
pub(super) struct Radio {
    /// What `+CFUN?` said last, where that is not "all on".
    off: Option<Function>,
    refusals: u8,
    refusal: Option<Text>,
    /// It was switched on in this dialogue, and is believed to be, whatever `+CFUN?` says.
    switched: bool,
}

impl Radio {
    /// Records an answer to `AT+CFUN?`. Returns whether it was understood.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        let heard = Function::parse(line);
        if let Ok(function) = heard {
            self.off = (function != Function::Full).then_some(function);
        }
        heard.is_ok()
    }

    /// Returns whether `AT+CFUN=1` is to be sent (again).
    pub(super) fn is_to_switch(&self) -> bool {
        self.off.is_some() && !self.switched && self.refusals < REFUSALS_MAX
    }

    /// Records what `AT+CFUN=1` was answered with. Returns whether the radio is on now.
    pub(super) fn judge(&mut self, result: Option<&Final>) -> bool {
        match result {
            Some(Final::Ok) => {
                self.switched = true;
                self.off = None;
                self.refusal = None;
            }
            Some(other) => {
                self.refusals = self.refusals.saturating_add(1);
                self.refusal = Some(told(other));
            }
            // Each costs a third of a minute; the stick may take it later all the same.
            None => {
                self.refusals = REFUSALS_MAX;
                self.refusal = Some(text("no answer"));
            }
        }
        self.switched
    }

    /// Returns what `AT+CFUN=1` was refused with, where the radio is off for all that is known.
    pub(super) fn refusal(&self) -> Option<&Text> {
        self.refusal.as_ref().filter(|_| self.off.is_some())
    }
}
