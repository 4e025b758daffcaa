//! Signal, registration, operator, service.

use core::fmt;

use super::reply::{ReplyError, fields};
use crate::at::{Text, text};

/// `+CSQ`: how strong the cell is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// 0 to 31; absent where the stick does not know (99).
    pub rssi: Option<u8>,
}

impl Signal {
    /// From `+CSQ: <rssi>,<ber>`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let rssi = fields(line, "+CSQ").and_then(|mut fields| fields.number::<u8>());
        match rssi {
            Some(rssi @ 0..=31) => Ok(Self { rssi: Some(rssi) }),
            // 100 and up: TD-SCDMA and LTE scales, which these sticks do not have.
            Some(99..) => Ok(Self { rssi: None }),
            _ => Err(ReplyError::new("+CSQ: <0 to 31 or 99>,<ber>", line)),
        }
    }

    /// The power in dBm; 0 and 31 stand for "at most" and "at least".
    pub fn dbm(self) -> Option<i16> {
        self.rssi.map(|rssi| -113 + 2 * i16::from(rssi))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dbm() {
            Some(dbm) => write!(f, "{dbm} dBm"),
            None => f.write_str("unknown"),
        }
    }
}

/// `+CREG` and `+CGREG`: whether the network has let the stick in.
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
        Self::find(line)
            .ok_or_else(|| ReplyError::new("+CREG: <n>,<stat> or +CGREG: <n>,<stat>", line))
    }

    fn find(line: &str) -> Option<Self> {
        let mut fields = fields(line, "+CREG").or_else(|| fields(line, "+CGREG"))?;
        let first = fields.number::<u8>()?;
        // The unsolicited form has the location area there, four hexadecimal digits.
        let second = fields.next().filter(|field| field.len() < 3);
        let state = match second {
            Some(second) => second.parse().ok()?,
            None => first,
        };
        Some(match state {
            0 => Self::Idle,
            1 => Self::Home,
            2 => Self::Searching,
            3 => Self::Denied,
            4 => Self::Unknown,
            5 => Self::Roaming,
            other => Self::Other(other),
        })
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

/// Radio technology of `+COPS?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// GSM, with or without EDGE.
    Gsm,
    /// UMTS.
    Umts,
    /// UMTS with HSDPA, HSUPA or both.
    Hspa,
    /// LTE.
    Lte,
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gsm => "GSM",
            Self::Umts => "UMTS",
            Self::Hspa => "HSPA",
            Self::Lte => "LTE",
        })
    }
}

/// `+COPS?`: whose network it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Name or number, in the form the stick has chosen.
    pub name: Text,
    /// Radio technology, where told.
    pub technology: Option<Technology>,
}

impl Operator {
    /// From `+COPS: <mode>,<format>,"<name>"[,<technology>]`; nothing while no network is chosen,
    /// when only the mode is told.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Option<Self>, ReplyError> {
        let wrong = || ReplyError::new("+COPS: <mode>,<format>,\"<name>\",<technology>", line);
        let mut fields = fields(line, "+COPS").ok_or_else(wrong)?;
        fields.number::<u8>().ok_or_else(wrong)?;
        let Some(_format) = fields.next() else {
            return Ok(None);
        };
        let name = text(fields.next().ok_or_else(wrong)?);
        let technology = match fields.number::<u8>() {
            Some(0 | 1 | 3) => Some(Technology::Gsm),
            Some(2) => Some(Technology::Umts),
            Some(4..=6) => Some(Technology::Hspa),
            Some(7) => Some(Technology::Lte),
            _ => None,
        };
        Ok(Some(Self { name, technology }))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.technology {
            Some(technology) => write!(f, "{}, {technology}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// `+ZPAS?` of ZTE: the service a stick has right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `GPRS`, `EDGE`, `UMTS`, `HSDPA`, `No Service`, `Limited Service` …
    pub network: Text,
    /// `CS_ONLY`, `PS_ONLY`, `CS_PS`, where told.
    pub domain: Option<Text>,
}

impl Service {
    /// From `+ZPAS: "<network>"[,"<domain>"]`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let wrong = || ReplyError::new("+ZPAS: \"<network>\",\"<domain>\"", line);
        let mut fields = fields(line, "+ZPAS").ok_or_else(wrong)?;
        let network = fields.next().filter(|name| !name.is_empty());
        Ok(Self {
            network: text(network.ok_or_else(wrong)?),
            domain: fields.next().map(text),
        })
    }

    /// Packets can be sent.
    pub fn has_packets(&self) -> bool {
        match self.domain.as_deref() {
            Some(domain) => domain.contains("PS"),
            None => !self.network.contains("Service"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn signal_in_dbm() {
        for (line, dbm) in [
            ("+CSQ: 0,99", Some(-113)),
            ("+CSQ: 17,3", Some(-79)),
            ("+CSQ:31,99", Some(-51)),
            ("+CSQ: 99,99", None),
        ] {
            assert_eq!(Signal::parse(line).unwrap().dbm(), dbm, "{line}");
        }
        for line in [
            "+CSQ: ",
            "+CSQ: 32,0",
            "+CSQ: -1,0",
            "+CSQ: 300,0",
            "CSQ: 1",
        ] {
            let error = Signal::parse(line).unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }

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
    fn operator_with_and_without_technology() {
        let told = |line| {
            Operator::parse(line)
                .unwrap()
                .map(|found| found.to_string())
        };
        assert_eq!(
            told("+COPS: 0,0,\"MegaFon, RUS\",2").unwrap(),
            "MegaFon, RUS, UMTS"
        );
        assert_eq!(told("+COPS: 0,2,\"25002\"").unwrap(), "25002");
        assert_eq!(told("+COPS: 0"), None);
        for line in ["+COPS:", "+COPS: 0,0", "+COPS: (2,\"A\")"] {
            assert!(Operator::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn service_tells_whether_packets_pass() {
        for (line, packets) in [
            ("+ZPAS: \"UMTS\",\"CS_PS\"", true),
            ("+ZPAS: \"GPRS\",\"PS_ONLY\"", true),
            ("+ZPAS: \"UMTS\",\"CS_ONLY\"", false),
            ("+ZPAS: \"No Service\"", false),
            ("+ZPAS: \"HSDPA\"", true),
        ] {
            assert_eq!(
                Service::parse(line).unwrap().has_packets(),
                packets,
                "{line}"
            );
        }
        assert!(Service::parse("+ZPAS:").is_err());
    }
}
