//! A rejected SNTP answer and its log text.

use std::{
    fmt::{self, Display, Formatter},
    net::IpAddr,
    time::Duration,
};

use crate::system;

/// An answer that was rejected, the accepted range and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectedAnswer {
    /// Name of the server in the configuration.
    pub(crate) server: String,
    /// Address of the server.
    pub(crate) address: IpAddr,
    /// Time in the answer, since 1970.
    pub(crate) time: Duration,
    pub(crate) expected: Expected,
    pub(crate) next: Next,
}

/// The range that an answer had to lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Earliest and latest time accepted from any server.
    Window(Duration, Duration),
    /// Within `within` of the settled clock's `local_time`, unless a second server agrees.
    Settled {
        local_time: Duration,
        within: Duration,
    },
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This server is queried at once.
    Ask(String),
    /// All have been queried; the first is queried again after this many milliseconds.
    Pause(u64),
}

impl RejectedAnswer {
    /// Returns what identifies a repeated rejection: the server and the kind of range.
    pub(crate) fn key(&self) -> (&str, bool) {
        (
            &self.server,
            matches!(self.expected, Expected::Settled { .. }),
        )
    }
}

impl Display for RejectedAnswer {
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
            Expected::Settled { local_time, within } => {
                let off = system::span(self.time.abs_diff(*local_time));
                let way = if self.time > *local_time {
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

    fn rejected(server: &str, expected: Expected, next: Next) -> String {
        let rejected = RejectedAnswer {
            server: server.into(),
            address: [192, 0, 2, 1].into(),
            // 2047-08-01.
            time: Duration::from_secs(2_448_230_400),
            expected,
            next,
        };
        rejected.to_string()
    }

    #[test]
    fn rejection_names_both_ends_of_the_window() {
        let window = || {
            Expected::Window(
                Duration::from_secs(1_796_083_200),
                Duration::from_secs(2_426_803_200),
            )
        };
        assert_eq!(
            rejected("192.0.2.1", window(), Next::Ask("192.0.2.2".into())),
            "rejected answer of 192.0.2.1: 2047-08-01 00:00:00 UTC is outside \
             2026-12-01 00:00:00 UTC to 2046-11-26 00:00:00 UTC; asking 192.0.2.2 next"
        );
        assert_eq!(
            rejected("time.example", window(), Next::Pause(64_000)),
            "rejected answer of time.example (192.0.2.1): 2047-08-01 00:00:00 UTC is outside \
             2026-12-01 00:00:00 UTC to 2046-11-26 00:00:00 UTC; asking again in 1 min 4 s"
        );
    }

    #[test]
    fn rejection_by_settled_clock_names_the_offset() {
        let settled = |local_time| Expected::Settled {
            local_time: Duration::from_secs(local_time),
            within: Duration::from_hours(1),
        };
        let next = || Next::Ask("b".into());
        assert_eq!(
            rejected("a", settled(2_448_230_400 - 460_800), next()),
            "rejected answer of a (192.0.2.1): 2047-08-01 00:00:00 UTC is 5 days 8 h ahead of the \
             confirmed clock, expected at most 1 h unless a second server agrees; asking b next"
        );
        let behind = rejected("a", settled(2_448_230_400 + 7_200), next());
        assert!(
            behind.contains("is 2 h behind the confirmed clock"),
            "{behind}"
        );
    }
}
