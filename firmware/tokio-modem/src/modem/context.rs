//! Access points and the packet service.

use core::fmt;

use heapless::String;
use thiserror::Error;

use super::{
    query::{NETWORK_MS, SetCommand, query, standard},
    reply::{ReplyError, fields},
};

/// Longest access point name (3GPP 23.003, 9.1).
pub const APN_MAX: usize = 100;

/// `+CGDCONT`: an access point that a call can name by its number (3GPP 27.007, 10.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The number, as in `ATD*99***1#`.
    pub id: u8,
    /// What the packets are.
    pub kind: PacketKind,
    apn: String<APN_MAX>,
}

/// What the packets of a [`Context`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// `IP`.
    Ipv4,
    /// `IPV6`.
    Ipv6,
    /// `IPV4V6`.
    Ipv4v6,
    /// `PPP`, handed on to the network as it is.
    Ppp,
}

/// An access point that no command can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "access point name: expected at most {APN_MAX} letters, digits, dots, dashes or underscores"
)]
pub struct ContextError;

impl PacketKind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Ipv4, "IP"),
        (Self::Ipv6, "IPV6"),
        (Self::Ipv4v6, "IPV4V6"),
        (Self::Ppp, "PPP"),
    ];
}

impl Context {
    /// An access point. An empty name lets the network choose.
    ///
    /// # Errors
    /// The name has characters that could break out of the command, or too many.
    pub fn new(id: u8, kind: PacketKind, apn: &str) -> Result<Self, ContextError> {
        let in_apn = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if !apn.bytes().all(in_apn) {
            return Err(ContextError);
        }
        let apn = String::try_from(apn).map_err(|_| ContextError)?;
        Ok(Self { id, kind, apn })
    }

    /// The access point's name.
    pub fn apn(&self) -> &str {
        &self.apn
    }

    /// From `+CGDCONT: <id>,"<kind>","<name>",…`, one of the lines that answer `AT+CGDCONT?`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let find = || {
            let mut fields = fields(line, "+CGDCONT")?;
            let id = fields.number()?;
            let kind = fields.next()?;
            let (kind, _) = PacketKind::ALL.iter().find(|(_, name)| *name == kind)?;
            Self::new(id, *kind, fields.next()?).ok()
        };
        find().ok_or_else(|| ReplyError::new("+CGDCONT: <id>,\"<kind>\",\"<name>\"", line))
    }
}

query!(Context, standard("AT+CGDCONT?", "+CGDCONT:"));

impl SetCommand for Context {}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = PacketKind::ALL.iter().find(|(kind, _)| *kind == self.kind);
        let kind = known.map_or("IP", |(_, name)| name);
        write!(f, "AT+CGDCONT={},\"{kind}\",\"{}\"", self.id, self.apn)
    }
}

/// `+CGATT`: whether the stick is attached to the packet service (3GPP 27.007, 10.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// It is, or shall be.
    pub attached: bool,
}

impl Attachment {
    /// From `+CGATT: <0 or 1>`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        match fields(line, "+CGATT").and_then(|mut fields| fields.next()) {
            Some("0") => Ok(Self { attached: false }),
            Some("1") => Ok(Self { attached: true }),
            _ => Err(ReplyError::new("+CGATT: <0 or 1>", line)),
        }
    }
}

query!(Attachment, standard("AT+CGATT?", "+CGATT:"));

impl SetCommand for Attachment {
    const TIMEOUT_MS: u64 = NETWORK_MS;
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AT+CGATT={}", u8::from(self.attached))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn apn_that_could_inject_commands_is_refused() {
        for apn in ["a\"b", "a\rATH", "ä", &"a".repeat(APN_MAX + 1)] {
            assert_eq!(
                Context::new(1, PacketKind::Ipv4, apn),
                Err(ContextError),
                "{apn}"
            );
        }
        for line in [
            "+CGDCONT:",
            "+CGDCONT: 1",
            "+CGDCONT: 1,\"X25\",\"a\"",
            "+CGDCONT: 1,\"IP\"",
            "+CGDCONT: (1-16),\"IP\",,,(0-2),(0-4)",
        ] {
            assert!(Context::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn attached_or_not() {
        assert!(Attachment::parse("+CGATT: 1").unwrap().attached);
        assert!(!Attachment::parse("+CGATT:0").unwrap().attached);
        assert!(Attachment::parse("+CGATT: 2").is_err());
        assert_eq!(Attachment { attached: true }.to_string(), "AT+CGATT=1");
    }

    proptest! {
        #[test]
        fn context_round_trips(id in 1_u8.., kind in 0_usize..4, apn in "[a-z0-9._-]{0,100}") {
            let context = Context::new(id, PacketKind::ALL[kind].0, &apn).unwrap();
            let command = context.to_string();
            prop_assert!(command.len() <= crate::at::COMMAND_MAX);
            let told = command.replace("AT+CGDCONT=", "+CGDCONT: ") + ",\"0.0.0.0\",0,0";
            prop_assert_eq!(Context::parse(&told).unwrap(), context);
        }
    }
}
