//! Taking the rungs of the ladder: what is announced, counted, done, and waited for.

use failberry_state::{BootMillis, Recovery, RecoveryRung, RecoveryStep};
use failberry_usb::Look;
use log::Level;

use super::{Action, Machine, Outcome, PinUse, phase::Phase, say};
use crate::ladder::{Rung, Trouble};

/// Asking each port of a stick that answers none takes a dozen seconds.
const RESET_MS: u64 = 20_000;
/// The sockets are dark for 3 s, and each request to a hub may take five.
const POWER_MS: u64 = 30_000;
/// From the supervisor's word to the end of this process.
const REBOOT_MS: u64 = 60_000;
/// A stick is back on the bus some 10 s after power; one that never left is dialled with then.
const RETURN_MS: u64 = 20_000;
/// A stick that is told to start anew leaves the bus at once, or not at all.
const LEAVE_MS: u64 = 6_000;
/// A pulled stick is plugged in again within seconds, or somebody is at work.
const ABSENT_MS: u64 = 30_000;
/// Nobody may have plugged one in yet, but one that hung when we started comes only by power.
const NEVER_SEEN_MS: u64 = 120_000;
/// From look to look after that, and what the ladder counts.
const STILL_ABSENT_MS: u64 = 60_000;

const POWERED: &str = "the USB sockets have power again";

impl Machine {
    /// Takes a rung; `why` is the failure that led to it.
    pub(super) fn climb(
        &mut self,
        rung: Rung,
        wait_ms: u64,
        why: String,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        let (bound, action) = match (rung, &self.stick) {
            (Rung::Reset, Some(stick)) => {
                let text = format!("telling the stick to start anew (AT+CFUN=1,1): {why}");
                out.push(say(Level::Warn, text));
                (RESET_MS, Action::Reset(stick.clone()))
            }
            (Rung::PowerCut, _) => {
                let text = format!("cutting the power of the USB sockets: {why}");
                out.push(say(Level::Warn, text));
                (POWER_MS, Action::CutPower)
            }
            (Rung::Reboot, _) => {
                out.push(say(Level::Warn, format!("asking for a reboot: {why}")));
                (REBOOT_MS, Action::Reboot(why.clone()))
            }
            (Rung::Redial | Rung::Reset, _) => {
                self.record(RecoveryRung::Redial, why, now);
                return self.back_off(wait_ms, now, out);
            }
        };
        self.drop_question(out);
        self.record(rung.told(), why, now);
        self.keep_after(rung, now, out);
        self.look = Look::Complete;
        out.push(action);
        self.deadline = Some(now.plus(bound));
        self.enter(Phase::Recovering(rung), now);
    }

    fn back_off(&mut self, wait_ms: u64, now: BootMillis, out: &mut Vec<Action>) {
        if self.stick.is_none() {
            return self.no_stick(now, out);
        }
        let text = format!("dialling again in {} s", wait_ms / 1000);
        out.push(say(Level::Info, text));
        self.deadline = Some(now.plus(wait_ms));
        self.enter(Phase::BackingOff, now);
    }

    /// There is none, or none any more.
    pub(super) fn no_stick(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        if self.phase != Phase::NoStick || !self.told_waiting {
            out.push(say(Level::Info, "waiting for a stick".into()));
            let wait = if self.told_waiting {
                ABSENT_MS
            } else {
                NEVER_SEEN_MS
            };
            // Without anything to dial with no stick is missed.
            self.deadline = self.unusable.is_none().then(|| now.plus(wait));
        }
        self.told_waiting = true;
        self.look = Look::Complete;
        self.enter(Phase::NoStick, now);
    }

    pub(super) fn absent_due(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let step = self.ladder.fail(self.absence(), None, now.0);
        if step.rung == Rung::Redial {
            self.deadline = Some(now.plus(STILL_ABSENT_MS));
        } else {
            let why = "there is no stick on the bus".into();
            self.climb(step.rung, 0, why, now, out);
        }
    }

    /// What kind of trouble it is that there is no stick.
    const fn absence(&self) -> Trouble {
        if self.last.is_some() {
            Trouble::Lost
        } else {
            Trouble::NeverSeen
        }
    }

    pub(super) fn blocked_due(&mut self, trouble: Trouble, now: BootMillis, out: &mut Vec<Action>) {
        let why = self.state.last_error.clone().unwrap_or_default();
        let rung = if trouble == Trouble::NoSim {
            self.ladder.fail(trouble, None, now.0).rung
        } else if self.pin == PinUse::Uncertain {
            // What became of the PIN shows after the SIM was without power.
            self.ladder.take(Rung::Reset, now.0);
            Rung::Reset
        } else {
            Rung::Redial
        };
        if rung == Rung::Redial {
            out.push(say(Level::Info, format!("dialling again: {why}")));
            self.record(RecoveryRung::Redial, why, now);
            return self.attempt(now, out);
        }
        self.climb(rung, 0, why, now, out);
    }

