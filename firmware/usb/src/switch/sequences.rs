//! What switches a stick's mode: the sequences that the rows of the table name.
//!
//! Bytes of the bulk words, requests and delays as `usb_modeswitch` 2.6 and its data (package
//! usb-modeswitch-data 20191128) have them. A sequence used by one maker's rows is named after the
//! first of them.

use super::{Action, Control, Recipient, CommandBlockWrapper};

/// `bmCBWFlags`: data or nothing from the host.
const OUT: u8 = 0;
/// `bmCBWFlags`: data to the host.
const IN: u8 = 0x80;

/// A bulk word: tag as sent, direction, `dCBWDataTransferLength`, `bCBWLUN`, `bCBWCBLength` and the
/// command block. Lengths are as the public tables have them, even where the standard differs.
const fn word(tag: u32, flags: u8, data: u32, lun: u8, length: u8, command: u128) -> Action {
    Action::Command(CommandBlockWrapper {
        tag: tag.to_be_bytes(),
        data,
        flags,
        lun,
        length,
        command: command.to_be_bytes(),
    })
}

/// A control request without data.
const fn request(request_type: u8, request: u8, value: u16) -> Action {
    Action::Control(Control {
        request_type,
        request,
        value,
        recipient: Recipient::Device,
        answer: 0,
        data: &[],
    })
}

/// A control request that the device answers with `answer` bytes, which mean nothing here.
const fn question(request_type: u8, request: u8, value: u16, answer: u16) -> Action {
    Action::Control(Control {
        request_type,
        request,
        value,
        recipient: Recipient::Device,
        answer,
        data: &[],
    })
}

/// `PREVENT ALLOW MEDIUM REMOVAL`: allowed, on the first drive and on the second.
const ALLOW_0: Action = word(0x8765_4321, OUT, 0, 0, 6, 0x1e00_0000_0000_0000_0000_0000_0000_0000);
const ALLOW_1: Action = word(0x8765_4321, OUT, 0, 1, 6, 0x1e00_0000_0000_0000_0000_0000_0000_0000);
/// `START STOP UNIT`: stop and eject, likewise.
const EJECT_0: Action = word(0x9765_4321, OUT, 0, 0, 6, 0x1b00_0000_0200_0000_0000_0000_0000_0000);
const EJECT_1: Action = word(0x9765_4321, OUT, 0, 1, 6, 0x1b00_0000_0200_0000_0000_0000_0000_0000);

/// `INQUIRY` for 36 bytes (SPC-2 7.3), to tell a CD-ROM from a disk.
pub(crate) const fn inquiry(lun: u8) -> CommandBlockWrapper {
    CommandBlockWrapper {
        tag: [0x49, 0x4e, 0x51, lun],
        data: 36,
        flags: IN,
        lun,
        length: 6,
        command: 0x1200_0000_2400_0000_0000_0000_0000_0000_u128.to_be_bytes(),
    }
}

/// The standard eject of both drives.
pub(super) const EJECT: &[Action] = &[ALLOW_0, EJECT_0, ALLOW_1, EJECT_1];

/// `SET_FEATURE`, feature 1.
pub(super) const HUAWEI_OLD: &[Action] = &[request(0x00, 0x03, 1)];
pub(super) const SIERRA: &[Action] = &[request(0x40, 0x0b, 1)];
pub(super) const SEQUANS: &[Action] = &[request(0x40, 0x0b, 2)];
pub(super) const PANTECH: &[Action] = &[request(0x40, 0x70, 2)];
pub(super) const QUANTA: &[Action] = &[request(0xc0, 0xff, 0)];
pub(super) const KOBIL: &[Action] = &[question(0xc0, 0x88, 0, 8)];
pub(super) const QISDA: &[Action] = &[Action::Control(Control {
    request_type: 0x40,
    request: 0x04,
    value: 0,
    recipient: Recipient::Device,
    answer: 0,
    data: &[
        0x05, 0x8c, 0x04, 0x08, 0xa0, 0xee, 0x20, 0x00, 0x5c, 0x01, 0x04, 0x08, 0x98, 0xcd, 0xea,
        0xbf,
    ],
})];
pub(super) const GCT: &[Action] = &[gct(0xa0), gct(0xfe)];

const fn gct(request: u8) -> Action {
    Action::Control(Control {
        request_type: 0xa1,
        request,
        value: 0,
        recipient: Recipient::Interface,
        answer: 1,
        data: &[],
    })
}

/// The stick leaves the bus at the first request and comes back as a CD-ROM; it is met again then
/// and gets the request a second time.
pub(super) const SONY: &[Action] = &[question(0xc0, 0x11, 2, 3), Action::Configure(2)];

pub(super) const AS_0408_1000: &[Action] =
    &[word(0x1234_5678, OUT, 0x200, 0, 0xa, 0x2a00_0000_0033_0000_0100_0000_0000_0000)];
