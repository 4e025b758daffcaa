//! Execution of the ladder's rungs: logging, counting, actions and timeouts.

use failberry_state::{BootMillis, Recovery, RecoveryRung, RecoveryStep};
use failberry_usb::Look;
use log::Level;

use super::{Action, Outcome, PinState, UplinkMachine, log_line, phase::Phase};
use crate::ladder::{FailureKind, Rung};

/// Time for a reset, at most: trying each port of a stick that answers on none takes a dozen
/// seconds.
const RESET_TIMEOUT_MS: u64 = 20_000;
/// Time for a power cycle, at most: the sockets are off for 3 s, and each hub request may take 5 s.
const POWER_CYCLE_TIMEOUT_MS: u64 = 30_000;
/// Time from the request for a reboot to the end of this process, at most.
const REBOOT_TIMEOUT_MS: u64 = 60_000;
/// Time for a stick to return to the bus, at most; some 10 s after power is usual. One that never
/// left is dialled with then.
const RETURN_TIMEOUT_MS: u64 = 20_000;
/// Time from an accepted reset to leaving the bus: a stick leaves at once, or not at all.
const LEAVE_TIMEOUT_MS: u64 = 6_000;
/// Time from unplug to recovery: a stick is plugged in again within seconds, or a person is at work
/// on it.
const ABSENT_TIMEOUT_MS: u64 = 30_000;
/// Time from the start to recovery if no stick was seen: there may be none, but one that hung before
/// the start only returns after a power cycle.
const NEVER_SEEN_TIMEOUT_MS: u64 = 120_000;
/// Time between two later failures for the ladder to count while no stick is present.
const STILL_ABSENT_INTERVAL_MS: u64 = 60_000;

const POWER_RESTORED: &str = "the USB sockets have power again";

