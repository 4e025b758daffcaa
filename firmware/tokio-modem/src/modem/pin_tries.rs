//! How many wrong PINs the SIM still takes, in the words of each vendor.

use super::{
    Profile, Query,
    query::SLOW_MS,
    reply::{ReplyError, fields, is_same},
};
use crate::at::{Answer, Command};

/// Tries left before the SIM locks. Every maker has a command of his own for it; the
/// [`Profile`] names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinTries {
    /// Of the PIN, 3 on a fresh SIM.
    pub pin: u8,
    /// Of the unblocking code, 10 on a fresh SIM.
    pub puk: Option<u8>,
}

/// Most that a SIM counts: half an octet (ETSI 102 221, 11.1.9). More, as the 255 and 999 of some
/// sticks, stands for "unknown".
const TRIES_MAX: u8 = 15;

/// How such an answer is read.
struct Form {
    name: &'static str,
    /// What the first field must say, where the answer has lines for other codes too.
    code: Option<&'static str>,
    /// The field with the tries of the PIN.
    pin: usize,
    /// The field with those of the unblocking code.
    puk: Option<usize>,
}

const fn form(name: &'static str, pin: usize, puk: usize) -> Form {
    let (code, puk) = (None, Some(puk));
    Form {
        name,
        code,
        pin,
        puk,
    }
}

const FORMS: [Form; 15] = [
    // ZTE, Option: <pin>,<puk>.
    form("+ZPINPUK", 0, 1),
    form("_OERCN", 0, 1),
    // Huawei: <state>,<of what is asked>,<puk>,<pin>,<puk2>,<pin2>.
    form("^CPIN", 3, 2),
    // <pin>,<pin2>,<puk>,<puk2>: Sierra, u-blox, MediaTek, Fibocom (of Intel).
    form("+CPINC", 0, 2),
    form("+UPINCNT", 0, 2),
    form("+EPINC", 0, 2),
    form("+XPINCNT", 0, 2),
    // <pin>,<puk>,<pin2>,<puk2>: Ericsson, Nokia (of Icera), Altair, SIMCom, some of which have the
    // first alone.
    form("*EPIN", 0, 1),
    form("%PINNUM", 0, 1),
    form("%CPININFO", 0, 1),
    form("+SPIC", 0, 1),
    // Quectel: "SC",<pin>,<puk>, and "P2",….
    Form {
        code: Some("SC"),
        ..form("+QPINC", 1, 2)
    },
    // Of the code that was asked for, or that the SIM waits for: Cinterion, Telit.
    Form {
        puk: None,
        ..form("^SPIC", 0, 0)
    },
    Form {
        puk: None,
        ..form("#PCT", 0, 0)
    },
    // Novatel: PIN1,<pin>.
    Form {
        code: Some("PIN1"),
        puk: None,
        ..form("$NWPINR", 1, 0)
    },
];

impl PinTries {
    /// From an answer to [`Profile::pin_tries`] or to one of
    /// [`STANDARD_PIN_TRIES`](super::STANDARD_PIN_TRIES): `+ZPINPUK: 3,10`, `+CPINR: SIM PIN,3,3`,
    /// `+CSIM: 4,"63C3"` and their like.
    ///
    /// # Errors
    /// The line has another form, or a number that no SIM counts.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        FORMS
            .iter()
            .find_map(|form| form.find(line))
            .or_else(|| standard(line))
            .or_else(|| verified(line))
            .or_else(|| longcheer(line))
            .filter(|tries| tries.pin <= TRIES_MAX)
            .ok_or_else(|| ReplyError::new("tries left of the PIN, as in +ZPINPUK: 3,10", line))
    }
}

impl Form {
    fn find(&self, line: &str) -> Option<PinTries> {
        let fields = fields(line, self.name)?;
        let field = |index| fields.clone().nth(index);
        if self.code.is_some_and(|code| field(0) != Some(code)) {
            return None;
        }
        let number = |index| field(index)?.parse::<u8>().ok();
        Some(PinTries {
            pin: number(self.pin)?,
            puk: self.puk.and_then(number),
        })
    }
}

/// `+CPINR: <code>,<left>[,<of so many>]`, a line for each code.
fn standard(line: &str) -> Option<PinTries> {
    let mut fields = fields(line, "+CPINR")?;
    let is_pin = is_same(fields.next()?, "SIM PIN");
    let (pin, puk) = (fields.number().filter(|_| is_pin)?, None);
    Some(PinTries { pin, puk })
}

