//! What a person orders.

use failberry_service::orders::{Order, OrderReply};
use failberry_state::{BootMillis, RecoveryRung};
use log::Level;

use super::{Action, Machine, TERMINATE_MS, phase::Phase, say};
use crate::ladder::{FIRST_MS, Rung};

const ASKED: &str = "a person asks for it";
const NO_STICK: &str = "there is no stick that can be dialled with";

impl Machine {
    pub(super) fn order(
        &mut self,
        order: Order,
        beside: Option<String>,
        now: BootMillis,
        out: &mut Vec<Action>,
    ) {
        let done = match order {
            Order::Redial => self.redial(now, out),
            Order::PowerCycle => self.cut_power(now, out),
            order @ (Order::Ask { .. } | Order::Autorun { .. }) => {
                match self.question(order, beside, out) {
                    // The answer is the reply.
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

    /// Ends the call, if there is one, and dials at once; or tells why not.
    fn redial(&mut self, now: BootMillis, out: &mut Vec<Action>) -> Result<(), String> {
        self.may_be_disturbed()?;
        if let Some(reason) = &self.unusable {
            return Err(reason.clone());
        }
        match self.phase {
            Phase::NoStick | Phase::Unready(_) => return Err(NO_STICK.into()),
            _ if self.phase.is_ppp() => self.hang_up(Rung::Redial, now, out),
            _ if self.phase.is_attempt() => {
                out.push(Action::Abort);
                self.dial_anew(now, out);
            }
            _ => {
                self.record(RecoveryRung::Redial, ASKED.into(), now);
                self.attempt(now, out);
            }
        }
        Ok(())
    }

    fn cut_power(&mut self, now: BootMillis, out: &mut Vec<Action>) -> Result<(), String> {
        self.may_be_disturbed()?;
        if self.phase.is_ppp() {
            self.hang_up(Rung::PowerCut, now, out);
        } else {
            if self.phase.is_attempt() {
                out.push(Action::Abort);
            }
            self.cut_power_now(now, out);
        }
        Ok(())
    }

    /// Puts a question to the stick, where a port is free for it.
    fn question(
        &mut self,
        order: Order,
        beside: Option<String>,
        out: &mut Vec<Action>,
    ) -> Result<(), String> {
        self.may_be_disturbed()?;
        let stick = self.stick.clone().ok_or(NO_STICK)?;
        let busy = self.phase.is_attempt();
        let tty = match (beside, &self.phase) {
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
        self.asking = true;
        out.push(Action::Question { stick, tty, order });
        Ok(())
    }

    /// Whether nothing is under way that must come to its end.
    fn may_be_disturbed(&self) -> Result<(), String> {
        match self.phase {
            Phase::Stopping => Err("the dialler is being stopped".into()),
            Phase::Recovering(_) => {
                Err("the stick is being revived, and dialled after that".into())
            }
            Phase::HangingUp(_) => Err("the call is being ended for an order before".into()),
            _ => Ok(()),
        }
    }

    /// Ends the call in agreement with the peer, for `then`.
    fn hang_up(&mut self, then: Rung, now: BootMillis, out: &mut Vec<Action>) {
        if self.phase.up_since().is_some() {
            let text = format!("carrier link is down: {ASKED}");
            out.push(say(Level::Info, text));
        }
        out.push(Action::Terminate);
        self.state.link = None;
        self.deadline = Some(now.plus(TERMINATE_MS));
        self.enter(Phase::HangingUp(then), now);
    }

    /// The call is over, or its time is.
    pub(super) fn hung_up(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        let Phase::HangingUp(then) = self.phase else {
            return;
        };
        out.push(Action::Abort);
        if then == Rung::PowerCut {
            self.cut_power_now(now, out);
        } else {
            self.dial_anew(now, out);
        }
    }

    fn dial_anew(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        self.climb(Rung::Redial, FIRST_MS, ASKED.into(), now, out);
    }

    fn cut_power_now(&mut self, now: BootMillis, out: &mut Vec<Action>) {
        // The ladder must not cut it again at once.
        self.ladder.take(Rung::PowerCut, now.0);
        self.climb(Rung::PowerCut, 0, ASKED.into(), now, out);
    }

    /// Dialling and reviving come first.
    pub(super) fn drop_question(&mut self, out: &mut Vec<Action>) {
        if std::mem::take(&mut self.asking) {
            out.push(Action::DropQuestion);
        }
    }
}
