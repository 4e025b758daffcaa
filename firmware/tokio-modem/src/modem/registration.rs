//! Whether the network has let the stick in, where, and over which radio.

use core::fmt;

use heapless::Vec;

use super::{
    Technology,
    query::{SetCommand, query, standard},
    reply::{Field, Fields, ReplyError, fields},
};

/// `+CREG`, `+CGREG`, `+CEREG` and `+C5GREG`: whether the network has let the stick in (3GPP 27.007,
/// 7.2, 10.1.20, 10.1.22 and 10.1.47).
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
    /// From `+CREG: <n>,<stat>[,…]`, `+CGREG: …`, `+CEREG: …`, `+C5GREG: …` or the unsolicited form
    /// without `<n>`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        ["+CREG", "+CGREG", "+CEREG", "+C5GREG"]
            .iter()
            .find_map(|name| fields(line, name))
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
    /// From `<n>,<stat>[,<area>,<cell>[,<technology>…]]`, or the unsolicited form without `<n>`.
    fn find(fields: Fields<'_>) -> Option<Self> {
        let all = all(fields);
        let (first, behind) = all.split_first()?;
        let (state, place) = match behind.split_first() {
            Some((second, place)) if is_state(second, behind) => (second, place),
            _ => (first, behind),
        };
        let number = |field: Option<&Field<'_>>| field?.text.parse::<u8>().ok();
        number(Some(first))?;
        let hexadecimal = |field: Option<&Field<'_>>| u32::from_str_radix(field?.text, 16).ok();
        // Some sticks put the routing area between area and cell.
        let is_radio = |field: Option<&Field<'_>>| number(field).and_then(Technology::of).is_some();
        let has_routing = is_radio(place.get(3))
            && !is_radio(place.get(2))
            && hexadecimal(place.get(2)).is_some();
        let cell = if has_routing { 2 } else { 1 };
        let location = hexadecimal(place.first()).zip(hexadecimal(place.get(cell)));
        Some(Self {
            registration: Registration::of(number(Some(state))?),
            location: location.map(|(area, cell)| Location { area, cell }),
            technology: number(place.get(cell + 1)).and_then(Technology::of),
        })
    }

    fn parse(line: &str, name: &str, form: &'static str) -> Result<Self, ReplyError> {
        fields(line, name)
            .and_then(Self::find)
            .ok_or_else(|| ReplyError::new(form, line))
    }
}

/// Fields of a registration that are read; later ones are timers and causes.
const FIELDS_MAX: usize = 8;

