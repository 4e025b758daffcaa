//! Radio state, and switching it on: the last user may have left a stick in `+CFUN=0` or `4`, in
//! which it searches for no network.

use super::error::result_text;
use crate::{
    at::{Final, Text, text},
    modem::Function,
};

/// Refusals after which the dialogue goes on with the radio off. A stick may refuse until its SIM is
/// ready, and a busy one for seconds.
const MAX_REFUSALS: u8 = 4;

/// Time from a refusal to the next try, in milliseconds.
pub(super) const RETRY_MS: u64 = 2_000;

/// Time from `OK` to the next command, in milliseconds: many sticks power the SIM with the radio.
pub(super) const SETTLE_MS: u64 = 1_000;

/// Radio state as far as it is known.
#[derive(Default)]
pub(super) struct Radio {
    /// Last answer to `+CFUN?`, if other than "all on".
    off: Option<Function>,
    refusals: u8,
    refusal: Option<Text>,
    /// It was switched on in this dialogue, and counts as on whatever `+CFUN?` says.
    switched_on: bool,
}

impl Radio {
    /// Records an answer to `AT+CFUN?`. Returns whether it was understood.
    pub(super) fn on_line(&mut self, line: &str) -> bool {
        let parsed = Function::parse(line);
        if let Ok(function) = parsed {
            self.off = (function != Function::Full).then_some(function);
        }
        parsed.is_ok()
    }

    /// Returns whether `AT+CFUN=1` is to be sent (again).
    pub(super) fn must_switch_on(&self) -> bool {
        self.off.is_some() && !self.switched_on && self.refusals < MAX_REFUSALS
    }

    /// Records the result of `AT+CFUN=1`. Returns whether the radio is on now.
    pub(super) fn on_result(&mut self, result: Option<&Final>) -> bool {
        match result {
            Some(Final::Ok) => {
                self.switched_on = true;
                self.off = None;
                self.refusal = None;
            }
            Some(other) => {
                self.refusals = self.refusals.saturating_add(1);
                self.refusal = Some(result_text(other));
            }
            // Each timeout costs 20 s; the stick may still switch the radio on later.
            None => {
                self.refusals = MAX_REFUSALS;
                self.refusal = Some(text("no answer"));
            }
        }
        self.switched_on
    }

    /// Returns the refusal of `AT+CFUN=1`, while the radio is off as far as is known.
    pub(super) fn refusal(&self) -> Option<&Text> {
        self.refusal.as_ref().filter(|_| self.off.is_some())
    }
}
