//! Waiting until the network has let the stick in.
//!
//! There are up to three networks in one: of calls (`+CREG`), of packets over GSM and UMTS
//! (`+CGREG`) and of packets over LTE (`+CEREG`). One that is registered is enough; "denied" is
//! the verdict of one of them, and final only where none of the others still searches.

use super::{DialError, Step};
use crate::{
    at::{Final, Text},
    modem::{Cereg, CmeError, Registration},
};

/// A stick fresh from power finds its network in a minute; then the recovery of whoever dials does
/// more than waiting.
pub(super) const WAIT_MS: u64 = 90_000;

/// The same, where the stick says that its radio is off and does not switch it on.
const RADIO_OFF_WAIT_MS: u64 = 20_000;

/// Between two rounds of questions.
pub(super) const POLL_MS: u64 = 2_000;

/// Rounds in a row in which the network must refuse until that counts: a stick says so for a moment
/// while it tries one network after the other.
const DENIED_ROUNDS: u8 = 3;

/// What was learnt about registration.
#[derive(Default)]
pub(super) struct Waiting {
    since: Option<u64>,
    heard: Option<Registration>,
    calls: Option<Registration>,
    packets: Option<Registration>,
    lte: Option<Registration>,
    /// The stick knows no `+CEREG?`.
    no_lte: bool,
    denied_rounds: u8,
    now: Option<Registration>,
    /// The state that the log has.
    logged: Option<Registration>,
}

/// How to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Calls are possible.
    Registered,
    /// Another network may have let the stick in: ask this.
    Ask(Step),
    /// Ask again in a while.
    Again,
}

impl Waiting {
    /// The question is asked.
    pub(super) fn ask(&mut self, now: u64) {
        self.since.get_or_insert(now);
        self.heard = None;
    }

    /// It was asked before.
    pub(super) fn is_begun(&self) -> bool {
        self.since.is_some()
    }

    /// Records an answer to it. Returns whether it was understood.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        let heard = match Cereg::parse(line) {
            Ok(Cereg(state)) => Some(state.registration),
            Err(_) => Registration::parse(line).ok(),
        };
        self.heard = heard.or(self.heard);
        heard.is_some()
    }

    /// The question of `step` is finished; `result` is absent where no result came in time.
    pub(super) fn judge(
        &mut self,
        step: Step,
        result: Option<&Final>,
        refusal: Option<&Text>,
        now: u64,
    ) -> Result<Verdict, DialError> {
        let heard = self.heard.take();
        match step {
            Step::PacketRegistration => self.packets = heard,
            Step::LteRegistration => {
                self.lte = heard;
                self.no_lte |= heard.is_none() && result.is_none_or(is_for_good);
            }
            _ => self.calls = heard,
        }
        if heard.is_some_and(lets_in) {
            self.now = heard;
            return Ok(Verdict::Registered);
        }
        match step {
            Step::Registration => return Ok(Verdict::Ask(Step::PacketRegistration)),
            Step::PacketRegistration if !self.no_lte => {
                return Ok(Verdict::Ask(Step::LteRegistration));
            }
            _ => {}
        }
        let state = self.consolidated();
        self.now = state;
        if state == Some(Registration::Denied) {
            self.denied_rounds = self.denied_rounds.saturating_add(1);
        } else {
            self.denied_rounds = 0;
        }
        if self.denied_rounds >= DENIED_ROUNDS {
            return Err(DialError::Denied);
        }
        let waited_ms = now.saturating_sub(self.since.unwrap_or(now));
        match refusal {
            Some(got) if waited_ms >= RADIO_OFF_WAIT_MS => {
                let got = got.clone();
                Err(DialError::RadioOff { got })
            }
            _ if waited_ms >= WAIT_MS => {
                let last = state.unwrap_or(Registration::Unknown);
                Err(DialError::NotRegistered { last, waited_ms })
            }
            _ => Ok(Verdict::Again),
        }
    }

    /// The state of all three in one: what is searched may be found, and a refusal weighs more than
    /// no news.
    fn consolidated(&self) -> Option<Registration> {
        let states = [self.calls, self.packets, self.lte];
        let known = |state| states.contains(&Some(state)).then_some(state);
        known(Registration::Searching)
            .or_else(|| known(Registration::Denied))
            .or_else(|| states.into_iter().flatten().next())
    }

    /// The state, if the log does not have it yet.
    pub(super) fn news(&mut self) -> Option<Registration> {
        if self.now == self.logged {
            return None;
        }
        self.logged = self.now;
        self.now
    }
}

