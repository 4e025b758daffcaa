//! Final results of commands.

use core::fmt;

use super::{Text, text};

/// Final result of a command (V.250 verbose results, 3GPP 27.007 and 27.005 errors).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Final {
    /// `OK`.
    Ok,
    /// `ERROR`.
    Error,
    /// `+CME ERROR: …`, from the equipment or the SIM.
    Cme(Fault),
    /// `+CMS ERROR: …`, from message storage.
    Cms(Fault),
    /// `COMMAND NOT SUPPORT`, ZTE's own.
    NotSupported,
    /// `CONNECT …` with the text after it: what follows is data.
    Connect(Text),
    /// `NO CARRIER`.
    NoCarrier,
    /// `BUSY`.
    Busy,
    /// `NO ANSWER`.
    NoAnswer,
    /// `NO DIALTONE` or `NO DIAL TONE`.
    NoDialtone,
}

/// Code or text of a `+CME ERROR` or `+CMS ERROR`, depending on `+CMEE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `+CMEE=1`.
    Code(u16),
    /// `+CMEE=2`.
    Text(Text),
}

impl Final {
    /// Parses a line. `None` if it is no final result.
    pub fn parse(line: &str) -> Option<Self> {
        Some(match line {
            "OK" => Self::Ok,
            "ERROR" => Self::Error,
            "CONNECT" => Self::Connect(Text::new()),
            "NO CARRIER" => Self::NoCarrier,
            "BUSY" => Self::Busy,
            "NO ANSWER" => Self::NoAnswer,
            "NO DIALTONE" | "NO DIAL TONE" => Self::NoDialtone,
            _ => {
                if let Some(fault) = line.strip_prefix("+CME ERROR:") {
                    Self::Cme(Fault::parse(fault))
                } else if let Some(fault) = line.strip_prefix("+CMS ERROR:") {
                    Self::Cms(Fault::parse(fault))
                } else if let Some(rate) = line.strip_prefix("CONNECT ") {
                    Self::Connect(text(rate.trim()))
                } else if line.starts_with("COMMAND NOT SUPPORT") {
                    Self::NotSupported
                } else {
                    return None;
                }
            }
        })
    }

    /// Returns whether it is an error, maybe of something that began with `OK`.
    pub(crate) fn is_error(&self) -> bool {
        matches!(
            self,
            Self::Error | Self::Cme(_) | Self::Cms(_) | Self::NotSupported
        )
    }

    /// Returns whether it reports the end of a call; without a call being set up it is that of an older
    /// one.
    pub(super) fn is_about_a_call(&self) -> bool {
        matches!(
            self,
            Self::NoCarrier | Self::Busy | Self::NoAnswer | Self::NoDialtone
        )
    }
}

impl Fault {
    fn parse(source: &str) -> Self {
        let source = source.trim();
        source
            .parse()
            .map_or_else(|_| Self::Text(text(source)), Self::Code)
    }
}

impl fmt::Display for Final {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("OK"),
            Self::Error => f.write_str("ERROR"),
            Self::Cme(fault) => write!(f, "+CME ERROR: {fault}"),
            Self::Cms(fault) => write!(f, "+CMS ERROR: {fault}"),
            Self::NotSupported => f.write_str("COMMAND NOT SUPPORT"),
            Self::Connect(rate) if rate.is_empty() => f.write_str("CONNECT"),
            Self::Connect(rate) => write!(f, "CONNECT {rate}"),
            Self::NoCarrier => f.write_str("NO CARRIER"),
            Self::Busy => f.write_str("BUSY"),
            Self::NoAnswer => f.write_str("NO ANSWER"),
            Self::NoDialtone => f.write_str("NO DIALTONE"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Text(words) => f.write_str(words),
        }
    }
}
