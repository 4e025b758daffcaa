//! Any sysfs tree at all: files that are missing, make no sense, or name absurd counts.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, os::unix::fs::symlink, path::Path};

use failberry_usb::{Device, Look, Presence, Sysfs};
use proptest::prelude::*;
use tempfile::TempDir;

/// Devices that are never sticks: the board's Ethernet and hubs, memory sticks.
const OTHERS: [(u16, u16); 8] = [
    (0x0424, 0xec00),
    (0x0424, 0x7800),
    (0x0424, 0x9514),
    (0x0424, 0x2514),
    (0x1d6b, 0x0002),
    (0x2109, 0x3431),
    (0x0781, 0x5567),
    (0x0951, 0x1666),
];

#[derive(Clone, Debug)]
struct AnyInterface {
    attributes: Vec<(&'static str, Vec<u8>)>,
    driver: Option<&'static str>,
    entries: Vec<String>,
}

#[derive(Clone, Debug)]
struct AnyDevice {
    ids: (u16, u16),
    attributes: Vec<(&'static str, Vec<u8>)>,
    interfaces: Vec<AnyInterface>,
}

/// What an attribute may hold: what it should, or anything.
fn content(good: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => good.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => prop_oneof!["", " ", "-1", "ff ff", "99999999999999999999", "0x08"]
            .prop_map(String::into_bytes),
    ]
}

fn byte() -> impl Strategy<Value = String> {
    let known = prop_oneof![
        Just(0u8),
        Just(1),
        Just(2),
        Just(3),
        Just(8),
        Just(0x50),
        Just(0xff)
    ];
    prop_oneof![known, any::<u8>()].prop_map(|byte| format!("{byte:02x}\n"))
}

fn interface(drivers: &'static [&'static str]) -> impl Strategy<Value = AnyInterface> {
    let names = [
        "bInterfaceNumber",
        "bInterfaceClass",
        "bInterfaceSubClass",
        "bInterfaceProtocol",
        "bNumEndpoints",
    ];
    let attributes = names.map(|name| {
        proptest::option::weighted(0.9, content(byte()).prop_map(move |text| (name, text)))
    });
    let entry = "(ttyUSB|tty/ttyACM|tty/ttyUSB|ttyACM|host)[0-9]{0,3}x?";
    (
        attributes,
        proptest::option::of(proptest::sample::select(drivers)),
        proptest::collection::vec(entry, 0..3),
    )
        .prop_map(|(attributes, driver, entries)| AnyInterface {
            attributes: attributes.into_iter().flatten().collect(),
            driver,
            entries,
        })
}

fn device() -> impl Strategy<Value = AnyDevice> {
    const ALL: &[&str] = &[
        "option",
        "qcserial",
        "sierra",
        "cdc_acm",
        "usb-storage",
        "smsc95xx",
    ];
    let sticks = [
        (0x19d2, 0x2003),
        (0x19d2, 0x2000),
        (0x19d2, 0x1544),
        (0x12d1, 0x1506),
        (0x1199, 0x9011),
        (0x2c7c, 0x0125),
        (0x05c6, 0x1000),
    ];
    let ids = prop_oneof![
        2 => proptest::sample::select(OTHERS.to_vec()),
        4 => proptest::sample::select(sticks.to_vec()),
        1 => any::<(u16, u16)>(),
    ];
    let attributes = (
        content((0usize..6).prop_map(|count| format!("{count:2}\n"))),
        content(byte()),
        content(byte()),
        content("(ZTE|Android|Option N.V.|)".prop_map(|text| text)),
    );
    (
        ids,
        attributes,
        proptest::collection::vec(interface(ALL), 0..6),
    )
        .prop_map(
            |(ids, (count, class, configuration, maker), interfaces)| AnyDevice {
                ids,
                attributes: vec![
                    ("bNumInterfaces", count),
                    ("bDeviceClass", class),
                    ("bConfigurationValue", configuration),
                    ("manufacturer", maker),
                ],
                interfaces,
            },
        )
}

