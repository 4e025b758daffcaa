//! The table of sticks: what is true of a vendor, and a row for each product, which only adds.
//!
//! Facts are from users' reports and from what the Linux drivers (`option`, `qcserial`,
//! `qmi_wwan`), the udev rules of `ModemManager` (MM) and the data of `usb_modeswitch` (UMS) tell.

use super::{Profile, Question, UrcSuppression, UssdCoding};

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
    urc_suppression: None,
    pin_tries: None,
    // ETSI 102 221 knows no command; this one is known to most makers.
    iccid: question("AT+CCID", "+CCID:"),
    ussd: UssdCoding::Plain,
    qmi_interface: None,
};

/// [`Profile::modem_interface`] of a vendor whose sticks differ: no stick has this one, so the
/// descriptors decide.
const BY_DESCRIPTORS: u8 = u8::MAX;

const fn question(command: &'static str, answer: &'static str) -> Question {
    Question { command, answer }
}

/// What all sticks of a vendor share that says nothing else than how tries of the PIN are asked
/// for.
const fn vendor(name: &'static str, vendor: u16, pin_tries: Question) -> Profile {
    Profile {
        name,
        vendor,
        modem_interface: BY_DESCRIPTORS,
        pin_tries: Some(pin_tries),
        ..GENERIC_ROW
    }
}

/// ZTE: the SIM's message state is told without end until message storage is asked for (users;
/// MM asks too).
const ZTE: Profile = Profile {
    init: INIT,
    urc_suppression: Some(UrcSuppression {
        prefix: "+ZUSIMR:",
        command: "AT+CPMS?",
        answer: "+CPMS:",
    }),
    iccid: question("AT+ZGETICCID", "+ZGETICCID:"),
    ..vendor("ZTE", 0x19d2, question("AT+ZPINPUK=?", "+ZPINPUK:"))
};

/// Huawei: interface 0 dials and reports carrier loss (`option`; MM starts there). `^RSSI`, `^MODE`
/// and `^BOOT` come without end until they are switched off; tries left stand in `^CPIN` (MM); USSD
/// goes packed (users of the E173).
const HUAWEI: Profile = Profile {
    modem_interface: 0,
    urc_suppression: Some(UrcSuppression {
        prefix: "^",
        command: "AT^CURC=0",
        answer: "^CURC:",
    }),
    iccid: question("AT^ICCID?", "^ICCID:"),
    ussd: UssdCoding::Packed,
    ..vendor("Huawei", 0x12d1, question("AT^CPIN?", "^CPIN:"))
};

/// Sierra: 0 is for diagnosis, 2 has the position, 3 takes commands and dials, 8 speaks QMI
/// (`qcserial`, MM).
const SIERRA: Profile = Profile {
    modem_interface: 3,
    iccid: question("AT!ICCID?", "!ICCID:"),
    qmi_interface: Some(8),
    ..vendor("Sierra", 0x1199, question("AT+CPINC?", "+CPINC:"))
};

/// Quectel: 0 is for diagnosis, 1 has the position, 2 takes commands, 3 dials (`qcserial`, MM),
/// 4 speaks QMI (`qmi_wwan`).
const QUECTEL: Profile = Profile {
    modem_interface: 3,
    iccid: question("AT+QCCID", "+QCCID:"),
    qmi_interface: Some(4),
    ..vendor("Quectel", 0x2c7c, question("AT+QPINC=\"SC\"", "+QPINC:"))
};

/// What is true of every stick of a vendor, by the USB vendor id; `product` is 0. The questions for
/// tries of the PIN are those of MM's plugin of the vendor, or of oFono (Fibocom, Telit).
pub static VENDORS: &[Profile] = &[
    ZTE,
    HUAWEI,
    SIERRA,
    QUECTEL,
    vendor("Telit", 0x1bc7, question("AT#PCT", "#PCT:")),
    vendor("Cinterion", 0x1e2d, SPIC_CINTERION),
    vendor("Siemens", 0x0681, SPIC_CINTERION),
    vendor("SIMCom", 0x1e0e, question("AT+SPIC", "+SPIC:")),
    vendor("Wavecom", 0x114f, question("AT+CPINC?", "+CPINC:")),
    vendor("u-blox", 0x1546, question("AT+UPINCNT", "+UPINCNT:")),
    vendor("Option", 0x0af0, question("AT_OERCN?", "_OERCN:")),
    vendor("Novatel", 0x1410, question("AT$NWPINR?", "$NWPINR:")),
    vendor("Ericsson", 0x0bdb, question("AT*EPIN?", "*EPIN:")),
    vendor("Longcheer", 0x1c9e, question("AT+CPNNUM", "PIN1=")),
    vendor("Alcatel", 0x1bbb, question("AT+CPNNUM", "PIN1=")),
    vendor("Nokia", 0x0421, question("AT%PINNUM?", "%PINNUM:")),
    vendor("MediaTek", 0x0e8d, question("AT+EPINC?", "+EPINC:")),
    vendor("Altair", 0x216f, question("AT%CPININFO", "%CPININFO:")),
    vendor("Fibocom", 0x2cb7, question("AT+XPINCNT", "+XPINCNT:")),
];

const SPIC_CINTERION: Question = question("AT^SPIC=\"SC\"", "^SPIC:");

/// How tries of the PIN are asked for where the vendor has no command for it, or refuses it: the
/// standard's own (3GPP 27.007, 8.65, since release 9), then VERIFY without a code, which a UICC
/// answers with the counter and does not count (ETSI 102 221, 11.1.9; MM asks so).
pub static STANDARD_PIN_TRIES: [Question; 2] = [
    question("AT+CPINR", "+CPINR:"),
    question("AT+CSIM=10,\"0020000100\"", "+CSIM:"),
];

const fn zte(name: &'static str, product: u16, modem: u8, at: u8) -> Profile {
    Profile {
        name,
        product,
        modem_interface: modem,
        at_interface: Some(at),
        ..ZTE
    }
}

const fn huawei(name: &'static str, product: u16, at: u8) -> Profile {
    Profile {
        name,
        product,
        at_interface: Some(at),
        ..HUAWEI
    }
}

const fn sierra(name: &'static str, product: u16) -> Profile {
    Profile {
        name,
        product,
        ..SIERRA
    }
}

const fn quectel(name: &'static str, product: u16) -> Profile {
    Profile {
        name,
        product,
        at_interface: Some(2),
        ..QUECTEL
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
