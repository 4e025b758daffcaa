//! Signal strength.

use core::fmt;

use super::{
    query::{query, standard},
    reply::{ReplyError, fields},
};

/// `+CSQ`: how strong the cell is received (3GPP 27.007, 8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// 0 to 31; absent where the stick does not know (99), or says a number of another scale.
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
            // 32 to 98 stand for nothing; 100 and up are scales of TD-SCDMA and LTE, which these
            // sticks do not have.
            Some(32..) => Ok(Self { rssi: None }),
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

query!(Signal, standard("AT+CSQ", "+CSQ:"));

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
            ("+CSQ: 32,0", None),
            ("+CSQ: 98", None),
            ("+CSQ: 199,99", None),
            ("+CSQ: 255,255", None),
            ("+CSQ: 017,099", Some(-79)),
            ("+CSQ: \"17\" , \"99\"", Some(-79)),
            ("+CSQ:17", Some(-79)),
        ] {
            assert_eq!(Signal::parse(line).unwrap().dbm(), dbm, "{line}");
        }
        for line in ["+CSQ: ", "+CSQ: -1,0", "+CSQ: 300,0", "CSQ: 1"] {
            let error = Signal::parse(line).unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }
}
