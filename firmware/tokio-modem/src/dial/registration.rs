//! Network registration: polling until one of three domains is registered.
//!
//! The domains are circuit-switched (`+CREG`), packets over GSM and UMTS (`+CGREG`) and packets over
//! LTE (`+CEREG`). One of them is enough; "denied" is the state of one, and final only if none of
//! the others still searches.

use super::{DialError, Step};
use crate::{
    at::{Final, Text},
    modem::{Cereg, CmeError, Registration},
};

/// Time from the first query to the end of the attempt, in milliseconds. A stick that was just
/// powered finds its network in a minute; after that the caller's recovery does more than wait.
pub(super) const WAIT_MS: u64 = 90_000;

/// Time from the first query to the end of the attempt, in milliseconds, if the stick reports its
/// radio as off and does not switch it on.
const RADIO_OFF_WAIT_MS: u64 = 20_000;

/// Time between two rounds of queries, in milliseconds.
pub(super) const POLL_MS: u64 = 2_000;

/// Consecutive rounds with "denied" until it is final: a stick reports it for a moment while it
/// tries one network after the other.
const DENIED_ROUNDS: u8 = 3;

/// Registration state of the domains, and how long it has been polled.
#[derive(Default)]
pub(super) struct RegistrationWait {
    /// Time of the first query, in milliseconds.
    since: Option<u64>,
    /// Last answer to the current query.
    answer: Option<Registration>,
    calls: Option<Registration>,
    packets: Option<Registration>,
    lte: Option<Registration>,
    /// The stick does not support `+CEREG?`.
    no_lte: bool,
    denied_rounds: u8,
    /// State of all domains together.
    current: Option<Registration>,
    /// State that was reported last.
    reported: Option<Registration>,
}

/// What the dialogue does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A domain is registered.
    Registered,
    /// Query the domain of this step next.
    Query(Step),
    /// Start another round after [`POLL_MS`].
    Retry,
}

impl RegistrationWait {
    /// Records that a query is sent at `now`.
    pub(super) fn begin_query(&mut self, now: u64) {
        self.since.get_or_insert(now);
        self.answer = None;
    }

    /// Returns whether a query was sent before.
    pub(super) fn has_started(&self) -> bool {
        self.since.is_some()
    }

    /// Records a line of the answer. Returns whether it was understood.
    pub(super) fn on_line(&mut self, line: &str) -> bool {
        let parsed = match Cereg::parse(line) {
            Ok(Cereg(state)) => Some(state.registration),
            Err(_) => Registration::parse(line).ok(),
        };
        self.answer = parsed.or(self.answer);
        parsed.is_some()
    }

    /// Handles the end of the query of `step`; `result` is `None` if none came in time. `refusal` is that
    /// of the command that switches the radio on.
    pub(super) fn evaluate(
        &mut self,
        step: Step,
        result: Option<&Final>,
        refusal: Option<&Text>,
        now: u64,
    ) -> Result<Verdict, DialError> {
        let answer = self.answer.take();
        match step {
            Step::PacketRegistration => self.packets = answer,
            Step::LteRegistration => {
                self.lte = answer;
                self.no_lte |= answer.is_none() && result.is_none_or(is_unsupported);
            }
            _ => self.calls = answer,
        }
        if answer.is_some_and(is_registered) {
            self.current = answer;
            return Ok(Verdict::Registered);
        }
        match step {
            Step::Registration => return Ok(Verdict::Query(Step::PacketRegistration)),
            Step::PacketRegistration if !self.no_lte => {
                return Ok(Verdict::Query(Step::LteRegistration));
            }
            _ => {}
        }
        let state = self.consolidated();
        self.current = state;
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
            _ => Ok(Verdict::Retry),
        }
    }

    /// Returns the state of all domains together: "searching" may still succeed, and "denied" outranks
    /// the rest.
    fn consolidated(&self) -> Option<Registration> {
        let states = [self.calls, self.packets, self.lte];
        let known = |state| states.contains(&Some(state)).then_some(state);
        known(Registration::Searching)
            .or_else(|| known(Registration::Denied))
            .or_else(|| states.into_iter().flatten().next())
    }

    /// Returns the state if it was not reported yet.
    pub(super) fn take_change(&mut self) -> Option<Registration> {
        if self.current == self.reported {
            return None;
        }
        self.reported = self.current;
        self.current
    }
}

