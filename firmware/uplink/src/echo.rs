//! LCP echo monitoring: unanswered Echo-Requests as evidence against the stick.
//!
//! PPP ends inside the stick, so an echo proves the stick and not the network. Some sticks never
//! answer one: their silence is no evidence. A stick that did answer and stops may have crashed in
//! its PPP, or merely stopped answering: a reason to probe the network, not to end the call.

/// Unanswered requests in a row that make the stick suspect: with one in 15 s, half a minute. A
/// stick that is only busy answers within seconds, and the network is probed before any action.
const SUSPECT_AFTER: u32 = 2;

/// Echo state of one call.
#[derive(Debug)]
pub struct EchoMonitor {
    interval_ms: u64,
    since_ms: u64,
    ever_answered: bool,
}

impl EchoMonitor {
    /// Starts with a call whose LCP opened at `now_ms`, with a request every `interval_ms`.
    pub const fn new(interval_ms: u64, now_ms: u64) -> Self {
        Self {
            interval_ms,
            since_ms: now_ms,
            ever_answered: false,
        }
    }

    /// Records the `count`th unanswered request in a row; returns whether the stick is suspect.
    pub const fn on_unanswered(&mut self, count: u32, now_ms: u64) -> bool {
        // A stick that never answers is reported from its first request on, two intervals after LCP
        // opened. A first one that is later, or comes again, means that others were answered.
        let late = now_ms.saturating_sub(self.since_ms) >= 3 * self.interval_ms;
        if count == 1 && late {
            self.ever_answered = true;
        }
        self.ever_answered && count >= SUSPECT_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 15_000;

    #[test]
    fn stick_that_never_answers_is_not_suspect() {
        let mut echo = EchoMonitor::new(STEP, 0);
        for count in 1..1000 {
            assert!(!echo.on_unanswered(count, (u64::from(count) + 1) * STEP));
        }
    }

    #[test]
    fn stick_that_stops_answering_is_suspect_after_30_s() {
        let mut echo = EchoMonitor::new(STEP, 0);
        let dead: Vec<bool> = (1..=2)
            .map(|count| echo.on_unanswered(count, (100 + u64::from(count)) * STEP))
            .collect();
        assert_eq!(dead, [false, true]);
    }

    #[test]
    fn an_answer_restarts_the_count() {
        let mut echo = EchoMonitor::new(STEP, 0);
        assert!(!echo.on_unanswered(1, 2 * STEP));
        assert!(!echo.on_unanswered(1, 4 * STEP));
        assert!(echo.on_unanswered(2, 5 * STEP));
    }
}
