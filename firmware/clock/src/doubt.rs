//! An answer that is not believed, in words.

use std::{
    fmt::{self, Display, Formatter},
    net::IpAddr,
    time::Duration,
};

use crate::system;

/// What a server said, what could have been believed, and what is done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// The server's name in the configuration.
    pub(crate) server: String,
    /// Where it was asked.
    pub(crate) address: IpAddr,
    /// The time it gave, since 1970.
    pub(crate) time: Duration,
    pub(crate) expected: Expected,
    pub(crate) next: Next,
}

/// What an answer was measured by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Not before the first and not after the second, whoever says so.
    Window(Duration, Duration),
    /// Within `within` of the clock's `ours`, which is settled, or the word of two.
    Settled { ours: Duration, within: Duration },
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This server is asked at once.
    Ask(String),
    /// All have been asked; the first is asked again after so many milliseconds.
    Pause(u64),
}

impl Doubt {
    /// What stays the same when the same server errs in the same way again.
    pub(crate) fn key(&self) -> (&str, bool) {
        (
            &self.server,
            matches!(self.expected, Expected::Settled { .. }),
        )
    }
}

impl Display for Doubt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (server, address) = (&self.server, self.address);
        write!(f, "rejected answer of {server}")?;
        if *server != address.to_string() {
            write!(f, " ({address})")?;
        }
        let time = system::display(self.time);
        match &self.expected {
            Expected::Window(floor, limit) => {
                let (floor, limit) = (system::display(*floor), system::display(*limit));
                write!(f, ": {time} is outside {floor} to {limit}; ")?;
            }
            Expected::Settled { ours, within } => {
                let off = system::span(self.time.abs_diff(*ours));
                let way = if self.time > *ours {
                    "ahead of"
                } else {
                    "behind"
                };
                let within = system::span(*within);
                write!(
                    f,
                    ": {time} is {off} {way} the confirmed clock, expected at most {within} \
                     unless a second server agrees; "
                )?;
            }
        }
        match &self.next {
            Next::Ask(server) => write!(f, "asking {server} next"),
            Next::Pause(ms) => {
                let pause = system::span(Duration::from_millis(*ms));
                write!(f, "asking again in {pause}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt(server: &str, expected: Expected, next: Next) -> String {
        let doubt = Doubt {
            server: server.into(),
            address: [192, 0, 2, 1].into(),
            // 2047-08-01.
            time: Duration::from_secs(2_448_230_400),
            expected,
            next,
        };
        doubt.to_string()
    }

    #[test]
    fn an_answer_outside_the_window_names_both_of_its_ends() {
        let window = || {
            Expected::Window(
                Duration::from_secs(1_796_083_200),
                Duration::from_secs(2_426_803_200),
            )
        };
        assert_eq!(
            doubt("192.0.2.1", window(), Next::Ask("192.0.2.2".into())),
            "rejected answer of 192.0.2.1: 2047-08-01 00:00:00 UTC is outside \
             2026-12-01 00:00:00 UTC to 2046-11-26 00:00:00 UTC; asking 192.0.2.2 next"
        );
        assert_eq!(
            doubt("time.example", window(), Next::Pause(64_000)),
            "rejected answer of time.example (192.0.2.1): 2047-08-01 00:00:00 UTC is outside \
             2026-12-01 00:00:00 UTC to 2046-11-26 00:00:00 UTC; asking again in 1 min 4 s"
        );
    }

    #[test]
    fn an_answer_against_a_confirmed_clock_says_by_how_much() {
        let settled = |ours| Expected::Settled {
            ours: Duration::from_secs(ours),
            within: Duration::from_hours(1),
        };
        let next = || Next::Ask("b".into());
        assert_eq!(
            doubt("a", settled(2_448_230_400 - 460_800), next()),
            "rejected answer of a (192.0.2.1): 2047-08-01 00:00:00 UTC is 5 days 8 h ahead of the \
             confirmed clock, expected at most 1 h unless a second server agrees; asking b next"
        );
        let behind = doubt("a", settled(2_448_230_400 + 7_200), next());
        assert!(
            behind.contains("is 2 h behind the confirmed clock"),
            "{behind}"
        );
    }
}
