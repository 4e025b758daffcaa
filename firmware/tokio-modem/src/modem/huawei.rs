//! What Huawei sticks have of their own (the maker's AT command interface specifications).

use super::{
    Technology,
    query::{query, standard},
    reply::{ReplyError, fields},
};

/// `^SYSINFO` of Huawei: service, radio and SIM at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are told so")]
pub struct SystemInfo {
    /// What can be done with the network.
    pub service: ServiceStatus,
    /// Calls are possible.
    pub calls: bool,
    /// Packets are possible.
    pub packets: bool,
    /// The network is a foreign one.
    pub roaming: bool,
    /// Over which radio, where there is one.
    pub technology: Option<Technology>,
    /// The SIM can be used.
    pub sim: bool,
}

/// How much service there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceStatus {
    /// 0: none.
    None,
    /// 1 or 3: not all that the SIM pays for, emergency calls for instance.
    Limited,
    /// 2: all of it.
    Full,
    /// 4: the stick saves power.
    Asleep,
    /// Another number.
    Other(u8),
}

impl SystemInfo {
    /// From `^SYSINFO: <service>,<domain>,<roaming>,<mode>,<SIM>[,<lock>,<submode>]`.
    ///
    /// # Errors
    /// The line has another form.
    pub fn parse(line: &str) -> Result<Self, ReplyError> {
        let form = "^SYSINFO: <service>,<domain>,<roaming>,<mode>,<SIM>";
        let find = || {
            let mut fields = fields(line, "^SYSINFO")?;
            let service = fields.number::<u8>()?;
            let domain = fields.number::<u8>()?;
            let roaming = fields.number::<u8>()?;
            let mode = fields.number::<u8>()?;
            let sim = fields.number::<u8>()?;
            fields.next();
            let submode = fields.number::<u8>();
            Some(Self {
                service: match service {
                    0 => ServiceStatus::None,
                    1 | 3 => ServiceStatus::Limited,
                    2 => ServiceStatus::Full,
                    4 => ServiceStatus::Asleep,
                    other => ServiceStatus::Other(other),
                },
                calls: matches!(domain, 1 | 3),
                packets: matches!(domain, 2 | 3),
                roaming: roaming == 1,
                technology: technology(mode, submode),
                sim: matches!(sim, 1 | 240),
            })
        };
        find().ok_or_else(|| ReplyError::new(form, line))
    }
}

/// The mode has the radio, the submode tells what is done with it.
fn technology(mode: u8, submode: Option<u8>) -> Option<Technology> {
    match (mode, submode) {
        (3, _) => Some(Technology::Gsm),
        (5, Some(5..=7 | 9)) => Some(Technology::Hspa),
        (5, _) => Some(Technology::Umts),
        _ => None,
    }
}

query!(SystemInfo, standard("AT^SYSINFO", "^SYSINFO:"));

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sysinfo_is_parsed() {
        let info = SystemInfo::parse("^SYSINFO:2,3,0,5,1,,5").unwrap();
        assert_eq!(
            info,
            SystemInfo {
                service: ServiceStatus::Full,
                calls: true,
                packets: true,
                roaming: false,
                technology: Some(Technology::Hspa),
                sim: true,
            }
        );
        let info = SystemInfo::parse("^SYSINFO: 2,1,1,3,1").unwrap();
        assert_eq!(
            (info.calls, info.packets, info.roaming),
            (true, false, true)
        );
        assert_eq!(info.technology, Some(Technology::Gsm));
        let none = SystemInfo::parse("^SYSINFO:0,0,0,0,255,0,0").unwrap();
        assert_eq!(
            (none.service, none.sim, none.technology),
            (ServiceStatus::None, false, None)
        );
        for line in [
            "^SYSINFO:2,3,0,5",
            "^SYSINFO:",
            "^SYSINFOEX:2,3,0,1,,3,\"WCDMA\",41,\"HSPA+\"",
        ] {
            assert!(SystemInfo::parse(line).is_err(), "{line}");
        }
    }
}
