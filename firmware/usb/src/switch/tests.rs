#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, fmt::Write};

use proptest::prelude::*;

use super::*;

fn hex(wrapper: &CommandBlockWrapper) -> String {
    let mut text = String::new();
    for byte in wrapper.bytes() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn identity(vendor: u16, product: u16) -> Identity<'static> {
    Identity {
        vendor,
        product,
        ..Identity::default()
    }
}

/// The bulk words of a device, in hexadecimal.
fn bulk_commands(identity: Identity<'_>) -> Vec<String> {
    let words = switch(identity).unwrap().actions.iter();
    words
        .filter_map(|action| match action {
            Action::Command(wrapper) => Some(hex(wrapper)),
            _ => None,
        })
        .collect()
}

const EJECT: [&str; 4] = [
    "5553424387654321000000000000061e000000000000000000000000000000",
    "5553424397654321000000000000061b000000020000000000000000000000",
    "5553424387654321000000000001061e000000000000000000000000000000",
    "5553424397654321000000000001061b000000020000000000000000000000",
];
const BE_A_MODEM: &str = "55534243123456702000000080000c85010101180101010101000000000000";

#[test]
fn rows_are_sorted_and_unique() {
    for rows in [&zte::ROWS[..], &huawei::ROWS, &option::ROWS, &others::ROWS] {
        // A row with a condition would never be met behind one without.
        let key = |row: &Row| (row.vendor, row.product, row.condition == Condition::None);
        for pair in rows.windows(2) {
            let (before, after) = (key(&pair[0]), key(&pair[1]));
            let conditional = before == after && !after.2;
            assert!(before < after || conditional, "{:x?}", pair[1]);
        }
    }
    let keys: BTreeSet<String> = rows()
        .map(|row| format!("{:x} {:x} {:?}", row.vendor, row.product, row.condition))
        .collect();
    assert_eq!(keys.len(), rows().count());
}

#[test]
fn every_file_of_the_source_has_its_row() {
    // 512 files: 40 of them choose nothing (`Configuration=0`), 3 go by a SCSI inquiry, 17 are
    // for printers, WLAN, Ethernet, WiMAX, a wheel, telephones, or wait for a stick's own switch.
    let count = |vendor| rows().filter(|row| row.vendor == vendor).count();
    assert_eq!(count(0x19d2), 74);
    assert_eq!(count(0x12d1), 84 - 9);
    assert_eq!(count(0x0af0), 59);
    assert_eq!(count(0x1199), 11);
    assert_eq!(rows().count(), 452);
    assert!(rows().all(|row| row.source == Source::UsbModeswitchData));
}

#[test]
fn rows_have_the_form_of_the_source() {
    for row in rows() {
        let words = row
            .actions
            .iter()
            .filter(|a| matches!(a, Action::Command(_)));
        assert!(!row.actions.is_empty() && words.count() <= 5, "{row:x?}");
        assert!(row.actions.len() <= 6, "{row:x?}");
        for action in row.actions {
            match action {
                Action::Command(wrapper) => {
                    assert!(wrapper.lun <= 1 && wrapper.length <= 16, "{row:x?}");
                    assert!(wrapper.data <= 0x200, "{row:x?}");
                }
                Action::Control(control) => {
                    let to_host = control.request_type & 0x80 != 0;
                    assert!(to_host || control.answer == 0, "{row:x?}");
                    assert!(!to_host || control.data.is_empty(), "{row:x?}");
                }
                Action::Configure(value) => assert!((1..=4).contains(value), "{row:x?}"),
                Action::Wait(millis) => assert!(*millis <= 10_000, "{row:x?}"),
            }
        }
        assert_eq!(
            row.target.vendor == 0,
            row.target.products.is_empty(),
            "{row:x?}"
        );
    }
}

