//! Whether the network has let the stick in, where, and over which radio.

use core::fmt;

use super::{
    Technology,
    query::{Order, query, standard},
    reply::{Fields, ReplyError, fields},
};

/// `+CREG` and `+CGREG`: whether the network has let the stick in (3GPP 27.007, 7.2 and 10.1.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// 0: not registered and not searching.
    Idle,
    /// 1: in the home network.
    Home,
    /// 2: searching.
    Searching,
    /// 3: the network refuses.
    Denied,
    /// 4: unknown, out of coverage for instance.
    Unknown,
    /// 5: in a foreign network.
    Roaming,
    /// Another number.
    Other(u8),
}

impl Registration {
    /// From `+CREG: <n>,<stat>[,…]`, `+CGREG: …` or the unsolicited form without `<n>`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        fields(line, "+CREG")
            .or_else(|| fields(line, "+CGREG"))
            .and_then(NetworkState::find)
            .map(|found| found.registration)
            .ok_or_else(|| ReplyError::new("+CREG: <n>,<stat> or +CGREG: <n>,<stat>", line))
    }

    fn of(state: u8) -> Self {
        match state {
            0 => Self::Idle,
            1 => Self::Home,
            2 => Self::Searching,
            3 => Self::Denied,
            4 => Self::Unknown,
            5 => Self::Roaming,
            other => Self::Other(other),
        }
    }

    /// Calls are possible.
    pub fn is_registered(self) -> bool {
        matches!(self, Self::Home | Self::Roaming)
    }
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "not registered, not searching",
            Self::Home => "registered, home network",
            Self::Searching => "searching",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
            Self::Roaming => "registered, roaming",
            Self::Other(number) => return write!(f, "state {number}"),
        })
    }
}

/// The cell that a stick is registered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Location area code, or tracking area code of LTE.
    pub area: u32,
    /// Cell identity.
    pub cell: u32,
}

/// Registration with what `AT+CREG=2` and its like add to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkState {
    /// Whether the network has let the stick in.
    pub registration: Registration,
    /// Where, if told.
    pub location: Option<Location>,
    /// Over which radio, if told.
    pub technology: Option<Technology>,
}

impl NetworkState {
    /// From `<n>,<stat>[,<area>,<cell>[,<technology>]]`, or the unsolicited form without `<n>`.
    fn find(mut fields: Fields<'_>) -> Option<Self> {
        let first = fields.number::<u8>()?;
        // The unsolicited form has the area there, four hexadecimal digits.
        let mut ahead = fields.clone();
        let state = match ahead.next().filter(|field| field.len() < 3) {
            Some(second) => {
                fields = ahead;
                second.parse().ok()?
            }
            None => first,
        };
        let mut hexadecimal = || u32::from_str_radix(fields.next()?, 16).ok();
        let location = match (hexadecimal(), hexadecimal()) {
            (Some(area), Some(cell)) => Some(Location { area, cell }),
            _ => None,
        };
        Some(Self {
            registration: Registration::of(state),
            location,
            technology: fields.number().and_then(Technology::of),
        })
    }

    fn parse(line: &str, name: &str, form: &'static str) -> Result<Self, ReplyError> {
        fields(line, name)
            .and_then(Self::find)
            .ok_or_else(|| ReplyError::new(form, line))
    }
}

/// `+CREG?`: registration with the network of calls (3GPP 27.007, 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creg(pub NetworkState);

/// `+CGREG?`: registration with the packet network of GSM and UMTS (3GPP 27.007, 10.1.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cgreg(pub NetworkState);

/// `+CEREG?`: registration with the packet network of LTE (3GPP 27.007, 10.1.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cereg(pub NetworkState);

