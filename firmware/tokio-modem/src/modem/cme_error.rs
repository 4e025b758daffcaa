//! `+CME ERROR` codes that decide something.

use core::fmt;

use super::reply::starts_same;
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
    /// 14, or 515 of some vendors: the SIM or the stick is not ready yet.
    SimBusy,
    /// 15: not a SIM for this stick.
    SimWrong,
    /// 16: wrong PIN.
    IncorrectPassword,
    /// 17 or 18: the SIM waits for its second PIN, which calls do not need.
    SecondPin,
    /// 30: no network.
    NoNetworkService,
    /// 5 to 7 and 40 to 47: the stick takes another SIM, network, provider or company alone.
    Personalised(Fault),
    /// Another one.
    Other(Fault),
}

impl From<&Fault> for CmeError {
    fn from(fault: &Fault) -> Self {
        let Fault::Text(got) = fault else {
            return Self::from_code(fault);
        };
        let says = |words: &[&str]| words.iter().any(|words| starts_same(got, words));
        // "Required" is written "rqd" too.
        if says(&["SIM not inserted", "no SIM"]) {
            Self::SimNotInserted
        } else if says(&["SIM PIN2", "SIM PUK2"]) {
            Self::SecondPin
        } else if says(&["SIM PIN"]) {
            Self::PinRequired
        } else if says(&["SIM PUK"]) {
            Self::PukRequired
        } else if says(&["SIM failure"]) {
            Self::SimFailure
        } else if says(&["SIM busy", "SIM not ready", "please wait"]) {
            Self::SimBusy
        } else if says(&["SIM wrong"]) {
            Self::SimWrong
        } else if says(&["incorrect password"]) {
            Self::IncorrectPassword
        } else if says(&["no network"]) {
            Self::NoNetworkService
        } else if says(&PERSONALISED) {
            Self::Personalised(fault.clone())
        } else {
            Self::Other(fault.clone())
        }
    }
}

/// How the words of 5 to 7 and 40 to 47 start.
const PERSONALISED: [&str; 6] = [
    "PH-SIM P",
    "PH-FSIM P",
    "network personali",
    "network subset personali",
    "service provider personali",
    "corporate personali",
];

impl CmeError {
    fn from_code(fault: &Fault) -> Self {
        match fault {
            Fault::Code(10) => Self::SimNotInserted,
            Fault::Code(11) => Self::PinRequired,
            Fault::Code(12) => Self::PukRequired,
            Fault::Code(13) => Self::SimFailure,
            Fault::Code(14 | 515) => Self::SimBusy,
            Fault::Code(15) => Self::SimWrong,
            Fault::Code(16) => Self::IncorrectPassword,
            Fault::Code(17 | 18) => Self::SecondPin,
            Fault::Code(5..=7 | 40..=47) => Self::Personalised(fault.clone()),
            Fault::Code(30) => Self::NoNetworkService,
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
            Self::SecondPin => "second PIN of the SIM required",
            Self::NoNetworkService => "no network service",
            Self::Personalised(fault) => {
                return write!(f, "locked to another SIM or network ({fault})");
            }
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
            (10, "SIM_NOT_INSERTED", CmeError::SimNotInserted),
            (10, "SIMNOTINSERTED", CmeError::SimNotInserted),
            (11, "SIM_PIN_REQUIRED", CmeError::PinRequired),
            (12, "SIMPUKREQUIRED", CmeError::PukRequired),
            (14, "sim_busy", CmeError::SimBusy),
            (16, "INCORRECT_PASSWORD", CmeError::IncorrectPassword),
            (17, "SIM PIN2 required", CmeError::SecondPin),
            (18, "SIM_PUK2_REQUIRED", CmeError::SecondPin),
            (515, "Please wait, init in progress", CmeError::SimBusy),
        ] {
            assert_eq!(CmeError::from(&Fault::Code(number)), meaning);
            let line = std::format!("+CME ERROR: {words}");
            let Some(Final::Cme(fault)) = Final::parse(&line) else {
                panic!("{line} is no CME error");
            };
            assert_eq!(CmeError::from(&fault), meaning, "{line}");
        }
        for fault in [
            Fault::Code(5),
            Fault::Code(40),
            Fault::Text(crate::at::text("PH-SIM_PIN_REQUIRED")),
            Fault::Text(crate::at::text("Network personalization PIN required")),
        ] {
            let locked = CmeError::Personalised(fault.clone());
            assert_eq!(CmeError::from(&fault), locked);
        }
        let other = CmeError::from(&Fault::Code(100));
        assert_eq!(other.to_string(), "100");
    }
}