#[test]
fn ejects_match_the_source() {
    let all = |last: &str| {
        EJECT
            .iter()
            .copied()
            .chain([last])
            .map(String::from)
            .collect::<Vec<_>>()
    };
    // The file that each is from.
    for (vendor, product, expected) in [
        (0x19d2, 0x2000, all(BE_A_MODEM)),
        (0x19d2, 0x0149, all(BE_A_MODEM)),
        (0x19d2, 0x1588, all(BE_A_MODEM)),
        (0x19d2, 0x1595, all(BE_A_MODEM)),
        (
            0x19d2,
            0x0266,
            all("55534243d8a523862400000080000685000000240000000000000000000000"),
        ),
        (0x19d2, 0x1542, EJECT.map(String::from).to_vec()),
        (0x19d2, 0x0154, EJECT.map(String::from).to_vec()),
        (
            0x2077,
            0xf000,
            all("55534243123456700000000000000616aa0000000000000000000000000000"),
        ),
    ] {
        assert_eq!(
            bulk_commands(identity(vendor, product)),
            expected,
            "{vendor:x}:{product:x}"
        );
    }
}

#[test]
fn single_commands_match_the_source() {
    for (vendor, product, expected) in [
        (
            0x19d2,
            0x0166,
            "55534243123456782400000080000685000000240000000000000000000000",
        ),
        (
            0x19d2,
            0x0413,
            "55534243d8a523862400000080000685000000240000000000000000000000",
        ),
        (
            0x19d2,
            0x1421,
            "55534243123456782000000080000c85010101180101010101000000000000",
        ),
        (
            0x19d2,
            0x1514,
            "5553424348c4758600000000000010ff000000000000000000000000000000",
        ),
        (
            0x19d2,
            0xbccd,
            "555342431234567824000000800006bc626563240000000000000000000000",
        ),
        (
            0x19d2,
            0xffe6,
            "5553424330f4cf8124000000800108df200000000000000000000000000000",
        ),
        (
            0x19d2,
            0xfff5,
            "5553424312345678c00000008000069f030000000000000000000000000000",
        ),
        (
            0x12d1,
            0x1446,
            "55534243123456780000000000000011062000000101000100000000000000",
        ),
        (
            0x12d1,
            0x1030,
            "55534243123456780600000080010a11060000000000000000000000000000",
        ),
        (
            0x0af0,
            0x7501,
            "55534243123456780000000000000601000000000000000000000000000000",
        ),
        (
            0x1ee8,
            0x0060,
            "555342431234567800000000000008ff000000000000030000000000000000",
        ),
        (
            0x16d8,
            0x700a,
            "55534243123456782400000080000dfe524445564348473d4e444953000000",
        ),
        (
            0x0b3c,
            0xf000,
            "5553424312345678c000000080010606f50402527000000000000000000000",
        ),
        (
            0x0408,
            0x1000,
            "55534243123456780002000000000a2a000000003300000100000000000000",
        ),
    ] {
        assert_eq!(
            bulk_commands(identity(vendor, product)),
            [expected],
            "{vendor:x}:{product:x}"
        );
    }
    assert_eq!(
        bulk_commands(identity(0x201e, 0x1023)),
        [
            "55534243123456780000000000000600000000000000000000000000000000",
            "5553424312345679c000000080000671030000000000000000000000000000",
        ]
    );
}

