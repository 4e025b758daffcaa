//! Sysfs trees as the kernel makes them for a Pi 2B with sticks in its sockets.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path};

use failberry_usb::{
    Device, Look, NotReady, Presence, Sysfs,
    power::{Board, PortPower, PowerError, SysfsPower},
};
use tempfile::TempDir;
use tree::{Interface, Tree, ready, serial};

mod tree;

#[test]
fn sticks_of_other_makers_are_found_by_their_rows() {
    let tree = Tree::pi2b();
    tree.device("1-1.2", 0x12d1, 0x1436, 2);
    tree.interface("1-1.2", &serial(0, 3, 0));
    tree.interface("1-1.2", &serial(1, 2, 1));
    let stick = ready(tree.look());
    assert_eq!(
        (stick.profile.name, stick.tty.as_str()),
        ("Huawei E173/E1752", "ttyUSB0")
    );
    tree.unplug("1-1.2");
    // All but the first have an interrupt endpoint; the last is the network's.
    tree.device("1-1.3", 0x2c7c, 0x0125, 5);
    tree.interface("1-1.3", &serial(0, 2, 0));
    for number in 1..=3 {
        tree.interface("1-1.3", &serial(number, 3, number.into()));
    }
    let network = Interface {
        number: 4,
        class: 0xff,
        kind: None,
        endpoints: 3,
        driver: None,
        tty: None,
    };
    tree.interface("1-1.3", &network);
    assert_eq!(ready(tree.look()).tty, "ttyUSB3");
    tree.unplug("1-1.3");
    tree.device("1-1.3", 0x1199, 0x9071, 2);
    let port = |number, tty| Interface {
        driver: Some("qcserial"),
        ..serial(number, 3, tty)
    };
    tree.interface("1-1.3", &port(2, 4));
    tree.interface("1-1.3", &port(3, 5));
    assert_eq!(ready(tree.look()).tty, "ttyUSB5");
    // In no row, but met by a driver that meets nothing but modems.
    tree.unplug("1-1.3");
    tree.device("1-1.3", 0x04e8, 0x6889, 1);
    tree.interface("1-1.3", &serial(0, 3, 0));
    let stick = ready(tree.look());
    assert_eq!(
        (stick.profile.name, stick.tty.as_str()),
        ("generic modem", "ttyUSB0")
    );
}

#[test]
fn unknown_product_gets_its_vendors_profile() {
    for (vendor, product, name) in [
        (0x12d1, 0x15ff, "Huawei"),
        (0x2c7c, 0x6005, "Quectel"),
        (0x1bc7, 0x1201, "Telit"),
        (0x0af0, 0x5000, "Option"),
        (0x19d2, 0x0016, "ZTE"),
    ] {
        let tree = Tree::pi2b();
        tree.device("1-1.2", vendor, product, 2);
        tree.interface("1-1.2", &serial(0, 2, 0));
        tree.interface("1-1.2", &serial(1, 3, 1));
        let stick = ready(tree.look());
        assert_eq!((stick.profile.name, stick.tty.as_str()), (name, "ttyUSB1"));
    }
}

#[test]
fn other_devices_of_table_vendors_are_no_sticks() {
    // A satellite receiver, a phone's file transfer, a network card; none of them speaks AT.
    for (vendor, product, class, driver) in [
        (0x1546, 0x01a7, 0x02, Some("cdc_acm")),
        (0x12d1, 0x107e, 0xff, None),
        (0x12d1, 0x14db, 0x02, Some("cdc_ether")),
        (0x0e8d, 0x7961, 0xe0, Some("btusb")),
    ] {
        let tree = Tree::pi2b();
        tree.device("1-1.2", vendor, product, 1);
        let interface = Interface {
            number: 0,
            class,
            endpoints: 3,
            driver,
            tty: None,
            kind: None,
        };
        tree.interface("1-1.2", &interface);
        let presence = tree.look();
        assert!(matches!(presence, Presence::Absent), "{presence:?}");
    }
}

#[test]
fn a_board_without_stick_has_none() {
    assert_eq!(Tree::pi2b().look(), Presence::Absent);
    let nothing = TempDir::new().unwrap();
    assert_eq!(
        Sysfs::at(nothing.path())
            .stick(Look::Complete, None, None)
            .presence,
        Presence::Absent
    );
}

#[test]
fn mf180_dials_on_interface_with_three_endpoints() {
    let tree = Tree::pi2b();
    tree.mf180("1-1.2", 0);
    let stick = ready(tree.look());
    assert_eq!((stick.interface, stick.tty.as_str()), (2, "ttyUSB2"));
    assert_eq!(stick.device.to_string(), "19d2:2003 at 1-1.2");
    assert_eq!(stick.node(), Path::new("/dev/ttyUSB2"));
    assert_eq!(
        stick.device.product_name(&tree.sysfs()).as_deref(),
        Some("ZTE WCDMA Technologies MSM")
    );
}

