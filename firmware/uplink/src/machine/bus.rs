//! Sticks that appear on the bus and leave it; CD-ROM ejects.

use failberry_state::{BootMillis, RecoveryRung, Stick as StickState};
use failberry_usb::{Device, Look, NotReady, Presence, ScanResult, Stick};
use log::Level;

use super::{
    Action, UplinkMachine, log_line,
    phase::{Phase, PortWait},
    port_fallback::PortFallback,
};
use crate::ladder::{FailureKind, Rung};

/// Time from the last change to the end of a stick's enumeration: its ttys appear within a second of
/// each other, even on a busy bus.
const ENUMERATION_MS: u64 = 5_000;

/// Time from the eject of its CD-ROM until a stick is a modem, at most.
const EJECT_TIMEOUT_MS: u64 = 15_000;

/// Time from a failed eject to the next one: the drive may have been starting.
const EJECT_RETRY_MS: u64 = 2_000;

/// Ejects before a stick counts as one without a modem port.
const EJECTS_MAX: u32 = 3;

const GONE: &str = "stick is gone";

impl UplinkMachine {
    pub(super) fn on_bus(&mut self, sight: ScanResult, now: BootMillis, out: &mut Vec<Action>) {
        self.update_unused(&sight, out);
        match sight.presence {
            Presence::Ready(stick) if self.stick.as_ref() == Some(&stick) => {}
            Presence::Ready(stick) => {
                self.release_stick(now, out);
                self.use_stick(stick, now, out);
            }
            Presence::NotReady(device, why) => self.on_not_ready(device, why, now, out),
            Presence::Absent => {
                let left = self.stick.is_some();
                self.release_stick(now, out);
                match self.phase {
                    Phase::Recovering(Rung::Reset) if left => self.on_stick_reset(now),
                    // A rung in progress has a timeout of its own.
                    Phase::Recovering(_) => {}
                    Phase::HangingUp(Rung::PowerCycle) => self.hung_up(now, out),
                    _ => self.wait_for_stick(now, out),
                }
            }
        }
    }

    /// Logs and publishes which of several sticks is used.
    fn update_unused(&mut self, sight: &ScanResult, out: &mut Vec<Action>) {
        if self.unused == sight.others {
            return;
        }
        self.unused.clone_from(&sight.others);
        self.state.unused = (self.unused.iter())
            .map(|device| device.bus_path.clone())
            .collect();
        if let (Some(used), false) = (sight.presence.device(), self.unused.is_empty()) {
            let others: Vec<String> = self.unused.iter().map(ToString::to_string).collect();
            let text = format!(
                "several sticks: using {used}, not using {}",
                others.join(", ")
            );
            out.push(log_line(Level::Info, text));
        }
    }

    /// Releases the stick in use after it left the bus.
    fn release_stick(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Some(stick) = self.stick.take() else {
            return;
        };
        self.cancel_passthrough(out);
        if matches!(self.phase, Phase::HangingUp(_)) {
            out.push(Action::Abort);
        }
        if self.phase.is_attempt() {
            out.push(Action::Abort);
            // A stick that crashes in every call is dialled as soon as it is back, but the ladder
            // counts each crash as a failure.
            self.ladder
                .count_failure(FailureKind::Carrier, self.link_duration(now));
            if self.link_duration(now).is_some() {
                out.push(log_line(
                    Level::Warn,
                    format!("carrier link is down: {GONE}"),
                ));
            } else {
                self.state.failures = self.state.failures.saturating_add(1);
            }
            self.state.last_error = Some(GONE.into());
        }
        out.push(log_line(Level::Warn, GONE.into()));
        self.last_device = Some(stick.device);
        self.state.stick = None;
        self.state.link = None;
        self.state.operator = None;
        self.state.signal_dbm = None;
        self.pin.on_power_lost();
    }