/// `+CSIM: <length>,"…<status>"`: 63Cx has x tries left, 6983 none (ETSI 102 221, 10.2.1).
fn verified(line: &str) -> Option<PinTries> {
    let response = fields(line, "+CSIM")?.nth(1)?;
    let status = response.get(response.len().checked_sub(4)?..)?;
    let pin = match u16::from_str_radix(status, 16).ok()? {
        status @ 0x63c0..=0x63cf => u8::try_from(status & 0xf).ok()?,
        0x6983 => 0,
        _ => return None,
    };
    Some(PinTries { pin, puk: None })
}

/// `PIN1=3; PUK1=10; PIN2=3; PUK2=10`.
fn longcheer(line: &str) -> Option<PinTries> {
    let mut parts = line.split(';').map(str::trim);
    let pin = parts.next()?.strip_prefix("PIN1=")?.parse().ok()?;
    let puk = parts.next().and_then(|part| part.strip_prefix("PUK1="));
    let puk = puk.and_then(|tries| tries.parse().ok());
    Some(PinTries { pin, puk })
}

impl Query for PinTries {
    fn command(profile: &Profile) -> Option<Command<'static>> {
        let question = profile.pin_tries.as_ref()?;
        Some(Command {
            text: question.command,
            answer: Answer::Prefixed(question.answer),
            timeout_ms: SLOW_MS,
        })
    }

    fn parse(line: &str) -> Result<Self, ReplyError> {
        Self::parse(line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tries_left() {
        let tries = PinTries::parse("+ZPINPUK: 3,10").unwrap();
        assert_eq!((tries.pin, tries.puk), (3, Some(10)));
        assert_eq!(PinTries::parse("+ZPINPUK:1").unwrap().pin, 1);
        for line in [
            "+ZPINPUK:",
            "+ZPINPUK: x,10",
            "+ZPINPUK: 300,10",
            "^CPIN: READY",
            "+QPINC: \"SC\"",
            "+CPIN: 3,10",
        ] {
            assert!(PinTries::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn pin_tries_of_every_vendor_are_parsed() {
        for (line, puk) in [
            ("+ZPINPUK: 2,9", Some(9)),
            ("_OERCN: 2, 9", Some(9)),
            ("^CPIN: SIM PIN,2,9,2,10,3", Some(9)),
            ("^CPIN: READY,,9,2,10,3", Some(9)),
            ("+QPINC: \"SC\",2,9", Some(9)),
            ("+CPINC: 2,3,9,10", Some(9)),
            ("+UPINCNT: 2,3,9,10", Some(9)),
            ("+EPINC: 2,3,9,10", Some(9)),
            ("+XPINCNT: 2, 3, 9, 10", Some(9)),
            ("*EPIN: 2, 9, 3, 10", Some(9)),
            ("%CPININFO: 2,9,3,10", Some(9)),
            ("%PINNUM: 2, 9, 3, 10", Some(9)),
            ("+SPIC: 2,9,0,10", Some(9)),
            ("+SPIC: 2", None),
            ("^SPIC: 2", None),
            ("#PCT: 2", None),
            ("$NWPINR: PIN1, 2", None),
            ("PIN1=2; PUK1=9; PIN2=3; PUK2=10", Some(9)),
            ("+CPINR: SIM PIN,2,3", None),
            ("+CPINR: \"SIM PIN\",2", None),
            ("+CSIM: 4,\"63C2\"", None),
            ("+CSIM: 4,63c2", None),
        ] {
            let tries = PinTries::parse(line).unwrap();
            assert_eq!((tries.pin, tries.puk), (2, puk), "{line}");
        }
        assert_eq!(PinTries::parse("+CSIM: 4,\"6983\"").unwrap().pin, 0);
    }

    #[test]
    fn tries_of_another_code_are_not_those_of_the_pin() {
        for line in [
            "+QPINC: \"P2\",3,10",
            "+CPINR: SIM PUK,10,10",
            "+CPINR: SIM PIN2,3,3",
            "+CPINR: 3",
            "$NWPINR: PIN2, 3",
            "+CSIM: 4,\"9000\"",
            "+CSIM: 4,\"6300\"",
            "+CSIM: 4,\"6E00\"",
            "+CSIM: 2,\"C3\"",
            "PIN2=3; PUK2=10",
            "+ZPINPUK: 255,255",
            "+CPINC: 16,3,10,10",
        ] {
            assert!(PinTries::parse(line).is_err(), "{line}");
        }
    }
}
