//! What echo requests without answer say of the stick.
//!
//! PPP ends inside the stick, so an echo tells of the stick and not of the network. Some sticks
//! answer none, ever: their silence says nothing. One that did answer, and does no more, has
//! may have crashed in its PPP, or thinks better of answering: worth to ask the network whether
//! anything comes back, and no reason to end a call by itself.

/// Doubt after so many in a row: with one in 15 s, half a minute. A stick that is only busy answers
/// within seconds, and the network is asked before anything is done.
const LIMIT: u32 = 2;

/// Watches one call.
#[derive(Debug)]
pub struct EchoWatch {
    interval_ms: u64,
    since_ms: u64,
    answers: bool,
}

impl EchoWatch {
    /// For a call whose LCP opened at `now_ms`, with a request every `interval_ms`.
    pub const fn new(interval_ms: u64, now_ms: u64) -> Self {
        Self {
            interval_ms,
            since_ms: now_ms,
            answers: false,
        }
    }

    /// Hears of the `count`th request in a row without answer; tells whether the stick may be dead.
    pub const fn unanswered(&mut self, count: u32, now_ms: u64) -> bool {
        // One that never answers is told of from the first request on, which is missed after two
        // intervals; later, or again, can only be because others were answered.
        let late = now_ms.saturating_sub(self.since_ms) >= 3 * self.interval_ms;
        if count == 1 && late {
            self.answers = true;
        }
        self.answers && count >= LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 15_000;

    #[test]
    fn a_stick_that_never_answers_is_left_alone() {
        let mut watch = EchoWatch::new(STEP, 0);
        for count in 1..1000 {
            assert!(!watch.unanswered(count, (u64::from(count) + 1) * STEP));
        }
    }

    #[test]
    fn a_stick_that_falls_silent_is_doubted_after_half_a_minute() {
        let mut watch = EchoWatch::new(STEP, 0);
        let dead: Vec<bool> = (1..=2)
            .map(|count| watch.unanswered(count, (100 + u64::from(count)) * STEP))
            .collect();
        assert_eq!(dead, [false, true]);
    }

    #[test]
    fn answers_in_between_count_from_anew() {
        let mut watch = EchoWatch::new(STEP, 0);
        assert!(!watch.unanswered(1, 2 * STEP));
        assert!(!watch.unanswered(1, 4 * STEP));
        assert!(watch.unanswered(2, 5 * STEP));
    }
}
