//! Sticks that come and go.

use failberry_state::{BootMillis, RecoveryRung, Stick as StickState};
use failberry_usb::{Device, Look, NotReady, Presence, ScanResult, Stick};
use log::Level;

use super::{
    Action, Machine,
    phase::{Phase, Waiting},
    port::PortTurn,
    say,
};
use crate::ladder::{Rung, Trouble};

/// A stick's ttys come within a second of each other, even on a busy bus.
const SETTLE_MS: u64 = 5_000;

/// From the eject of its CD-ROM until a stick is a modem.
const EJECT_MS: u64 = 15_000;

/// An eject that failed is tried again after this long: the drive may have been starting.
const EJECT_AGAIN_MS: u64 = 2_000;

/// Ejects before a stick counts as one without a modem port.
const EJECTS_MAX: u32 = 3;

const GONE: &str = "stick is gone";

impl Machine {
    pub(super) fn bus(&mut self, sight: ScanResult, now: BootMillis, out: &mut Vec<Action>) {
        self.others(&sight, out);
        match sight.presence {
            Presence::Ready(stick) if self.stick.as_ref() == Some(&stick) => {}
            Presence::Ready(stick) => {
                self.forget_stick(now, out);
                self.take(stick, now, out);
            }
            Presence::NotReady(device, why) => self.unready(device, why, now, out),
            Presence::Absent => {
                let left = self.stick.is_some();
                self.forget_stick(now, out);
                match self.phase {
                    Phase::Recovering(Rung::Reset) if left => self.stick_restarts(now),
                    // A rung that is being taken has a time of its own.
                    Phase::Recovering(_) => {}
                    Phase::HangingUp(Rung::PowerCut) => self.hung_up(now, out),
                    _ => self.no_stick(now, out),
                }
            }
        }
    }

    /// Says which of several sticks is used.
    fn others(&mut self, sight: &ScanResult, out: &mut Vec<Action>) {
        if self.others == sight.others {
            return;
        }
        self.others.clone_from(&sight.others);
        self.state.unused = (self.others.iter())
            .map(|device| device.bus_path.clone())
            .collect();
        if let (Some(used), false) = (sight.presence.device(), self.others.is_empty()) {
            let others: Vec<String> = self.others.iter().map(ToString::to_string).collect();
            let text = format!(
                "several sticks: using {used}, not using {}",
                others.join(", ")
            );
            out.push(say(Level::Info, text));
        }
    }

    /// Lets go of the stick in use, which is there no more.
    fn forget_stick(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Some(stick) = self.stick.take() else {
            return;
        };
        self.drop_question(out);
        if matches!(self.phase, Phase::HangingUp(_)) {
            out.push(Action::Abort);
        }
        if self.phase.is_attempt() {
            out.push(Action::Abort);
            // A stick that crashes in every call is a failure like any other. It is dialled as
            // soon as it is back, but the ladder keeps count.
            self.ladder.note(Trouble::Carrier, self.lasted(now));
            if self.lasted(now).is_some() {
                out.push(say(Level::Warn, format!("carrier link is down: {GONE}")));
            } else {
                self.state.failures = self.state.failures.saturating_add(1);
            }
            self.state.last_error = Some(GONE.into());
        }
        out.push(say(Level::Warn, GONE.into()));
        self.last = Some(stick.device);
        self.state.stick = None;
        self.state.link = None;
        self.state.operator = None;
        self.state.signal_dbm = None;
        self.pin.stick_lost_power();
    }

    fn take(&mut self, stick: Stick, now: BootMillis, out: &mut Vec<Action>) {
        out.push(say(
            Level::Info,
            format!("stick {}, modem port {}", stick.device, stick.tty),
        ));
        if self.last.as_ref().is_some_and(|last| *last != stick.device) {
            self.ladder.reset();
            self.slow = false;
            self.port = PortTurn::default();
        }
        self.state.stick = Some(StickState {
            vendor: stick.device.vendor,
            product: stick.device.product,
            bus_path: stick.device.bus_path.clone(),
            tty: stick.tty.clone(),
            model: None,
        });
        self.stick = Some(stick);
        self.told_waiting = true;
        match self.unusable.clone() {
            Some(reason) => self.refuse(reason, now, out),
            None => self.attempt(now, out),
        }
    }