#[test]
fn replugged_stick_gets_other_ttys() {
    let tree = Tree::pi2b();
    tree.mf180("1-1.2", 0);
    let before = ready(tree.look());
    tree.unplug("1-1.2");
    assert_eq!(tree.look(), Presence::Absent);
    tree.mf180("1-1.2", 3);
    let after = ready(tree.look());
    assert_eq!(after.tty, "ttyUSB5");
    assert_eq!(after.interface, before.interface);
    assert_ne!(after, before);
}

#[test]
fn the_order_of_tty_numbers_means_nothing() {
    let tree = Tree::pi2b();
    tree.device("1-1.4", 0x19d2, 0x2003, 3);
    tree.interface("1-1.4", &serial(0, 2, 9));
    tree.interface("1-1.4", &serial(1, 2, 10));
    tree.interface("1-1.4", &serial(2, 3, 4));
    assert_eq!(ready(tree.look()).tty, "ttyUSB4");
}

#[test]
fn nothing_is_chosen_while_interfaces_come_up() {
    let tree = Tree::pi2b();
    let device = Device {
        vendor: 0x19d2,
        product: 0x2003,
        bus_path: "1-1.2".into(),
    };
    let unready = |why| Presence::NotReady(device.clone(), why);

    tree.device("1-1.2", 0x19d2, 0x2003, 3);
    assert_eq!(
        tree.look(),
        unready(NotReady::Enumerating {
            got: 0,
            expected: 3
        })
    );
    tree.interface("1-1.2", &serial(0, 2, 0));
    tree.interface("1-1.2", &serial(1, 2, 1));
    assert_eq!(
        tree.look(),
        unready(NotReady::Enumerating {
            got: 2,
            expected: 3
        })
    );
    tree.interface(
        "1-1.2",
        &Interface {
            driver: None,
            tty: None,
            ..serial(2, 3, 2)
        },
    );
    assert_eq!(tree.look(), unready(NotReady::NoTty { interface: 2 }));
    // Nothing more will come: better the last port there is than none.
    let settled = ready(tree.sysfs().stick(Look::Settled, None, None).presence);
    assert_eq!((settled.interface, settled.tty.as_str()), (1, "ttyUSB1"));
}

#[test]
fn a_device_without_configuration_is_waited_for() {
    let tree = Tree::pi2b();
    tree.device("1-1.2", 0x19d2, 0x2003, 3);
    fs::write(tree.devices().join("1-1.2/bNumInterfaces"), "\n").unwrap();
    assert!(matches!(
        tree.look(),
        Presence::NotReady(_, NotReady::Enumerating { .. })
    ));
}

#[test]
fn an_unknown_zte_is_dialled_on_its_last_port() {
    let tree = Tree::pi2b();
    tree.device("1-1.3", 0x19d2, 0xfffe, 4);
    tree.interface("1-1.3", &serial(0, 2, 0));
    tree.interface("1-1.3", &serial(1, 2, 1));
    tree.interface(
        "1-1.3",
        &Interface {
            class: 0x08,
            driver: Some("usb-storage"),
            tty: None,
            ..serial(2, 2, 0)
        },
    );
    tree.interface("1-1.3", &serial(3, 2, 2));
    let stick = ready(tree.look());
    assert_eq!((stick.interface, stick.tty.as_str()), (3, "ttyUSB2"));
}

#[test]
fn a_network_function_of_the_stick_is_no_modem_port() {
    let tree = Tree::pi2b();
    tree.device("1-1.3", 0x19d2, 0xfffe, 2);
    tree.interface("1-1.3", &serial(0, 2, 7));
    tree.interface(
        "1-1.3",
        &Interface {
            driver: Some("qmi_wwan"),
            tty: None,
            ..serial(1, 3, 0)
        },
    );
    assert_eq!(ready(tree.look()).tty, "ttyUSB7");
}

#[test]
fn a_stick_that_shows_its_cdrom_says_so() {
    let tree = Tree::pi2b();
    tree.device("1-1.2", 0x19d2, 0x2000, 1);
    tree.interface(
        "1-1.2",
        &Interface {
            class: 0x08,
            driver: Some("usb-storage"),
            tty: None,
            ..serial(0, 2, 0)
        },
    );
    assert!(matches!(
        tree.look(),
        Presence::NotReady(_, NotReady::CdRom)
    ));
}