#[test]
fn other_kinds_of_switch_are_the_sources() {
    let actions = |vendor, product| switch(identity(vendor, product)).unwrap().actions;
    let control = |vendor, product| match actions(vendor, product) {
        [Action::Control(control), ..] => *control,
        other => unreachable!("expected a control request, got {other:x?}"),
    };
    let expect = |(vendor, product), request_type, request, value, answer| {
        let control = control(vendor, product);
        let got = (
            control.request_type,
            control.request,
            control.value,
            control.answer,
        );
        assert_eq!(
            got,
            (request_type, request, value, answer),
            "{vendor:x}:{product:x}"
        );
    };
    expect((0x12d1, 0x1003), 0x00, 0x03, 1, 0);
    expect((0x1199, 0x0fff), 0x40, 0x0b, 1, 0);
    expect((0x1076, 0x7f40), 0xa1, 0xa0, 0, 1);
    expect((0x0fce, 0xd0e1), 0xc0, 0x11, 2, 3);
    expect((0x0d46, 0x45a1), 0xc0, 0x88, 0, 8);
    expect((0x0408, 0xea25), 0xc0, 0xff, 0, 0);
    expect((0x148e, 0xa000), 0x40, 0x0b, 2, 0);
    expect((0x10a9, 0x6080), 0x40, 0x70, 2, 0);
    assert_eq!(control(0x1da5, 0xf000).data.len(), 16);
    assert_eq!(actions(0x1076, 0x7f40).len(), 2);
    for (vendor, product, value) in [
        (0x1199, 0x9011, 1),
        (0x12d1, 0x1d50, 2),
        (0x0fce, 0xd0cf, 3),
        (0x1410, 0x9020, 4),
    ] {
        assert_eq!(actions(vendor, product), [Action::Configure(value)]);
        assert_eq!(
            row(identity(vendor, product)).unwrap().configuration(),
            Some(value)
        );
    }
    assert!(matches!(actions(0x0fce, 0xd0e1), [_, Action::Configure(2)]));
    assert_eq!(actions(0x1004, 0x6190).first(), Some(&Action::Wait(10_000)));
    assert_eq!(actions(0x1a8d, 0x1000).last(), Some(&Action::Wait(4_000)));
}

#[test]
fn shared_ids_are_told_apart_by_their_texts() {
    let by = |manufacturer, name| {
        row(Identity {
            vendor: 0x05c6,
            product: 0x1000,
            manufacturer,
            name,
        })
    };
    assert_eq!(by("", ""), None);
    assert_eq!(by("Kingston", "DataTraveler"), None);
    assert_eq!(
        by("Option N.V.", "").unwrap().actions,
        super::sequences::OPTION
    );
    assert_eq!(
        by("AnyDATA Corp.", "").unwrap().actions,
        super::sequences::EJECT
    );
    let longcheer = |manufacturer| {
        let product = 0xf000;
        let vendor = 0x1c9e;
        let name = "";
        bulk_commands(Identity {
            vendor,
            product,
            manufacturer,
            name,
        })
    };
    let special = longcheer("USB Modem");
    assert_ne!(special, longcheer("USB_Mode"));
    assert_eq!(special, longcheer("a USB_Modem"));
}

#[test]
fn unknown_products_get_their_vendors_switch() {
    let zte = switch(identity(0x19d2, 0xabcd)).unwrap();
    assert_eq!((zte.actions, zte.known), (super::sequences::ZTE, false));
    let huawei = switch(identity(0x12d1, 0xabcd)).unwrap();
    assert_eq!(
        (huawei.actions, huawei.known),
        (super::sequences::HUAWEI, false)
    );
    for vendor in [0x0424, 0x0781, 0x0951, 0x13fe, 0x1199, 0x2c7c, 0x05c6] {
        assert_eq!(switch(identity(vendor, 0xabcd)), None, "{vendor:04x}");
    }
    for (manufacturer, name) in [("Android", ""), ("HUAWEI", "Android Adapter")] {
        let telephone = Identity {
            manufacturer,
            name,
            ..identity(0x12d1, 0xabcd)
        };
        assert_eq!(switch(telephone), None);
    }
}

#[test]
fn targets_are_known() {
    for (vendor, product) in [(0x19d2, 0x2003), (0x12d1, 0x1506), (0x0af0, 0x6901)] {
        assert!(is_target(vendor, product), "{vendor:x}:{product:x}");
    }
    assert!(!is_target(0x19d2, 0x2000) && !is_target(0x0424, 0xec00) && !is_target(0, 0));
}

proptest! {
    #[test]
    fn any_identity_has_an_answer(
        vendor in any::<u16>(),
        product in any::<u16>(),
        manufacturer in ".{0,12}",
        name in ".{0,12}",
    ) {
        let identity = Identity { vendor, product, manufacturer: &manufacturer, name: &name };
        if let Some(switch) = switch(identity) {
            prop_assert!(!switch.actions.is_empty());
        }
    }
}
