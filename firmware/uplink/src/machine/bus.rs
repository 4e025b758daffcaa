//! Sticks that come and go.

use failberry_state::{BootMillis, Stick as StickState};
use failberry_usb::{Device, Look, Presence, Stick, Unready};
use log::Level;

use super::{Action, Machine, phase::Phase, say};

/// A stick's ttys come within a second of each other, even on a busy bus.
const SETTLE_MS: u64 = 5_000;

const GONE: &str = "stick is gone";

impl Machine {
    pub(super) fn bus(&mut self, presence: Presence, now: BootMillis, out: &mut Vec<Action>) {
        match presence {
            Presence::Ready(stick) if self.stick.as_ref() == Some(&stick) => {}
            Presence::Ready(stick) => {
                self.forget_stick(now, out);
                self.take(stick, now, out);
            }
            Presence::Unready(device, why) => self.unready(device, why, now, out),
            Presence::Absent => {
                self.forget_stick(now, out);
                if self.phase != Phase::NoStick || !self.told_waiting {
                    out.push(say(Level::Info, "waiting for a stick".into()));
                }
                self.told_waiting = true;
                self.look = Look::Complete;
                self.deadline = None;
                self.enter(Phase::NoStick, now);
            }
        }
    }

    /// Lets go of the stick in use, which is there no more.
    fn forget_stick(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Some(stick) = self.stick.take() else {
            return;
        };
        if self.phase.is_attempt() {
            out.push(Action::Abort);
            // A stick that crashes in every call is a failure like any other. It is dialled as
            // soon as it is back, but the ladder keeps count.
            self.ladder.fail(self.lasted(now));
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
        }
        self.state.stick = Some(StickState {
            vendor: stick.device.vendor,
            product: stick.device.product,
            bus_path: stick.device.bus_path.clone(),
            tty: stick.tty.clone(),
            model: None,
        });
        self.stick = Some(stick);
        match self.unusable.clone() {
            Some(reason) => self.block(reason, now, out),
            None => self.attempt(now, out),
        }
    }

    fn unready(&mut self, device: Device, why: Unready, now: BootMillis, out: &mut Vec<Action>) {
        self.forget_stick(now, out);
        match &mut self.phase {
            Phase::Unready {
                device: known,
                why: before,
                told,
            } if *known == device => {
                let changed = std::mem::replace(before, why) != why;
                if self.look == Look::Complete {
                    if changed {
                        self.deadline = Some(now.plus(SETTLE_MS));
                    }
                } else if *told != Some(why) {
                    *told = Some(why);
                    let text = format!("stick {device} cannot be dialled with: {why}");
                    self.state.last_error = Some(text.clone());
                    out.push(say(Level::Warn, text));
                    out.push(Action::DescribeBus);
                }
            }
            _ => {
                self.look = Look::Complete;
                self.deadline = Some(now.plus(SETTLE_MS));
                self.enter(
                    Phase::Unready {
                        device,
                        why,
                        told: None,
                    },
                    now,
                );
            }
        }
    }
}