fn all(mut fields: Fields<'_>) -> Vec<Field<'_>, FIELDS_MAX> {
    let mut all = Vec::new();
    while let Some(field) = fields.field() {
        if all.push(field).is_err() {
            break;
        }
    }
    all
}

/// Whether the second field is the state, and the first `<n>`: the answer to a question. In the
/// unsolicited form it is the area.
///
/// Two fields are always `<n>,<stat>`. Of more, the quotes decide: an area is in quotes, a state is
/// not. Without any quotes, three fields are `<stat>,<area>,<cell>`. More than three have a state
/// where the second is a number of at most three digits, for an area has four hexadecimal ones.
fn is_state(second: &Field<'_>, behind: &[Field<'_>]) -> bool {
    let in_quotes = behind.iter().skip(1).take(2).any(|field| field.quoted);
    match behind.len() {
        0 => false,
        1 => true,
        _ if second.quoted || second.text.is_empty() => false,
        _ if in_quotes => true,
        2 => false,
        _ => second.text.len() <= 3 && second.text.parse::<u8>().is_ok(),
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

/// `+C5GREG?`: registration with the packet network of New Radio (3GPP 27.007, 10.1.47). Cells of
/// more than 32 bits have no [`Location`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct C5greg(pub NetworkState);

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
registration!(C5greg, "AT+C5GREG?", "+C5GREG");

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

impl SetCommand for SetReports {}

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
            ("+CEREG: 0,1", Home),
            ("+C5GREG: 5", Roaming),
            ("+CREG: 2,,", Searching),
            ("+CREG: 2,255", Other(255)),
            ("+CREG: 000,005", Roaming),
            ("+CREG: 2,1,  0 5, 2715", Home),
            ("+CREG: \"0\",\"1\"", Home),
        ] {
            assert_eq!(Registration::parse(line).unwrap(), state, "{line}");
        }
        for line in [
            "+CREG:",
            "+CREG: x,1",
            "+CREG: 0,x",
            "+CREG: 0,",
            "+CREG: ,1,1",
            "+CXREG: 0,1",
        ] {
            assert!(Registration::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn forms_of_two_to_eight_fields_give_state_and_place() {
        use Registration::*;
        use Technology::{Gsm, Lte, Nr, Umts};
        for (line, state, place, technology) in [
            (
                "+CREG:002,001,\"18d8\",\"ffff\"",
                Home,
                Some((0x18d8, 0xffff)),
                None,
            ),
            (
                "+CREG: 001,\"0001\",\"0010\",000",
                Home,
                Some((1, 0x10)),
                Some(Gsm),
            ),
            ("+CREG: 2,0,00,0", Idle, Some((0, 0)), None),
            ("+CREG:2,1,0001,0010", Home, Some((1, 0x10)), None),
            ("+CREG: 1,0001,0010,0", Home, Some((1, 0x10)), Some(Gsm)),
            ("+CREG: 1,8BE3,2BAF", Home, Some((0x8be3, 0x2baf)), None),
            ("+CREG: 2,1,8BE3,2BAF", Home, Some((0x8be3, 0x2baf)), None),
            (
                "+CREG: 5,\"0502\",\"0404736D\",2",
                Roaming,
                Some((0x502, 0x0404_736d)),
                Some(Umts),
            ),
            (
                "+CREG: 2,1,000B,2816, B, C2816",
                Home,
                Some((0xb, 0x2816)),
                None,
            ),
            (
                "+CREG: 1,\"1422\",\"0142\",3,\"00\"",
                Home,
                Some((0x1422, 0x142)),
                Some(Gsm),
            ),
            (
                "+CREG: 1, 2, 0001, 0100, 7",
                Searching,
                Some((1, 0x100)),
                Some(Lte),
            ),
            (
                "+CREG: 2, 0001, 0100, 7",
                Searching,
                Some((1, 0x100)),
                Some(Lte),
            ),
            (
                "+CREG: 2,1, 1F00, 20 ,79D903 ,7",
                Home,
                Some((0x1f00, 0x79_d903)),
                Some(Lte),
            ),
            (
                "+CREG: 1, 1F00, 20 ,79D903 ,7",
                Home,
                Some((0x1f00, 0x79_d903)),
                Some(Lte),
            ),
            (
                "+CREG: 2,1,1F00,79D903,11,6,ABCDEF",
                Home,
                Some((0x1f00, 0x79_d903)),
                Some(Nr),
            ),
            (
                "+CREG: 1,1F00,79D903,11,6,ABCDEF",
                Home,
                Some((0x1f00, 0x79_d903)),
                Some(Nr),
            ),
            (
                "+CREG: 4,1,\"0A48\",\"0AAB5C01\",7,,,\"0\",\"0\"",
                Home,
                Some((0xa48, 0x0aab_5c01)),
                Some(Lte),
            ),
            ("+CREG: 2,1,,", Home, None, None),
            ("+CREG: 2,3,,,,0,15", Denied, None, None),
            ("+CREG: 1,\"0426\", \"F0,0F\"", Home, None, None),
        ] {
            let Creg(found) = Creg::parse(line).unwrap();
            assert_eq!(found.registration, state, "{line}");
            let location = found.location.map(|at| (at.area, at.cell));
            assert_eq!((location, found.technology), (place, technology), "{line}");
            assert_eq!(Registration::parse(line).unwrap(), state, "{line}");
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