pub(super) const AS_0408_F000_YOTA: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 6, 0x1b00_4600_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_04E8_689A: &[Action] =
    &[word(0x7856_3412, IN, 1, 0, 6, 0x0100_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_04FC_2140: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 6, 0x1200_0024_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_05C6_1000_SAMSUNG: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 6, 0x1600_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_05C6_2000: &[Action] =
    &[word(0x6803_2c88, IN, 0x24, 0, 6, 0x1200_0000_2400_0000_0000_0000_0000_0000)];
pub(super) const AS_05C6_F000: &[Action] = &[
    ALLOW_0, EJECT_0, ALLOW_1, EJECT_1,
    word(0x0830_6384, IN, 0xc0, 0, 6, 0x7103_0000_0000_0000_0000_0000_0000_0000),
];
pub(super) const AS_05C7_1000: &[Action] =
    &[word(0x1234_5678, IN, 0xc0, 0, 6, 0x9f14_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_07D1_F000: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 6, 0xbd00_0000_0200_0000_0000_0000_0000_0000)];
pub(super) const AS_0B3C_F000: &[Action] =
    &[word(0x1234_5678, IN, 0xc0, 1, 6, 0x06f5_0402_5270_0000_0000_0000_0000_0000)];
pub(super) const AS_0B3C_F00C: &[Action] =
    &[word(0x1234_5678, IN, 0x80, 0, 6, 0x06f5_0402_5270_0000_0000_0000_0000_0000)];
pub(super) const AS_0E8D_0002_MT: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 6, 0xf001_0300_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_1004_1000: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 0xa, 0xff55_4d53_4348_4700_0000_0000_0000_0000)];
pub(super) const AS_1004_607F: &[Action] =
    &[word(0x1234_5678, IN, 3, 0, 6, 0xf101_0100_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_1004_6190: &[Action] =
    &[Action::Wait(10_000), ALLOW_0, EJECT_0, ALLOW_1, EJECT_1];
pub(super) const AS_1004_6327: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 5, 0xf101_0100_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_106C_3B03: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 8, 0xff02_4445_5643_4847_0000_0000_0000_0000)];
pub(super) const AS_106C_3B05: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 8, 0xff02_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_106C_3B06: &[Action] =
    &[word(0xb82e_238c, IN, 0x24, 0, 8, 0xff02_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_12D1_101E: &[Action] =
    &[word(0x1234_5678, IN, 6, 0, 6, 0x0100_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_12D1_1030: &[Action] =
    &[word(0x1234_5678, IN, 6, 1, 0xa, 0x1106_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_161C_F010: &[Action] =
    &[word(0x1234_5678, IN, 0, 0, 6, 0x06f5_0402_5271_0000_0000_0000_0000_0000)];
pub(super) const AS_16D8_6281: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 8, 0xff52_4445_5643_4847_0000_0000_0000_0000)];
pub(super) const AS_16D8_6803: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 8, 0xff52_4445_5643_4847_3100_0000_0000_0000)];
pub(super) const AS_16D8_700A: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 0xd, 0xfe52_4445_5643_4847_3d4e_4449_5300_0000)];
pub(super) const AS_16D8_F000: &[Action] =
    &[word(0xd85d_d885, IN, 0x24, 0, 8, 0xff52_4445_5643_4847_0000_0000_0000_0000)];
pub(super) const AS_198F_BCCD: &[Action] =
    &[word(0xf029_8d81, IN, 0x24, 0, 6, 0xbc62_6563_2400_0000_0000_0000_0000_0000)];
pub(super) const AS_19D2_0166: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 6, 0x8500_0000_2400_0000_0000_0000_0000_0000)];
pub(super) const AS_19D2_0266: &[Action] = &[
    ALLOW_0, EJECT_0, ALLOW_1, EJECT_1,
    word(0xd8a5_2386, IN, 0x24, 0, 6, 0x8500_0000_2400_0000_0000_0000_0000_0000),
];
pub(super) const AS_19D2_0413: &[Action] =
    &[word(0xd8a5_2386, IN, 0x24, 0, 6, 0x8500_0000_2400_0000_0000_0000_0000_0000)];
pub(super) const AS_19D2_1421: &[Action] =
    &[word(0x1234_5678, IN, 0x20, 0, 0xc, 0x8501_0101_1801_0101_0101_0000_0000_0000)];
pub(super) const AS_19D2_1514: &[Action] =
    &[word(0x48c4_7586, OUT, 0, 0, 0x10, 0xff00_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_19D2_BCCD: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 6, 0xbc62_6563_2400_0000_0000_0000_0000_0000)];
