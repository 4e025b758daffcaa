//! What ZTE sticks have of their own. The forms are those that oFono, `ModemManager` and the users
//! of such sticks tell; the maker publishes none.

use core::fmt;

use super::{
    query::{QUICK_MS, SetCommand, query, standard},
    reply::{ReplyError, fields},
};
use crate::at::{Answer, Command, Text, text};

/// `+ZPAS?` of ZTE: the service a stick has right now. Some firmware answers with `+BEARTYPE:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `GPRS`, `EDGE`, `UMTS`, `HSDPA`, `No Service`, `Limited Service` …
    pub network: Text,
    /// `CS_ONLY`, `PS_ONLY`, `CS_PS`, where told.
    pub domain: Option<Text>,
}

impl Service {
    /// From `+ZPAS: "<network>"[,"<domain>"]` or `+BEARTYPE: …`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let wrong = || ReplyError::new("+ZPAS: \"<network>\",\"<domain>\"", line);
        let mut fields = fields(line, "+ZPAS")
            .or_else(|| fields(line, "+BEARTYPE"))
            .ok_or_else(wrong)?;
        let network = fields.next().filter(|name| !name.is_empty());
        Ok(Self {
            network: text(network.ok_or_else(wrong)?),
            domain: fields.next().filter(|name| !name.is_empty()).map(text),
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

query!(
    Service,
    Some(Command {
        text: "AT+ZPAS?",
        answer: Answer::AnyOf(&["+ZPAS:", "+BEARTYPE:"]),
        timeout_ms: QUICK_MS,
    })
);

/// `+ZRSSI` of ZTE: how the cell is received, in more detail than `+CSQ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadioSignal {
    /// Power of the whole channel, in dBm.
    pub rssi: i16,
    /// The pilot's share of it (Ec/Io) in halves of a decibel; UMTS only.
    pub ecio_halves: Option<i16>,
    /// Power of the pilot (RSCP) in halves of a dBm; UMTS only.
    pub rscp_halves: Option<i16>,
}

impl RadioSignal {
    /// From `+ZRSSI: <rssi>,<Ec/Io>,<RSCP>`, all without their minus; 1000 is unknown.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let wrong = || ReplyError::new("+ZRSSI: <0 to 200>,<Ec/Io>,<RSCP>", line);
        let mut fields = fields(line, "+ZRSSI").ok_or_else(wrong)?;
        let rssi = fields
            .number::<i16>()
            .filter(|rssi| (0..=200).contains(rssi));
        let mut halves = || {
            let halves = fields
                .number::<i16>()
                .filter(|halves| (0..1_000).contains(halves));
            halves.map(|halves| -halves)
        };
        Ok(Self {
            rssi: -rssi.ok_or_else(wrong)?,
            ecio_halves: halves(),
            rscp_halves: halves(),
        })
    }
}

query!(RadioSignal, standard("AT+ZRSSI", "+ZRSSI:"));

impl fmt::Display for RadioSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dBm", self.rssi)?;
        let mut halves = |name, halves: Option<i16>, unit| match halves {
            Some(halves) => write!(f, ", {name} {:.1} {unit}", f32::from(halves) / 2.0),
            None => Ok(()),
        };
        halves("Ec/Io", self.ecio_halves, "dB")?;
        halves("RSCP", self.rscp_halves, "dBm")
    }
}

/// `+ZSNT` of ZTE: which radio networks the stick uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// All, the better first as the stick sees it.
    Automatic,
    /// All, GSM first.
    GsmFirst,
    /// All, UMTS first.
    UmtsFirst,
    /// GSM alone.
    GsmOnly,
    /// UMTS alone.
    UmtsOnly,
    /// LTE alone.
    LteOnly,
}

impl NetworkMode {
    const ALL: [(Self, u8, u8); 6] = [
        (Self::Automatic, 0, 0),
        (Self::GsmFirst, 0, 1),
        (Self::UmtsFirst, 0, 2),
        (Self::GsmOnly, 1, 0),
        (Self::UmtsOnly, 2, 0),
        (Self::LteOnly, 6, 0),
    ];

    /// From `+ZSNT: <mode>,<selection>,<order>`. An order is nothing where one radio is alone.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let wrong = || ReplyError::new("+ZSNT: <0, 1, 2 or 6>,<0 or 1>,<0 to 2>", line);
        let mut fields = fields(line, "+ZSNT").ok_or_else(wrong)?;
        let mode = fields.number::<u8>().ok_or_else(wrong)?;
        fields.number::<u8>().ok_or_else(wrong)?;
        let order = fields.number::<u8>().ok_or_else(wrong)?;
        let order = if mode == 0 { order } else { 0 };
        Self::ALL
            .iter()
            .find(|&&(_, its_mode, its_order)| (its_mode, its_order) == (mode, order))
            .map(|&(found, ..)| found)
            .ok_or_else(wrong)
    }
}

query!(NetworkMode, standard("AT+ZSNT?", "+ZSNT:"));

impl SetCommand for NetworkMode {}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(known, ..)| known == self);
        let (mode, order) = found.map_or((0, 0), |&(_, mode, order)| (mode, order));
        write!(f, "AT+ZSNT={mode},0,{order}")
    }
}

/// `+ZOPRT` of ZTE: whether the stick uses its radio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatingMode {
    /// It does.
    Online,
    /// It does not.
    Offline,
}