/// Returns whether the state allows a call. 9 and 10 are home and roaming over LTE, with CSFB not
/// preferred (3GPP 27.007, 10.1.22).
fn is_registered(state: Registration) -> bool {
    state.is_registered() || matches!(state, Registration::Other(9 | 10))
}

/// Returns whether the result means that the command is not supported; a busy stick supports it
/// later.
fn is_unsupported(result: &Final) -> bool {
    match result {
        Final::Error | Final::NotSupported => true,
        Final::Cme(fault) => matches!(CmeError::from(fault), CmeError::Other(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(
        wait: &mut RegistrationWait,
        lines: [&str; 3],
        now: u64,
    ) -> Result<Verdict, DialError> {
        let steps = [
            Step::Registration,
            Step::PacketRegistration,
            Step::LteRegistration,
        ];
        let mut verdict = Ok(Verdict::Retry);
        for (step, line) in steps.into_iter().zip(lines) {
            wait.begin_query(now);
            wait.on_line(line);
            verdict = wait.evaluate(step, Some(&Final::Ok), None, now);
            if !matches!(verdict, Ok(Verdict::Query(_))) {
                break;
            }
        }
        verdict
    }

    #[test]
    fn one_of_three_domains_is_enough() {
        for lines in [
            ["+CREG: 0,1", "", ""],
            ["+CREG: 0,3", "+CGREG: 0,5", ""],
            ["+CREG: 0,2", "+CGREG: 0,0", "+CEREG: 0,1"],
            ["", "", "+CEREG: 0,10"],
        ] {
            let verdict = round(&mut RegistrationWait::default(), lines, 0);
            assert!(matches!(verdict, Ok(Verdict::Registered)), "{lines:?}");
        }
    }

    #[test]
    fn denied_is_final_if_no_domain_searches() {
        for (lines, denied) in [
            (["+CREG: 0,3", "+CGREG: 0,3", "+CEREG: 0,3"], true),
            (["+CREG: 0,3", "+CGREG: 0,0", "+CEREG: 0,4"], true),
            (["+CREG: 0,0", "+CGREG: 0,3", ""], true),
            (["+CREG: 0,3", "+CGREG: 0,2", ""], false),
            (["+CREG: 0,2", "+CGREG: 0,3", "+CEREG: 0,3"], false),
            (["+CREG: 0,3", "+CGREG: 0,3", "+CEREG: 0,2"], false),
        ] {
            let mut wait = RegistrationWait::default();
            for n in 1..=DENIED_ROUNDS {
                let verdict = round(&mut wait, lines, 0);
                let ends = denied && n == DENIED_ROUNDS;
                assert_eq!(verdict == Err(DialError::Denied), ends, "{lines:?} {n}");
            }
        }
    }

    #[test]
    fn denied_for_two_rounds_is_not_final() {
        let mut wait = RegistrationWait::default();
        let denied = ["+CREG: 0,3", "+CGREG: 0,3", ""];
        let searching = ["+CREG: 0,3", "+CGREG: 0,2", ""];
        for lines in [denied, denied, searching, denied, denied, searching] {
            assert_eq!(round(&mut wait, lines, 0), Ok(Verdict::Retry));
        }
    }

    #[test]
    fn unsupported_cereg_is_remembered_busy_is_not() {
        let result = |said: &str| Final::parse(said).unwrap_or(Final::Ok);
        for (said, asked) in [
            ("ERROR", false),
            ("COMMAND NOT SUPPORT", false),
            ("+CME ERROR: 4", false),
            ("+CME ERROR: 14", true),
            ("+CME ERROR: 30", true),
            ("OK", true),
        ] {
            let mut wait = RegistrationWait::default();
            wait.begin_query(0);
            let step = Step::LteRegistration;
            let _ = wait.evaluate(step, Some(&result(said)), None, 0);
            wait.begin_query(0);
            let next = wait.evaluate(Step::PacketRegistration, Some(&Final::Ok), None, 0);
            let again = next == Ok(Verdict::Query(Step::LteRegistration));
            assert_eq!(again, asked, "{said}");
        }
    }
}