impl UplinkMachine {
    /// Starts a rung; `why` is the failure that led to it.
    pub(super) fn execute_rung(
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
                out.push(log_line(Level::Warn, text));
                (RESET_TIMEOUT_MS, Action::Reset(stick.clone()))
            }
            (Rung::PowerCycle, _) => {
                let text = format!("cutting the power of the USB sockets: {why}");
                out.push(log_line(Level::Warn, text));
                (POWER_CYCLE_TIMEOUT_MS, Action::PowerCycle)
            }
            (Rung::Reboot, _) => {
                out.push(log_line(Level::Warn, format!("asking for a reboot: {why}")));
                (REBOOT_TIMEOUT_MS, Action::Reboot(why.clone()))
            }
            (Rung::Redial | Rung::Reset, _) => {
                self.record(RecoveryRung::Redial, why, now);
                return self.back_off(wait_ms, now, out);
            }
        };
        self.cancel_passthrough(out);
        self.record(rung.to_public(), why, now);
        self.persist_before_rung(rung, now, out);
        self.look = Look::Complete;
        out.push(action);
        self.deadline = Some(now.plus(bound));
        self.enter(Phase::Recovering(rung), now);
    }

    fn back_off(&mut self, wait_ms: u64, now: BootMillis, out: &mut Vec<Action>) {
        if self.stick.is_none() {
            return self.wait_for_stick(now, out);
        }
        let text = format!("dialling again in {} s", wait_ms / 1000);
        out.push(log_line(Level::Info, text));
        self.deadline = Some(now.plus(wait_ms));
        self.enter(Phase::BackingOff, now);
    }

    /// Waits for a stick: none is present, or it has left.
    pub(super) fn wait_for_stick(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        if self.phase != Phase::NoStick || !self.logged_waiting {
            out.push(log_line(Level::Info, "waiting for a stick".into()));
            let wait = if self.logged_waiting {
                ABSENT_TIMEOUT_MS
            } else {
                NEVER_SEEN_TIMEOUT_MS
            };
            // Without a usable configuration no stick is missed.
            self.deadline = self.config_error.is_none().then(|| now.plus(wait));
        }
        self.logged_waiting = true;
        self.look = Look::Complete;
        self.enter(Phase::NoStick, now);
    }

    pub(super) fn missing_stick_due(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let decision = self.ladder.on_failure(self.absence_kind(), None, now.0);
        if decision.rung == Rung::Redial {
            self.deadline = Some(now.plus(STILL_ABSENT_INTERVAL_MS));
        } else {
            let why = "there is no stick on the bus".into();
            self.execute_rung(decision.rung, 0, why, now, out);
        }
    }

    /// Returns the kind of failure that a missing stick is.
    const fn absence_kind(&self) -> FailureKind {
        if self.last_device.is_some() {
            FailureKind::Disconnected
        } else {
            FailureKind::NeverSeen
        }
    }

    pub(super) fn blocked_due(
        &mut self,
        kind: FailureKind,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        let why = self.state.last_error.clone().unwrap_or_default();
        let rung = if kind == FailureKind::NoSim {
            self.ladder.on_failure(kind, None, now.0).rung
        } else if self.pin == PinState::Uncertain {
            // After a power loss of the SIM it shows whether the PIN was accepted.
            self.ladder.record_rung(Rung::Reset, now.0);
            Rung::Reset
        } else {
            Rung::Redial
        };
        if rung == Rung::Redial {
            out.push(log_line(Level::Info, format!("dialling again: {why}")));
            self.record(RecoveryRung::Redial, why, now);
            return self.attempt(now, out);
        }
        self.execute_rung(rung, 0, why, now, out);
    }

    /// Handles the result of a rung.
    pub(super) fn on_recovered(
        &mut self,
        outcome: Outcome,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        let rung = match outcome {
            Outcome::ResetAccepted | Outcome::ResetUnanswered(_) => Rung::Reset,
            Outcome::PowerCycled(_) | Outcome::PowerCycleFailed(_) => Rung::PowerCycle,
            Outcome::RebootGranted | Outcome::RebootRefused(_) => Rung::Reboot,
        };
        if self.phase != Phase::Recovering(rung) {
            // The stick returned earlier and is being dialled with.
            if let Outcome::PowerCycled(way) = outcome {
                out.push(log_line(
                    Level::Info,
                    format!("{POWER_RESTORED} (by {way})"),
                ));
            }
            return;
        }
        match outcome {
            Outcome::ResetAccepted => {
                out.push(log_line(Level::Info, "the stick starts anew".into()));
                if self.stick.is_some() {
                    self.deadline = Some(now.plus(LEAVE_TIMEOUT_MS));
                }
            }
            // A stick that has left the bus did receive the reset.
            Outcome::ResetUnanswered(_) if self.stick.is_none() => {}
            Outcome::ResetUnanswered(why) => {
                let why = format!("the stick does not hear: {why}");
                let decision = self
                    .ladder
                    .on_failure(FailureKind::ResetIgnored, None, now.0);
                self.execute_rung(decision.rung, decision.wait_ms, why, now, out);
            }
            Outcome::PowerCycled(way) => {
                out.push(log_line(
                    Level::Info,
                    format!("{POWER_RESTORED} (by {way})"),
                ));
                self.deadline = Some(now.plus(RETURN_TIMEOUT_MS));
                out.push(Action::LookAtBus);
            }
            Outcome::RebootGranted => {
                out.push(log_line(Level::Info, "the reboot is granted".into()));
            }
            Outcome::PowerCycleFailed(why) => {
                let text = format!("the power of the USB sockets cannot be cut: {why}");
                self.on_rung_refused(text, now, out);
            }
            Outcome::RebootRefused(why) => {
                self.ladder.record_refusal(Rung::Reboot);
                self.on_rung_refused(format!("no reboot: {why}"), now, out);
            }
        }
    }

    /// Records that the stick left the bus after a reset.
    pub(super) const fn on_stick_reset(&mut self, now: BootMillis) {
        self.deadline = Some(now.plus(RETURN_TIMEOUT_MS));
    }

    fn on_rung_refused(&mut self, text: String, now: BootMillis, out: &mut Vec<Action>) {
        out.push(log_line(Level::Warn, text.clone()));
        if self.stick.is_some() {
            self.record(RecoveryRung::Redial, text, now);
        }
        let wait = self.ladder.next_redial_wait();
        self.back_off(wait, now, out);
    }

    /// Handles a rung that had no result within its timeout.
    pub(super) fn recovery_timed_out(
        &mut self,
        rung: Rung,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        if self.stick.is_some() {
            // It did not leave the bus; the next attempt shows whether the rung helped.
            return self.attempt(now, out);
        }
        let decision = match rung {
            Rung::Reset => self
                .ladder
                .on_failure(FailureKind::ResetIgnored, None, now.0),
            _ => self.ladder.on_failure(self.absence_kind(), None, now.0),
        };
        let why = format!(
            "the stick did not come back within {} s",
            RETURN_TIMEOUT_MS / 1000
        );
        out.push(log_line(Level::Warn, why.clone()));
        if decision.rung == Rung::Redial {
            self.wait_for_stick(now, out);
        } else {
            self.execute_rung(decision.rung, 0, why, now, out);
        }
    }

    /// Adds a step to the published history and counts it.
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
        self.persist.mark_dirty();
        // Repeated steps are merged, or an outage of hours would displace all others.
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
