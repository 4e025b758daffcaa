//! Unsolicited result codes (URCs) of sticks, from public captures.

use std::time::Duration;

/// URC that the stick sends once, some time after its SIM is unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urc {
    /// Delay from the unlocked SIM to the line.
    pub after: Duration,
    /// The line.
    pub line: &'static str,
}

const fn at(after_ms: u64, line: &'static str) -> Urc {
    let after = Duration::from_millis(after_ms);
    Urc { after, line }
}

/// No URCs.
pub const SILENT: &[Urc] = &[];

/// ZTE of the MF180's generation registering: operator (`+ZDONR`) and radio (`+ZPASR`) on each
/// change, circuit-switched before packet-switched. Order and words as in captures of an MF627 and
/// an MF626 on ubuntuforums.org.
pub const ZTE: &[Urc] = &[
    at(300, "+ZDONR: \"Not Found\""),
    at(320, "+ZPASR: \"Limited Service\""),
    at(
        1_500,
        "+ZDONR: \"Bench Mobile\",1,1,\"CS_ONLY\",\"ROAM_OFF\"",
    ),
    at(1_520, "+ZPASR: \"GSM\""),
    at(2_200, "+ZDONR: \"Bench Mobile\",1,1,\"CS_PS\",\"ROAM_OFF\""),
    at(2_220, "+ZPASR: \"GPRS\""),
    at(4_000, "+ZDONR: \"Bench Mobile\",1,1,\"CS_PS\",\"ROAM_OFF\""),
    at(4_020, "+ZPASR: \"UMTS\""),
    at(9_000, "+ZPASR: \"HSDPA\""),
    at(9_500, "+ZEND"),
];

/// Icera chipset, such as the MF190J: network and radio, as in a capture of one on
/// ubuntuforums.org.
pub const ICERA: &[Urc] = &[
    at(500, "%NWSTATE: 0,,,-,0"),
    at(1_500, "%NWSTATE: 4,00101,3G,-,0"),
    at(3_000, "%NWSTATE: 3,00101,3G,R99,0"),
    at(3_100, "%NWSTATE: 3,00101,3G,R99,0"),
    at(6_000, "%NWSTATE: 4,00101,3G,-,0"),
];

/// Radio state codes of Huawei's and some relabelled ZTE sticks.
pub const CARETS: &[Urc] = &[
    at(200, "^SIMST:1"),
    at(250, "^SRVST:1"),
    at(400, "^BOOT:27710117,0,0,0,75"),
    at(1_500, "^SRVST:2"),
    at(1_600, "^MODE:5,4"),
    at(2_000, "^RSSI:17"),
    at(4_000, "^RSSI:18"),
    at(6_000, "^MODE:5,5"),
    at(8_000, "^RSSI:15"),
];
