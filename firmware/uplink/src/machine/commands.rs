//! Operator commands: redial, power cycle, AT passthrough.

use failberry_service::orders::{Order, OrderReply};
use failberry_state::{BootMillis, RecoveryRung};
use log::Level;

use super::{Action, TERMINATE_TIMEOUT_MS, UplinkMachine, log_line, phase::Phase};
use crate::ladder::{FIRST_REDIAL_WAIT_MS, Rung};

const OPERATOR_REASON: &str = "a person asks for it";
const NO_STICK: &str = "there is no stick that can be dialled with";

impl UplinkMachine {
    pub(super) fn on_command(
        &mut self,
        command: Order,
        command_port: Option<String>,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        let done = match command {
            Order::Redial => self.order_redial(now, out),
            Order::PowerCycle => self.order_power_cycle(now, out),
            command @ (Order::Ask { .. } | Order::Autorun { .. }) => {
                match self.start_passthrough(command, command_port, out) {
                    // The reply follows with the answer.
                    Ok(()) => return,
                    Err(why) => Err(why),
                }
            }
        };
        out.push(Action::Reply(match done {
            Ok(()) => OrderReply::Accepted,
            Err(why) => OrderReply::Refused { why },
        }));
    }

    /// Terminates the call, if there is one, and dials at once; an error is the reason for a refusal.
    fn order_redial(&mut self, now: BootMillis, out: &mut Vec<Action>) -> Result<(), String> {
        self.check_interruptible()?;
        if let Some(reason) = &self.config_error {
            return Err(reason.clone());
        }
        match self.phase {
            Phase::NoStick | Phase::WaitingForPort(_) => return Err(NO_STICK.into()),
            _ if self.phase.is_ppp() => self.hang_up(Rung::Redial, now, out),
            _ if self.phase.is_attempt() => {
                out.push(Action::Abort);
                self.redial_now(now, out);
            }
            _ => {
                self.record(RecoveryRung::Redial, OPERATOR_REASON.into(), now);
                self.attempt(now, out);
            }
        }
        Ok(())
    }

    fn order_power_cycle(&mut self, now: BootMillis, out: &mut Vec<Action>) -> Result<(), String> {
        self.check_interruptible()?;
        if self.phase.is_ppp() {
            self.hang_up(Rung::PowerCycle, now, out);
        } else {
            if self.phase.is_attempt() {
                out.push(Action::Abort);
            }
            self.power_cycle_now(now, out);
        }
        Ok(())
    }

    /// Starts an AT passthrough if a port is free for it.
    fn start_passthrough(
        &mut self,
        command: Order,
        command_port: Option<String>,
        out: &mut Vec<Action>,
    ) -> Result<(), String> {
        self.check_interruptible()?;
        let stick = self.stick.clone().ok_or(NO_STICK)?;
        let busy = self.phase.is_attempt();
        let tty = match (command_port, &self.phase) {
            (_, Phase::Opening) => {
                return Err("the stick's ports are being opened, ask again in a moment".into());
            }
            (Some(tty), _) => tty,
            (None, _) if busy => {
                let tty = &stick.tty;
                return Err(format!(
                    "the stick has no port for commands besides {tty}, and the call is on that"
                ));
            }
            (None, _) => stick.tty.clone(),
        };
        self.passthrough_active = true;
        out.push(Action::Passthrough {
            stick,
            tty,
            command,
        });
        Ok(())
    }

    /// Returns an error while something is in progress that must not be interrupted.
    fn check_interruptible(&self) -> Result<(), String> {
        match self.phase {
            Phase::Stopping => Err("the dialler is being stopped".into()),
            Phase::Recovering(_) => {
                Err("the stick is being revived, and dialled after that".into())
            }
            Phase::HangingUp(_) => Err("the call is being ended for an order before".into()),
            _ => Ok(()),
        }
    }

    /// Starts the orderly termination of the call; the rung `then` follows.
    fn hang_up(&mut self, then: Rung, now: BootMillis, out: &mut Vec<Action>) {
        if self.phase.up_since().is_some() {
            let text = format!("carrier link is down: {OPERATOR_REASON}");
            out.push(log_line(Level::Info, text));
        }
        out.push(Action::Terminate);
        self.state.link = None;
        self.deadline = Some(now.plus(TERMINATE_TIMEOUT_MS));
        self.enter(Phase::HangingUp(then), now);
    }

    /// Continues after the end of the call, or after the timeout of its termination.
    pub(super) fn hung_up(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Phase::HangingUp(then) = self.phase else {
            return;
        };
        out.push(Action::Abort);
        if then == Rung::PowerCycle {
            self.power_cycle_now(now, out);
        } else {
            self.redial_now(now, out);
        }
    }

    fn redial_now(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        self.execute_rung(
            Rung::Redial,
            FIRST_REDIAL_WAIT_MS,
            OPERATOR_REASON.into(),
            now,
            out,
        );
    }

    fn power_cycle_now(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        // Counted, so that the ladder does not cycle the power again at once.
        self.ladder.record_rung(Rung::PowerCycle, now.0);
        self.execute_rung(Rung::PowerCycle, 0, OPERATOR_REASON.into(), now, out);
    }

    /// Cancels the passthrough: dialling and recovery have priority.
    pub(super) fn cancel_passthrough(&mut self, out: &mut Vec<Action>) {
        if std::mem::take(&mut self.passthrough_active) {
            out.push(Action::CancelPassthrough);
        }
    }
}
