//! Whether a stick lives that left a long command without answer: it is asked a plain `AT`.

use super::{DialError, Dialer, Step, dialer::Issue, dialer::State, error::told, script};
use crate::at::{Answer, Final};

/// A stick that lives answers within one; the ladder of recovery waits behind this.
const ANSWER_MS: u64 = 2_500;

/// Twice: what ends a dial may swallow the first question.
const TRIES: u8 = 2;

/// Any character ends a dial that is under way (V.250, 5.6.1 and 6.3.1); this one is no command.
const ENDING: &[u8] = b"\r";

/// How far it has got.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// What may still be under way is to be ended first.
    End,
    /// So many questions went out.
    Asked(u8),
}

impl Proof {
    /// What is begun with where the command of `step` stayed without answer; none where that is
    /// known sooner by saying the command again.
    pub(super) const fn of(step: Step) -> Option<Self> {
        match step {
            // While it dials a stick hears no command. The dial that is lost by asking had its
            // time; whoever dials next can give it more.
            Step::Dial => Some(Self::End),
            Step::RadioOn | Step::SimState | Step::PinTries | Step::Operator => {
                Some(Self::Asked(0))
            }
            _ => None,
        }
    }
}

impl Dialer {
    /// What goes out next.
    pub(super) fn ask_for_life(&mut self, proof: Proof) -> Issue {
        let (next, issue) = match proof {
            Proof::End => (Proof::Asked(0), Issue::Raw(ENDING)),
            Proof::Asked(count) => {
                // `CONNECT` may come at the last moment.
                let answer = match self.step {
                    Step::Dial => Answer::Call,
                    _ => Answer::Nothing,
                };
                let text = script::Text::try_from("AT").unwrap_or_default();
                let asked = Proof::Asked(count.saturating_add(1));
                (asked, Issue::Command(text, answer, ANSWER_MS))
            }
        };
        self.proof = Some(next);
        issue
    }

    /// The question stayed without answer as well.
    pub(super) fn no_life(&mut self, proof: Proof) {
        if matches!(proof, Proof::Asked(count) if count >= TRIES) {
            let step = self.step;
            let waited_ms = script::timeout_ms(step, &self.settings);
            self.fail(DialError::NoAnswer { step, waited_ms });
        } else {
            self.state = State::Issue;
        }
    }

    /// The stick lives.
    pub(super) fn alive(&mut self, result: &Final, now: u64) {
        self.proof = None;
        match (self.step, result) {
            (Step::Dial, Final::Connect(rate)) => self.state = State::Connected(rate.clone()),
            (Step::Dial, other) => {
                let waited_ms = script::timeout_ms(self.step, &self.settings);
                let got = told(other);
                self.fail(DialError::NotConnected { waited_ms, got });
            }
            (Step::RadioOn, _) => {
                self.timeouts = 0;
                self.radio_switched(None, now);
            }
            // It does not know this question: there are others.
            (Step::PinTries, _) => {
                self.timeouts = 0;
                self.tries_known(now);
            }
            (step, _) if step.is_optional() => self.go(step.next()),
            _ => self.state = State::Issue,
        }
        if matches!(self.state, State::Issue) {
            self.settle(now);
        }
    }
}