    fn unready(&mut self, device: Device, why: NotReady, now: BootMillis, out: &mut Vec<Action>) {
        self.forget_stick(now, out);
        let complete = self.look == Look::Complete;
        match &mut self.phase {
            Phase::Unready(waiting) if waiting.device == device => {
                let changed = std::mem::replace(&mut waiting.why, why) != why;
                if complete && changed {
                    self.deadline = Some(now.plus(SETTLE_MS));
                    self.eject_first(now, out);
                } else if !complete && waiting.told != Some(why) {
                    waiting.told = Some(why);
                    let text = format!("stick {device} cannot be dialled with: {why}");
                    self.state.last_error = Some(text.clone());
                    out.push(say(Level::Warn, text));
                    out.push(Action::DescribeBus);
                    self.unusable_stick(now, out);
                }
            }
            _ => {
                self.look = Look::Complete;
                self.deadline = Some(now.plus(SETTLE_MS));
                let waiting = Waiting {
                    device,
                    why,
                    told: None,
                    ejects: 0,
                };
                self.enter(Phase::Unready(waiting), now);
                self.eject_first(now, out);
            }
        }
    }

    fn eject_first(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        if let Phase::Unready(Waiting { ejects: 0, .. }) = self.phase {
            self.eject(now, out);
        }
    }

    /// Ejects the CD-ROM, where there is one that was not ejected in vain; tells whether it did.
    fn eject(&mut self, now: BootMillis, out: &mut Vec<Action>) -> bool {
        let Phase::Unready(waiting) = &mut self.phase else {
            return false;
        };
        if !waiting.why.is_switchable() || waiting.ejects >= EJECTS_MAX {
            return false;
        }
        waiting.ejects += 1;
        let device = waiting.device.clone();
        let text = match waiting.why {
            NotReady::Configuration { wanted } => {
                format!("stick {device} has no port, choosing its configuration {wanted}")
            }
            _ => format!("stick {device} shows its CD-ROM, ejecting it"),
        };
        self.cdrom = Some(device.bus_path.clone());
        self.deadline = Some(now.plus(EJECT_MS));
        self.record(RecoveryRung::Eject, text.clone(), now);
        out.push(say(Level::Info, text));
        out.push(Action::Eject(device));
        true
    }

    pub(super) fn ejected(
        &mut self,
        outcome: Result<(), String>,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        match outcome {
            Ok(()) => out.push(say(
                Level::Info,
                "CD-ROM ejected, waiting for the modem".into(),
            )),
            Err(why) => {
                out.push(say(Level::Warn, format!("CD-ROM not ejected: {why}")));
                if matches!(self.phase, Phase::Unready(_)) {
                    self.deadline = Some(now.plus(EJECT_AGAIN_MS));
                }
            }
        }
    }

    pub(super) fn unready_due(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Phase::Unready(waiting) = &self.phase else {
            return;
        };
        if waiting.told.is_some() {
            self.unusable_stick(now, out);
        } else if !self.eject(now, out) {
            self.look = Look::Settled;
            // Should the look tell nothing.
            self.deadline = Some(now.plus(SETTLE_MS));
            out.push(Action::LookAtBus);
        }
    }

    /// The stick has no modem port, and will not have one by itself.
    fn unusable_stick(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let why = self.state.last_error.clone().unwrap_or_default();
        let step = self.ladder.fail(Trouble::Unready, None, now.0);
        if step.rung == Rung::Redial {
            self.deadline = Some(now.plus(step.wait_ms.max(SETTLE_MS)));
        } else {
            self.climb(step.rung, 0, why, now, out);
        }
    }
}
