//! The table of sticks: a row for each kind.
//!
//! Facts are from users' reports and from what the Linux drivers (`option`, `qcserial`,
//! `qmi_wwan`), the udev rules of `ModemManager` (MM) and the data of `usb_modeswitch` (UMS) tell.

use super::{Profile, Question, Quieting, UssdCoding};

/// Reset to the stored profile; then results in words, echo, no automatic answer, carrier detect
/// as it is, hang up when DTR drops, data calls.
const INIT: &[&str] = &["ATZ", "ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0"];

/// The same without fax classes, which not every maker knows.
const GENERIC_INIT: &[&str] = &["ATZ", "ATQ0 V1 E1 S0=0 &C1 &D2"];

/// For a stick that is not in the table: nothing but the standard.
pub static GENERIC: Profile = GENERIC_ROW;

/// What a row has that says nothing else.
const GENERIC_ROW: Profile = Profile {
    name: "generic modem",
    vendor: 0,
    product: 0,
    modem_interface: 0,
    at_interface: None,
    init: GENERIC_INIT,
    quieting: None,
    pin_tries: None,
    // ETSI 102 221 knows no command; this one is known to most makers.
    iccid: Question {
        command: "AT+CCID",
        answer: "+CCID:",
    },
    ussd: UssdCoding::Plain,
    qmi_interface: None,
};

/// ZTE: the SIM's message state is told without end until message storage is asked for (users;
/// MM asks too).
const fn zte(name: &'static str, product: u16, modem: u8, at: u8) -> Profile {
    Profile {
        name,
        vendor: 0x19d2,
        product,
        modem_interface: modem,
        at_interface: Some(at),
        init: INIT,
        quieting: Some(Quieting {
            flood: "+ZUSIMR:",
            command: "AT+CPMS?",
            answer: "+CPMS:",
        }),
        pin_tries: Some(Question {
            command: "AT+ZPINPUK=?",
            answer: "+ZPINPUK:",
        }),
        iccid: Question {
            command: "AT+ZGETICCID",
            answer: "+ZGETICCID:",
        },
        ..GENERIC_ROW
    }
}

/// Huawei: interface 0 dials and reports carrier loss (`option`; MM starts there). `^RSSI`, `^MODE`
/// and `^BOOT` come without end until they are switched off; tries left stand in `^CPIN` (MM); USSD
/// goes packed (users of the E173).
const fn huawei(name: &'static str, product: u16, at: u8) -> Profile {
    Profile {
        name,
        vendor: 0x12d1,
        product,
        modem_interface: 0,
        at_interface: Some(at),
        quieting: Some(Quieting {
            flood: "^",
            command: "AT^CURC=0",
            answer: "^CURC:",
        }),
        pin_tries: Some(Question {
            command: "AT^CPIN?",
            answer: "^CPIN:",
        }),
        iccid: Question {
            command: "AT^ICCID?",
            answer: "^ICCID:",
        },
        ussd: UssdCoding::Packed,
        ..GENERIC_ROW
    }
}

/// Sierra: 0 is for diagnosis, 2 tells the position, 3 takes commands and dials, 8 speaks QMI
/// (`qcserial`, MM).
const fn sierra(name: &'static str, product: u16) -> Profile {
    Profile {
        name,
        vendor: 0x1199,
        product,
        modem_interface: 3,
        pin_tries: Some(Question {
            command: "AT+CPINC?",
            answer: "+CPINC:",
        }),
        iccid: Question {
            command: "AT!ICCID?",
            answer: "!ICCID:",
        },
        qmi_interface: Some(8),
        ..GENERIC_ROW
    }
}

/// Quectel: 0 is for diagnosis, 1 tells the position, 2 takes commands, 3 dials (`qcserial`, MM),
/// 4 speaks QMI (`qmi_wwan`).
const fn quectel(name: &'static str, product: u16) -> Profile {
    Profile {
        name,
        vendor: 0x2c7c,
        product,
        modem_interface: 3,
        at_interface: Some(2),
        pin_tries: Some(Question {
            command: "AT+QPINC=\"SC\"",
            answer: "+QPINC:",
        }),
        iccid: Question {
            command: "AT+QCCID",
            answer: "+QCCID:",
        },
        qmi_interface: Some(4),
        ..GENERIC_ROW
    }
}

/// All sticks known, in modem mode.
pub static PROFILES: &[Profile] = &[
    // Interfaces of all ZTE rows: MM.
    zte("ZTE MF180/MF190/MF100", 0x2003, 3, 1),
    zte("ZTE MF180", 0x0117, 2, 1),
    zte("ZTE MF180/MF626/MF636", 0x0031, 3, 1),
    zte("ZTE MF110", 0x0124, 4, 1),
    zte("ZTE MF192", 0x1515, 0, 2),
    // Ids of all Huawei rows: UMS, for what its sticks become.
    huawei("Huawei E220", 0x1003, 1),
    huawei("Huawei E169/E1550/E160", 0x1001, 1),
    huawei("Huawei E180/E1750", 0x1406, 1),
    huawei("Huawei E173/E1752", 0x1436, 1),
    huawei("Huawei E173/E153", 0x140c, 1),
    huawei("Huawei E3131/E367/E398", 0x1506, 1),
    // Ids and interfaces of all Sierra rows: MM.
    sierra("Sierra MC73xx/MC74xx", 0x9071),
    sierra("Sierra EM74xx", 0x9079),
    sierra("Sierra EM75xx", 0x9091),
    // Ids of all Quectel rows: `qmi_wwan`.
    quectel("Quectel EC25/EG25", 0x0125),
    quectel("Quectel EC21", 0x0121),
    quectel("Quectel EG91", 0x0191),
    quectel("Quectel EG95", 0x0195),
    quectel("Quectel EG06/EP06/EM06", 0x0306),
];