pub(super) const AS_19D2_FFE6: &[Action] =
    &[word(0x30f4_cf81, IN, 0x24, 1, 8, 0xdf20_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_19D2_FFF5: &[Action] =
    &[word(0x1234_5678, IN, 0xc0, 0, 6, 0x9f03_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_1A8D_1000: &[Action] =
    &[ALLOW_0, EJECT_0, ALLOW_1, EJECT_1, Action::Wait(4_000)];
pub(super) const AS_1B7D_0700: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 0, 8, 0xff05_b112_aee1_0200_0000_0000_0000_0000)];
pub(super) const AS_1C9E_1001: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 6, 0x06f5_0402_5270_0000_0000_0000_0000_0000)];
pub(super) const AS_1C9E_98FF: &[Action] =
    &[word(0x1234_5678, IN, 0, 0, 6, 0x06f5_0402_5270_0000_0000_0000_0000_0000)];
pub(super) const AS_1C9E_F000: &[Action] = &[
    Action::Wait(1_000),
    word(0x1234_5678, OUT, 0, 0, 1, 0xff00_0000_0000_0000_0000_0000_0000_0000),
];
pub(super) const AS_1C9E_F000_USB_MODEM: &[Action] = &[
    Action::Wait(1_000),
    word(0x1234_5678, IN, 0x80, 0, 6, 0x06f5_0402_5270_0000_0000_0000_0000_0000),
];
pub(super) const AS_1DD6_1000: &[Action] =
    &[word(0x1234_5678, IN, 0x12, 0, 6, 0x0300_0000_0200_0000_0000_0000_0000_0000)];
pub(super) const AS_1E89_F000: &[Action] =
    &[word(0x1234_5678, IN, 0x80, 0, 6, 0x0619_181a_2070_0000_0000_0000_0000_0000)];
pub(super) const AS_1EE8_0003: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 0x10, 0xff00_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_1EE8_0060: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 8, 0xff00_0000_0000_0003_0000_0000_0000_0000)];
pub(super) const AS_1F28_0021: &[Action] =
    &[word(0x1234_5678, IN, 0x24, 1, 8, 0xdf20_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_2001_98FF: &[Action] =
    &[word(0xf8d2_e683, IN, 0x80, 0, 6, 0x06f5_0402_5270_0000_0000_0000_0000_0000)];
pub(super) const AS_2001_A40A: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 3, 0xf001_0100_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_201E_1023: &[Action] = &[
    word(0x1234_5678, OUT, 0, 0, 6, 0x0000_0000_0000_0000_0000_0000_0000_0000),
    word(0x1234_5679, IN, 0xc0, 0, 6, 0x7103_0000_0000_0000_0000_0000_0000_0000),
];
pub(super) const AS_2020_0002: &[Action] =
    &[word(0x0820_2989, OUT, 0, 0, 3, 0xf001_0100_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_2020_2030: &[Action] =
    &[Action::Wait(2_000), ALLOW_0, EJECT_0, ALLOW_1, EJECT_1];
pub(super) const AS_2077_F000: &[Action] = &[
    ALLOW_0, EJECT_0, ALLOW_1, EJECT_1,
    word(0x1234_5670, OUT, 0, 0, 6, 0x16aa_0000_0000_0000_0000_0000_0000_0000),
];
pub(super) const AS_21F5_1000: &[Action] =
    &[word(0x1234_5678, IN, 0xc0, 0, 6, 0x7101_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const AS_2262_0001: &[Action] =
    &[word(0x4079_9288, IN, 0xc0, 1, 0xa, 0x1600_0000_c000_0000_0000_0000_0000_0000)];
pub(super) const AS_23A2_1010: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 6, 0x161f_6d62_706b_0000_0000_0000_0000_0000)];
pub(super) const AS_8888_6500: &[Action] =
    &[word(0x98e2_c481, IN, 0x24, 0, 0xb, 0xff52_4445_5643_4847_3d43_4400_0000_0000)];
pub(super) const CONFIGURATION_1: &[Action] = &[Action::Configure(1)];
pub(super) const CONFIGURATION_2: &[Action] = &[Action::Configure(2)];
pub(super) const CONFIGURATION_3: &[Action] = &[Action::Configure(3)];
pub(super) const CONFIGURATION_4: &[Action] = &[Action::Configure(4)];
pub(super) const HUAWEI: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 0, 0x1106_2000_0001_0100_0100_0000_0000_0000)];
pub(super) const OPTION: &[Action] =
    &[word(0x1234_5678, OUT, 0, 0, 6, 0x0100_0000_0000_0000_0000_0000_0000_0000)];
pub(super) const ZTE: &[Action] = &[
    ALLOW_0, EJECT_0, ALLOW_1, EJECT_1,
    word(0x1234_5670, IN, 0x20, 0, 0xc, 0x8501_0101_1801_0101_0101_0000_0000_0000),
];