    fn use_stick(&mut self, stick: Stick, now: BootMillis, out: &mut Vec<Action>) {
        out.push(log_line(
            Level::Info,
            format!("stick {}, modem port {}", stick.device, stick.tty),
        ));
        if self
            .last_device
            .as_ref()
            .is_some_and(|last| *last != stick.device)
        {
            self.ladder.reset();
            self.slow_dial = false;
            self.port = PortFallback::default();
        }
        self.state.stick = Some(StickState {
            vendor: stick.device.vendor,
            product: stick.device.product,
            bus_path: stick.device.bus_path.clone(),
            tty: stick.tty.clone(),
            model: None,
        });
        self.stick = Some(stick);
        self.logged_waiting = true;
        match self.config_error.clone() {
            Some(reason) => self.block_on_config(reason, now, out),
            None => self.attempt(now, out),
        }
    }

    fn on_not_ready(
        &mut self,
        device: Device,
        why: NotReady,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        self.release_stick(now, out);
        let complete = self.look == Look::Complete;
        match &mut self.phase {
            Phase::WaitingForPort(waiting) if waiting.device == device => {
                let changed = std::mem::replace(&mut waiting.why, why) != why;
                if complete && changed {
                    self.deadline = Some(now.plus(ENUMERATION_MS));
                    self.eject_once(now, out);
                } else if !complete && waiting.logged != Some(why) {
                    waiting.logged = Some(why);
                    let text = format!("stick {device} cannot be dialled with: {why}");
                    self.state.last_error = Some(text.clone());
                    out.push(log_line(Level::Warn, text));
                    out.push(Action::DescribeBus);
                    self.on_no_modem_port(now, out);
                }
            }
            _ => {
                self.look = Look::Complete;
                self.deadline = Some(now.plus(ENUMERATION_MS));
                let waiting = PortWait {
                    device,
                    why,
                    logged: None,
                    ejects: 0,
                };
                self.enter(Phase::WaitingForPort(waiting), now);
                self.eject_once(now, out);
            }
        }
    }

    fn eject_once(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        if let Phase::WaitingForPort(PortWait { ejects: 0, .. }) = self.phase {
            self.eject(now, out);
        }
    }

    /// Ejects the CD-ROM if there is one and ejects are left; returns whether it did.
    fn eject(&mut self, now: BootMillis, out: &mut Vec<Action>) -> bool {
        let Phase::WaitingForPort(waiting) = &mut self.phase else {
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
        self.cdrom_path = Some(device.bus_path.clone());
        self.deadline = Some(now.plus(EJECT_TIMEOUT_MS));
        self.record(RecoveryRung::Eject, text.clone(), now);
        out.push(log_line(Level::Info, text));
        out.push(Action::Eject(device));
        true
    }

    pub(super) fn on_ejected(
        &mut self,
        outcome: Result<(), String>,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        match outcome {
            Ok(()) => out.push(log_line(
                Level::Info,
                "CD-ROM ejected, waiting for the modem".into(),
            )),
            Err(why) => {
                out.push(log_line(Level::Warn, format!("CD-ROM not ejected: {why}")));
                if matches!(self.phase, Phase::WaitingForPort(_)) {
                    self.deadline = Some(now.plus(EJECT_RETRY_MS));
                }
            }
        }
    }

    pub(super) fn port_wait_due(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Phase::WaitingForPort(waiting) = &self.phase else {
            return;
        };
        if waiting.logged.is_some() {
            self.on_no_modem_port(now, out);
        } else if !self.eject(now, out) {
            self.look = Look::Settled;
            // In case the scan brings no event.
            self.deadline = Some(now.plus(ENUMERATION_MS));
            out.push(Action::LookAtBus);
        }
    }

    /// Handles a stick whose enumeration has ended without a modem port.
    fn on_no_modem_port(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let why = self.state.last_error.clone().unwrap_or_default();
        let decision = self
            .ladder
            .on_failure(FailureKind::NoModemPort, None, now.0);
        if decision.rung == Rung::Redial {
            self.deadline = Some(now.plus(decision.wait_ms.max(ENUMERATION_MS)));
        } else {
            self.execute_rung(decision.rung, 0, why, now, out);
        }
    }
}