macro_rules! registration {
    ($type:ident, $question:literal, $name:literal) => {
        impl $type {
            /// From the answer, or from the line that comes unsolicited.
            ///
            /// # Errors
            /// The line has another form.
            pub fn parse(line: &str) -> Result<Self, ReplyError> {
                let form = concat!($name, ": <n>,<stat>,<area>,<cell>,<technology>");
                NetworkState::parse(line, $name, form).map(Self)
            }
        }

        query!($type, standard($question, concat!($name, ":")));
    };
}

registration!(Creg, "AT+CREG?", "+CREG");
registration!(Cgreg, "AT+CGREG?", "+CGREG");
registration!(Cereg, "AT+CEREG?", "+CEREG");

/// `+CREG=`, `+CGREG=` or `+CEREG=`: what is told unsolicited, and whether with the location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// Nothing.
    Off,
    /// Registration, when it changes.
    On,
    /// The location too; the answers to questions have it as well then.
    WithLocation,
}

/// Sets [`Reports`] of one of the networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetReports {
    /// `+CREG=` (3GPP 27.007, 7.2).
    Calls(Reports),
    /// `+CGREG=` (3GPP 27.007, 10.1.20).
    Packets(Reports),
    /// `+CEREG=` (3GPP 27.007, 10.1.22).
    Lte(Reports),
}

impl Order for SetReports {}

impl fmt::Display for SetReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, reports) = match self {
            Self::Calls(reports) => ("CREG", reports),
            Self::Packets(reports) => ("CGREG", reports),
            Self::Lte(reports) => ("CEREG", reports),
        };
        let number = match reports {
            Reports::Off => 0,
            Reports::On => 1,
            Reports::WithLocation => 2,
        };
        write!(f, "AT+{name}={number}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn registration_in_both_forms() {
        use Registration::*;
        for (line, state) in [
            ("+CREG: 0,1", Home),
            ("+CREG:0,2", Searching),
            ("+CREG: 2,5,\"1A2B\",\"00C3\"", Roaming),
            ("+CREG: 3", Denied),
            ("+CREG: 1,\"1A2B\",\"00C3\"", Home),
            ("+CREG: 5,1A2B,00C3", Roaming),
            ("+CGREG: 0,0", Idle),
            ("+CGREG: 1,4", Unknown),
            ("+CREG: 0,10", Other(10)),
        ] {
            assert_eq!(Registration::parse(line).unwrap(), state, "{line}");
        }
        for line in [
            "+CREG:",
            "+CREG: x,1",
            "+CREG: 0,x",
            "+CREG: 0,",
            "+CEREG: 0,1",
        ] {
            assert!(Registration::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn location_and_technology_where_told() {
        let place = |area, cell| Some(Location { area, cell });
        for (line, location, technology) in [
            (
                "+CREG: 2,1,\"1A2B\",\"00C3D4E5\",6",
                place(0x1a2b, 0x00c3_d4e5),
                Some(Technology::Hspa),
            ),
            (
                "+CREG: 1,\"1A2B\",\"00C3\",2",
                place(0x1a2b, 0xc3),
                Some(Technology::Umts),
            ),
            ("+CREG: 2,5, 1A2B, C3", place(0x1a2b, 0xc3), None),
            ("+CREG: 2,0", None, None),
            ("+CREG: 2,1,\"\",\"\"", None, None),
            ("+CREG: 2,1,\"1A2B\"", None, None),
        ] {
            let Creg(state) = Creg::parse(line).unwrap();
            assert_eq!(
                (state.location, state.technology),
                (location, technology),
                "{line}"
            );
        }
        let Cereg(lte) = Cereg::parse("+CEREG: 2,1,\"1A2D\",\"01A0BC01\",7").unwrap();
        assert_eq!(lte.technology, Some(Technology::Lte));
        let error = Cgreg::parse("+CREG: 0,1").unwrap_err().to_string();
        assert!(error.starts_with("expected +CGREG: "), "{error}");
        assert_eq!(
            SetReports::Packets(Reports::WithLocation).to_string(),
            "AT+CGREG=2"
        );
    }
}