    /// What came of a rung.
    pub(super) fn recovered(&mut self, outcome: Outcome, now: BootMillis, out: &mut Vec<Action>) {
        let rung = match outcome {
            Outcome::ResetTaken | Outcome::ResetUnanswered(_) => Rung::Reset,
            Outcome::PowerCut(_) | Outcome::PowerKept(_) => Rung::PowerCut,
            Outcome::RebootGranted | Outcome::RebootRefused(_) => Rung::Reboot,
        };
        if self.phase != Phase::Recovering(rung) {
            // The stick came back before, and is being dialled with.
            if let Outcome::PowerCut(way) = outcome {
                out.push(say(Level::Info, format!("{POWERED} (by {way})")));
            }
            return;
        }
        match outcome {
            Outcome::ResetTaken => {
                out.push(say(Level::Info, "the stick starts anew".into()));
                if self.stick.is_some() {
                    self.deadline = Some(now.plus(LEAVE_MS));
                }
            }
            // It did hear, if it is gone.
            Outcome::ResetUnanswered(_) if self.stick.is_none() => {}
            Outcome::ResetUnanswered(why) => {
                let why = format!("the stick does not hear: {why}");
                let step = self.ladder.fail(Trouble::Deaf, None, now.0);
                self.climb(step.rung, step.wait_ms, why, now, out);
            }
            Outcome::PowerCut(way) => {
                out.push(say(Level::Info, format!("{POWERED} (by {way})")));
                self.deadline = Some(now.plus(RETURN_MS));
                out.push(Action::LookAtBus);
            }
            Outcome::RebootGranted => out.push(say(Level::Info, "the reboot is granted".into())),
            Outcome::PowerKept(why) => {
                let text = format!("the power of the USB sockets cannot be cut: {why}");
                self.refused(text, now, out);
            }
            Outcome::RebootRefused(why) => {
                self.ladder.refused(Rung::Reboot);
                self.refused(format!("no reboot: {why}"), now, out);
            }
        }
    }

    /// It heard, and left the bus.
    pub(super) const fn stick_restarts(&mut self, now: BootMillis) {
        self.deadline = Some(now.plus(RETURN_MS));
    }

    fn refused(&mut self, text: String, now: BootMillis, out: &mut Vec<Action>) {
        out.push(say(Level::Warn, text.clone()));
        if self.stick.is_some() {
            self.record(RecoveryRung::Redial, text, now);
        }
        let wait = self.ladder.redial();
        self.back_off(wait, now, out);
    }

    /// Nothing came of a rung in its time.
    pub(super) fn overdue(&mut self, rung: Rung, now: BootMillis, out: &mut Vec<Action>) {
        if self.stick.is_some() {
            // It came through without leaving the bus; whether it helped is for the next call.
            return self.attempt(now, out);
        }
        let step = match rung {
            Rung::Reset => self.ladder.fail(Trouble::Deaf, None, now.0),
            _ => self.ladder.fail(self.absence(), None, now.0),
        };
        let why = format!("the stick did not come back within {} s", RETURN_MS / 1000);
        out.push(say(Level::Warn, why.clone()));
        if step.rung == Rung::Redial {
            self.no_stick(now, out);
        } else {
            self.climb(step.rung, 0, why, now, out);
        }
    }

    /// Keeps in mind what was done, for people.
    pub(super) fn record(&mut self, rung: RecoveryRung, reason: String, now: BootMillis) {
        let recovery = &mut self.state.recovery;
        let counter = match rung {
            RecoveryRung::Redial => &mut recovery.redials,
            RecoveryRung::Reset => &mut recovery.resets,
            RecoveryRung::UsbPowerCycle => &mut recovery.usb_power_cycles,
            RecoveryRung::Reboot => &mut recovery.reboots,
            RecoveryRung::Eject => &mut recovery.ejects,
        };
        *counter = counter.saturating_add(1);
        self.memory.fall_behind();
        // An outage of hours must not push everything else out.
        if let Some(last) = recovery.history.last_mut()
            && (last.rung, &last.reason) == (rung, &reason)
        {
            last.at = now;
            last.times = last.times.saturating_add(1);
            return;
        }
        recovery.history.push(RecoveryStep {
            at: now,
            rung,
            reason,
            times: 1,
        });
        let excess = recovery.history.len().saturating_sub(Recovery::HISTORY_MAX);
        recovery.history.drain(..excess);
    }
}