/// A memory stick as it should be.
fn memory_stick() -> impl Strategy<Value = AnyDevice> {
    let ids = proptest::sample::select(vec![(0x0781, 0x5567), (0x0951, 0x1666)]);
    let text = |text: &str| text.as_bytes().to_vec();
    ids.prop_map(move |ids| AnyDevice {
        ids,
        attributes: vec![
            ("bNumInterfaces", text(" 1\n")),
            ("bDeviceClass", text("00\n")),
        ],
        interfaces: vec![AnyInterface {
            attributes: vec![
                ("bInterfaceNumber", text("00\n")),
                ("bInterfaceClass", text("08\n")),
                ("bInterfaceSubClass", text("06\n")),
                ("bInterfaceProtocol", text("50\n")),
                ("bNumEndpoints", text("02\n")),
            ],
            driver: None,
            entries: Vec::new(),
        }],
    })
}

fn any_device() -> impl Strategy<Value = AnyDevice> {
    prop_oneof![5 => device(), 1 => memory_stick()]
}

fn write(root: &Path, devices: &[AnyDevice]) {
    for (at, device) in devices.iter().enumerate() {
        let path = format!("1-1.{at}");
        let directory = root.join("bus/usb/devices").join(&path);
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join("idVendor"),
            format!("{:04x}\n", device.ids.0),
        )
        .unwrap();
        fs::write(
            directory.join("idProduct"),
            format!("{:04x}\n", device.ids.1),
        )
        .unwrap();
        for (name, text) in &device.attributes {
            fs::write(directory.join(name), text).unwrap();
        }
        for (number, interface) in device.interfaces.iter().enumerate() {
            let directory = root.join(format!("bus/usb/devices/{path}:1.{number}"));
            fs::create_dir_all(&directory).unwrap();
            for (name, text) in &interface.attributes {
                fs::write(directory.join(name), text).unwrap();
            }
            for entry in &interface.entries {
                fs::create_dir_all(directory.join(entry)).unwrap();
            }
            if let Some(driver) = interface.driver {
                symlink(
                    Path::new("../drivers").join(driver),
                    directory.join("driver"),
                )
                .unwrap();
            }
        }
    }
}

/// Whether it may be a stick, whatever else it says. Drivers do not meet memory sticks as modems.
fn may_be_stick(device: &Device, devices: &[AnyDevice]) -> bool {
    let ids = (device.vendor, device.product);
    if [0x0424, 0x1d6b, 0x2109].contains(&device.vendor) {
        return false;
    }
    let met = |it: &AnyInterface| {
        let modem = ["option", "qcserial", "sierra"];
        it.driver.is_some_and(|driver| modem.contains(&driver))
    };
    let mut same = devices.iter().filter(|it| it.ids == ids);
    !OTHERS.contains(&ids) || same.any(|it| it.interfaces.iter().any(met))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_has_a_value_and_never_the_boards_own(
        devices in proptest::collection::vec(any_device(), 0..4),
        turn in any::<u8>(),
    ) {
        let root = TempDir::new().unwrap();
        write(root.path(), &devices);
        let sysfs = Sysfs::at(root.path());
        for look in [Look::Complete, Look::Settled] {
            let sight = sysfs.stick(look, None, Some("1-1.1"));
            for device in sight.presence.device().into_iter().chain(&sight.others) {
                prop_assert!(may_be_stick(device, &devices), "{device}");
            }
            if let Presence::Ready(stick) = &sight.presence {
                let ttys = sysfs.ttys(&stick.device);
                let has = |tty: &str| ttys.iter().any(|(_, name)| name == tty);
                prop_assert!(has(&stick.tty) && has(&sysfs.in_turn(stick, turn).tty));
                if let Some(port) = sysfs.command_port(stick) {
                    prop_assert!(has(&port));
                }
            }
        }
    }
}