/// Whether calls are possible in this state. 9 and 10 are home and roaming over LTE where voice
/// would rather go elsewhere (3GPP 27.007, 10.1.22).
fn lets_in(state: Registration) -> bool {
    state.is_registered() || matches!(state, Registration::Other(9 | 10))
}

/// Whether a stick that answers so does not know the question; a busy one knows it later.
fn is_for_good(result: &Final) -> bool {
    match result {
        Final::Error | Final::NotSupported => true,
        Final::Cme(fault) => matches!(CmeError::from(fault), CmeError::Other(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(waiting: &mut Waiting, lines: [&str; 3], now: u64) -> Result<Verdict, DialError> {
        let steps = [
            Step::Registration,
            Step::PacketRegistration,
            Step::LteRegistration,
        ];
        let mut verdict = Ok(Verdict::Again);
        for (step, line) in steps.into_iter().zip(lines) {
            waiting.ask(now);
            waiting.hear(line);
            verdict = waiting.judge(step, Some(&Final::Ok), None, now);
            if !matches!(verdict, Ok(Verdict::Ask(_))) {
                break;
            }
        }
        verdict
    }

    #[test]
    fn any_of_three_networks_is_enough() {
        for lines in [
            ["+CREG: 0,1", "", ""],
            ["+CREG: 0,3", "+CGREG: 0,5", ""],
            ["+CREG: 0,2", "+CGREG: 0,0", "+CEREG: 0,1"],
            ["", "", "+CEREG: 0,10"],
        ] {
            let verdict = round(&mut Waiting::default(), lines, 0);
            assert!(matches!(verdict, Ok(Verdict::Registered)), "{lines:?}");
        }
    }

    #[test]
    fn denied_counts_where_no_network_searches() {
        for (lines, denied) in [
            (["+CREG: 0,3", "+CGREG: 0,3", "+CEREG: 0,3"], true),
            (["+CREG: 0,3", "+CGREG: 0,0", "+CEREG: 0,4"], true),
            (["+CREG: 0,0", "+CGREG: 0,3", ""], true),
            (["+CREG: 0,3", "+CGREG: 0,2", ""], false),
            (["+CREG: 0,2", "+CGREG: 0,3", "+CEREG: 0,3"], false),
            (["+CREG: 0,3", "+CGREG: 0,3", "+CEREG: 0,2"], false),
        ] {
            let mut waiting = Waiting::default();
            for n in 1..=DENIED_ROUNDS {
                let verdict = round(&mut waiting, lines, 0);
                let ends = denied && n == DENIED_ROUNDS;
                assert_eq!(verdict == Err(DialError::Denied), ends, "{lines:?} {n}");
            }
        }
    }

    #[test]
    fn denied_for_a_moment_does_not_count() {
        let mut waiting = Waiting::default();
        let denied = ["+CREG: 0,3", "+CGREG: 0,3", ""];
        let searching = ["+CREG: 0,3", "+CGREG: 0,2", ""];
        for lines in [denied, denied, searching, denied, denied, searching] {
            assert_eq!(round(&mut waiting, lines, 0), Ok(Verdict::Again));
        }
    }

    #[test]
    fn a_refusal_of_lte_is_learnt_and_a_busy_stick_is_not() {
        let result = |said: &str| Final::parse(said).unwrap_or(Final::Ok);
        for (said, asked) in [
            ("ERROR", false),
            ("COMMAND NOT SUPPORT", false),
            ("+CME ERROR: 4", false),
            ("+CME ERROR: 14", true),
            ("+CME ERROR: 30", true),
            ("OK", true),
        ] {
            let mut waiting = Waiting::default();
            waiting.ask(0);
            let step = Step::LteRegistration;
            let _ = waiting.judge(step, Some(&result(said)), None, 0);
            waiting.ask(0);
            let next = waiting.judge(Step::PacketRegistration, Some(&Final::Ok), None, 0);
            let again = next == Ok(Verdict::Ask(Step::LteRegistration));
            assert_eq!(again, asked, "{said}");
        }
    }
}