#[test]
fn of_two_sticks_the_ready_one_is_taken() {
    let tree = Tree::pi2b();
    tree.device("1-1.2", 0x19d2, 0x2000, 1);
    tree.mf180("1-1.3", 0);
    assert_eq!(ready(tree.look()).device.bus_path, "1-1.3");
    tree.mf180("1-1.5", 3);
    assert_eq!(ready(tree.look()).device.bus_path, "1-1.3");
}

#[test]
fn second_stick_does_not_replace_the_current() {
    let tree = Tree::pi2b();
    tree.mf180("1-1.4", 0);
    let current = ready(tree.look());
    tree.mf180("1-1.2", 3);
    let again = tree
        .sysfs()
        .stick(Look::Complete, Some(&current), None)
        .presence;
    assert_eq!(ready(again), current);
    tree.unplug("1-1.4");
    let other = tree
        .sysfs()
        .stick(Look::Complete, Some(&current), None)
        .presence;
    assert_eq!(ready(other).device.bus_path, "1-1.2");
}

#[test]
fn garbage_in_attributes_is_no_stick() {
    let tree = Tree::pi2b();
    tree.device("1-1.2", 0x19d2, 0x2003, 3);
    fs::write(tree.devices().join("1-1.2/idVendor"), [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(tree.look(), Presence::Absent);
}

#[test]
fn power_switches_only_socket_ports() {
    let tree = Tree::pi2b();
    let read = |port: u8| {
        fs::read_to_string(
            tree.devices()
                .join(format!("1-1:1.0/1-1-port{port}/disable")),
        )
        .unwrap()
    };
    let power = SysfsPower::new(tree.sysfs());
    power.set_all(Board::Pi2B, false).unwrap();
    assert_eq!(read(2).trim(), "1");
    for other in [1, 3, 4, 5] {
        assert_eq!(read(other).trim(), "0", "port {other}");
    }
    power.set_all(Board::Pi2B, true).unwrap();
    assert_eq!(read(2).trim(), "0");
}

#[test]
fn missing_port_error_names_the_attribute() {
    let tree = Tree::pi2b();
    let disable = tree.devices().join("1-1:1.0/1-1-port2/disable");
    fs::remove_file(&disable).unwrap();
    let refused = SysfsPower::new(tree.sysfs())
        .set_all(Board::Pi2B, false)
        .unwrap_err();
    assert!(matches!(refused, PowerError::Sysfs { .. }), "{refused}");
    assert!(
        refused.to_string().contains("1-1:1.0/1-1-port2/disable"),
        "{refused}"
    );
    assert!(!disable.exists());
}

#[test]
fn both_halves_of_a_4b_are_switched() {
    let tree = Tree::pi2b();
    let root_hub = tree.devices().join("2-0:1.0");
    for port in 1..=4 {
        let directory = root_hub.join(format!("usb2-port{port}"));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("disable"), "0\n").unwrap();
    }
    SysfsPower::new(tree.sysfs())
        .set_all(Board::Pi4B, false)
        .unwrap();
    for port in 1..=4 {
        let path = root_hub.join(format!("usb2-port{port}/disable"));
        assert_eq!(fs::read_to_string(path).unwrap().trim(), "1");
    }
}

#[test]
fn configured_port_selects_one_of_two_sticks() {
    let tree = Tree::pi2b();
    tree.mf180("1-1.2", 0);
    tree.mf180("1-1.3", 3);
    let look = |current, port| tree.sysfs().stick(Look::Complete, current, port);
    let sight = look(None, None);
    let first = ready(sight.presence);
    assert_eq!(first.device.bus_path, "1-1.2");
    let others: Vec<String> = sight.others.iter().map(ToString::to_string).collect();
    assert_eq!(others, ["19d2:2003 at 1-1.3"]);
    // Even from the one in use, which was only there earlier.
    let wanted = ready(look(Some(&first), Some("1-1.3")).presence);
    assert_eq!(wanted.device.bus_path, "1-1.3");
    // A stick that was put into another socket is better than none.
    assert_eq!(ready(look(None, Some("1-1.4")).presence), first);
    tree.unplug("1-1.3");
    assert_eq!(look(None, Some("1-1.3")).others, []);
}

#[test]
fn all_serial_ports_of_a_stick_are_known() {
    let tree = Tree::pi2b();
    tree.mf180("1-1.2", 4);
    let stick = ready(tree.look());
    let names: Vec<(u8, String)> = tree.sysfs().ttys(&stick.device);
    let expected = [(0, "ttyUSB4"), (1, "ttyUSB5"), (2, "ttyUSB6")];
    assert_eq!(names, expected.map(|(n, name)| (n, name.to_owned())));
    tree.unplug("1-1.2");
    assert_eq!(tree.sysfs().ttys(&stick.device), []);
}