impl SetCommand for OperatingMode {}

impl fmt::Display for OperatingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "AT+ZOPRT=5",
            Self::Offline => "AT+ZOPRT=6",
        })
    }
}

/// `+ZCDRUN=4` of ZTE: whether the stick shows its CD-ROM first when it is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Autorun {
    /// It does.
    pub shown: bool,
}

/// `+ZCDRUN=8` of ZTE: shows no CD-ROM any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutorunOff {
    /// The stick has done it.
    pub done: bool,
}

/// `+ZCDRUN=9` of ZTE: shows the CD-ROM again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutorunOn {
    /// The stick has done it.
    pub done: bool,
}

macro_rules! autorun {
    ($type:ident, $field:ident, $command:literal, $words:literal, $form:literal) => {
        impl $type {
            #[doc = concat!("From `", $form, "`.")]
            ///
            /// # Errors
            /// The line has another form.
            pub fn parse(line: &str) -> Result<Self, ReplyError> {
                let value = line
                    .strip_prefix($words)
                    .and_then(|rest| rest.rsplit_once(':'));
                match value.map(|(_, value)| value.trim()) {
                    Some("0") => Ok(Self { $field: false }),
                    Some("1") => Ok(Self { $field: true }),
                    _ => Err(ReplyError::new($form, line)),
                }
            }
        }

        query!(
            $type,
            Some(Command {
                text: $command,
                answer: Answer::Prefixed($words),
                timeout_ms: AUTORUN_MS,
            })
        );
    };
}

/// Some firmware gives no `OK` behind the sentence: not to be waited for long.
const AUTORUN_MS: u64 = 3_000;

autorun!(
    Autorun,
    shown,
    "AT+ZCDRUN=4",
    "Inquiry autorun open state result",
    "Inquiry autorun open state result(0:NO 1:YES):<0 or 1>"
);
autorun!(
    AutorunOff,
    done,
    "AT+ZCDRUN=8",
    "Close autorun state result",
    "Close autorun state result(0:FAIL 1:SUCCESS):<0 or 1>"
);
autorun!(
    AutorunOn,
    done,
    "AT+ZCDRUN=9",
    "Open autorun state result",
    "Open autorun state result(0:FAIL 1:SUCCESS):<0 or 1>"
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn service_tells_whether_packets_pass() {
        for (line, packets) in [
            ("+ZPAS: \"UMTS\",\"CS_PS\"", true),
            ("+ZPAS: \"GPRS\",\"PS_ONLY\"", true),
            ("+ZPAS: \"UMTS\",\"CS_ONLY\"", false),
            ("+ZPAS: \"No Service\"", false),
            ("+ZPAS: \"HSDPA\"", true),
            ("+ZPAS: \"HSDPA\",\"\"", true),
            ("+BEARTYPE: \"Limited Service\"", false),
            ("+BEARTYPE:UMTS,CS_PS", true),
        ] {
            assert_eq!(
                Service::parse(line).unwrap().has_packets(),
                packets,
                "{line}"
            );
        }
        assert!(Service::parse("+ZPAS:").is_err());
    }

    #[test]
    fn radio_signal_in_halves() {
        let signal = RadioSignal::parse("+ZRSSI: 75,7,172").unwrap();
        assert_eq!(signal.to_string(), "-75 dBm, Ec/Io -3.5 dB, RSCP -86.0 dBm");
        let gsm = RadioSignal::parse("+ZRSSI: 63,1000,1000").unwrap();
        assert_eq!(gsm.to_string(), "-63 dBm");
        assert_eq!(RadioSignal::parse("+ZRSSI:63").unwrap(), gsm);
        for line in ["+ZRSSI:", "+ZRSSI: 900,1,1", "+ZRSSI: -102,-6.5", "+ZRSSI"] {
            assert!(RadioSignal::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn network_modes_round_trip() {
        for (mode, ..) in NetworkMode::ALL {
            let told = mode.to_string().replace("AT+ZSNT=", "+ZSNT: ");
            assert_eq!(NetworkMode::parse(&told).unwrap(), mode, "{told}");
        }
        assert_eq!(
            NetworkMode::parse("+ZSNT: 2,1,2").unwrap(),
            NetworkMode::UmtsOnly
        );
        for line in [
            "+ZSNT: 0,0,3",
            "+ZSNT: 4,0,0",
            "+ZSNT: 0,0",
            "+ZSNT: (0,1,2)",
        ] {
            assert!(NetworkMode::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_cd_rom_says_what_became_of_it() {
        let off = |line| AutorunOff::parse(line).map(|off| off.done);
        assert_eq!(
            off("Close autorun state result(0:FAIL 1:SUCCESS):1"),
            Ok(true)
        );
        assert_eq!(
            off("Close autorun state result(0:FAIL 1:SUCCESS):0"),
            Ok(false)
        );
        assert!(off("Close autorun state result(0:FAIL 1:SUCCESS)").is_err());
        assert!(off("Open autorun state result(0:FAIL 1:SUCCESS):1").is_err());
        assert!(
            AutorunOn::parse("Open autorun state result(0:FAIL 1:SUCCESS):1")
                .unwrap()
                .done
        );
        assert!(
            Autorun::parse("Inquiry autorun open state result(0:NO 1:YES):1")
                .unwrap()
                .shown
        );
        assert_eq!(OperatingMode::Online.to_string(), "AT+ZOPRT=5");
    }
}
