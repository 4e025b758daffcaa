//! `+CME ERROR` codes that decide something.

use core::fmt;

use crate::at::Fault;

/// Why the equipment refuses (3GPP 27.007, 9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CmeError {
    /// 10: there is no SIM.
    SimNotInserted,
    /// 11: the SIM waits for its PIN.
    PinRequired,
    /// 12: the SIM waits for its unblocking code.
    PukRequired,
    /// 13: the SIM does not work.
    SimFailure,
    /// 14: the SIM is not ready yet.
    SimBusy,
    /// 15: not a SIM for this stick.
    SimWrong,
    /// 16: wrong PIN.
    IncorrectPassword,
    /// 30: no network.
    NoNetworkService,
    /// Another one.
    Other(Fault),
}

impl From<&Fault> for CmeError {
    fn from(fault: &Fault) -> Self {
        // Sticks differ in capitals and in "rqd" for "required".
        let says = |words: &str| match fault {
            Fault::Text(told) => told
                .get(..words.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(words)),
            Fault::Code(_) => false,
        };
        match fault {
            Fault::Code(10) => Self::SimNotInserted,
            Fault::Code(11) => Self::PinRequired,
            Fault::Code(12) => Self::PukRequired,
            Fault::Code(13) => Self::SimFailure,
            Fault::Code(14) => Self::SimBusy,
            Fault::Code(15) => Self::SimWrong,
            Fault::Code(16) => Self::IncorrectPassword,
            Fault::Code(30) => Self::NoNetworkService,
            Fault::Text(_) if says("SIM not inserted") => Self::SimNotInserted,
            Fault::Text(_) if says("SIM PIN2") || says("SIM PUK2") => Self::Other(fault.clone()),
            Fault::Text(_) if says("SIM PIN") => Self::PinRequired,
            Fault::Text(_) if says("SIM PUK") => Self::PukRequired,
            Fault::Text(_) if says("SIM failure") => Self::SimFailure,
            Fault::Text(_) if says("SIM busy") => Self::SimBusy,
            Fault::Text(_) if says("SIM wrong") => Self::SimWrong,
            Fault::Text(_) if says("incorrect password") => Self::IncorrectPassword,
            Fault::Text(_) if says("no network") => Self::NoNetworkService,
            _ => Self::Other(fault.clone()),
        }
    }
}

impl fmt::Display for CmeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SimNotInserted => "no SIM",
            Self::PinRequired => "SIM PIN required",
            Self::PukRequired => "SIM PUK required",
            Self::SimFailure => "SIM failure",
            Self::SimBusy => "SIM busy",
            Self::SimWrong => "SIM of another kind",
            Self::IncorrectPassword => "wrong PIN",
            Self::NoNetworkService => "no network service",
            Self::Other(fault) => return write!(f, "{fault}"),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::at::Final;

    #[test]
    fn numbers_and_words_mean_the_same() {
        for (number, words, meaning) in [
            (10, "SIM not inserted", CmeError::SimNotInserted),
            (11, "SIM PIN required", CmeError::PinRequired),
            (12, "SIM PUK rqd", CmeError::PukRequired),
            (13, "SIM failure", CmeError::SimFailure),
            (14, "SIM BUSY", CmeError::SimBusy),
            (15, "SIM wrong", CmeError::SimWrong),
            (16, "Incorrect password", CmeError::IncorrectPassword),
            (30, "No network service", CmeError::NoNetworkService),
        ] {
            assert_eq!(CmeError::from(&Fault::Code(number)), meaning);
            let line = std::format!("+CME ERROR: {words}");
            let Some(Final::Cme(fault)) = Final::parse(&line) else {
                panic!("{line} is no CME error");
            };
            assert_eq!(CmeError::from(&fault), meaning, "{line}");
        }
        let other = CmeError::from(&Fault::Code(100));
        assert_eq!(other.to_string(), "100");
    }
}
