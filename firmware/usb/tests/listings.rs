//! Sticks as `usb-devices` and `lsusb -v` show them in public reports: which port dials, which takes
//! commands beside it. Numbers are those of the reports; ports without a driver here have one there
//! that the image does not ship.
#![allow(clippy::unwrap_used, missing_docs)]

use failberry_usb::{Look, NotReady, Presence, Stick};
use tree::{Interface, Tree, ready};

mod tree;

const PATH: &str = "1-1.2";

/// An interface: number, class, subclass, protocol, endpoints, driver.
type Line = (u8, u8, u8, u8, u8, Option<&'static str>);

const OPTION: Option<&str> = Some("option");
const QCSERIAL: Option<&str> = Some("qcserial");
const ACM: Option<&str> = Some("cdc_acm");
const NONE: Option<&str> = None;

/// Puts a stick in, with its ttys from `first_tty` on.
fn plug(tree: &Tree, (vendor, product): (u16, u16), lines: &[Line], first_tty: u32) {
    tree.device(PATH, vendor, product, lines.len());
    let mut next = first_tty;
    for &(number, class, subclass, protocol, endpoints, driver) in lines {
        let has_tty = driver.is_some() && class != 0x0a;
        let tty = has_tty.then_some(next);
        next += u32::from(has_tty);
        tree.interface(
            PATH,
            &Interface {
                number,
                class,
                kind: Some((subclass, protocol)),
                endpoints,
                driver,
                tty,
            },
        );
    }
}

/// The stick with everything there, and its port for commands.
fn found(ids: (u16, u16), lines: &[Line], look: Look) -> (Stick, Option<String>) {
    let tree = Tree::pi2b();
    plug(&tree, ids, lines, 0);
    let sysfs = tree.sysfs();
    let stick = ready(sysfs.stick(look, None, None).presence);
    let command_ports = sysfs.command_port(&stick);
    (stick, command_ports)
}

/// Expects the stick's modem port to be `modem` (interface and tty), and its port for commands.
#[track_caller]
fn expect(ids: (u16, u16), lines: &[Line], modem: (u8, &str), command_ports: Option<&str>) {
    let (stick, port) = found(ids, lines, Look::Complete);
    assert_eq!((stick.interface, stick.tty.as_str()), modem);
    assert_eq!(port.as_deref(), command_ports);
}

// ZTE MF180, the article's: three ports, the third with an interrupt endpoint.
const MF180_THREE: &[Line] = &[
    (0, 0xff, 0xff, 0xff, 2, OPTION),
    (1, 0xff, 0xff, 0xff, 2, OPTION),
    (2, 0xff, 0xff, 0xff, 3, OPTION),
];

// The same id of MF190 and MF193E (ubuntuforums 2013, 2014).
const MF180_FIVE: &[Line] = &[
    (0, 0xff, 0xff, 0xff, 2, OPTION),
    (1, 0xff, 0xff, 0xff, 2, OPTION),
    (2, 0xff, 0xff, 0xff, 2, OPTION),
    (3, 0xff, 0xff, 0xff, 3, OPTION),
    (4, 0x08, 0x06, 0x50, 2, NONE),
];

#[test]
fn both_layouts_of_2003_dial_on_the_right_port() {
    let id = (0x19d2, 0x2003);
    expect(id, MF180_THREE, (2, "ttyUSB2"), Some("ttyUSB1"));
    expect(id, MF180_FIVE, (3, "ttyUSB3"), Some("ttyUSB1"));
}

#[test]
fn product_2003_with_equal_endpoints_uses_its_row() {
    let equal = |lines: &[Line]| -> Vec<Line> {
        let two = |line: &Line| (line.0, line.1, line.2, line.3, 2, line.5);
        lines.iter().map(two).collect()
    };
    let id = (0x19d2, 0x2003);
    expect(id, &equal(MF180_FIVE), (3, "ttyUSB3"), Some("ttyUSB1"));
    expect(id, &equal(MF180_THREE), (2, "ttyUSB2"), Some("ttyUSB1"));
}

#[test]
fn a_drive_beside_the_ports_of_0031_is_no_port() {
    // ubuntuforums 2011, MF626.
    let lines = [
        (0, 0xff, 0xff, 0xff, 2, OPTION),
        (1, 0xff, 0xff, 0xff, 2, OPTION),
        (2, 0x08, 0x06, 0x50, 2, NONE),
        (3, 0xff, 0xff, 0xff, 3, OPTION),
    ];
    expect((0x19d2, 0x0031), &lines, (3, "ttyUSB2"), Some("ttyUSB1"));
}

#[test]
fn zte_ids_with_equal_endpoints_go_by_modemmanager() {
    let ports = |count: u8| -> Vec<Line> {
        let port = |number| (number, 0xff, 0xff, 0xff, 2, OPTION);
        (0..count).map(port).collect()
    };
    for (product, modem, command_ports) in [
        (0x0001, 0, 2),
        (0x0002, 2, 4),
        (0x0003, 0, 1),
        (0x0012, 2, 4),
        (0x0015, 1, 3),
        (0x0016, 2, 1),
        (0x0024, 2, 4),
        (0x0025, 2, 4),
        (0x0030, 1, 3),
        (0x0054, 1, 3),
        (0x0055, 2, 4),
        (0x0064, 2, 0),
    ] {
        let (stick, port) = found((0x19d2, product), &ports(5), Look::Complete);
        assert_eq!(stick.interface, modem, "{product:04x}");
        assert_eq!(
            port.unwrap(),
            format!("ttyUSB{command_ports}"),
            "{product:04x}"
        );
    }
}

// ubuntuforums 2012-05, MF190J.
const MF190J: &[Line] = &[
    (0, 0x00, 0x08, 0x00, 0, NONE),
    (1, 0x02, 0x02, 0x01, 1, ACM),
    (2, 0x0a, 0x00, 0x00, 2, ACM),
    (3, 0x02, 0x02, 0x01, 1, ACM),
    (4, 0x0a, 0x00, 0x00, 2, ACM),
    (5, 0x02, 0x02, 0x01, 1, ACM),
    (6, 0x0a, 0x00, 0x00, 2, ACM),
];

#[test]
fn ports_of_cdc_acm_dial_and_take_commands() {
    let id = (0x19d2, 0x1544);
    expect(id, MF190J, (1, "ttyACM0"), Some("ttyACM1"));
    let (settled, _) = found(id, MF190J, Look::Settled);
    assert_eq!(settled.node(), std::path::Path::new("/dev/ttyACM0"));
}

#[test]
fn a_cdc_acm_stick_comes_back_with_other_numbers() {
    let tree = Tree::pi2b();
    plug(&tree, (0x19d2, 0x1544), MF190J, 0);
    let before = ready(tree.look());
    tree.unplug(PATH);
    assert_eq!(tree.look(), Presence::Absent);
    plug(&tree, (0x19d2, 0x1544), MF190J, 3);
    let after = ready(tree.look());
    assert_eq!((after.interface, after.tty.as_str()), (1, "ttyACM3"));
    assert_ne!(before, after);
}

#[test]
fn network_functions_beside_cdc_acm_are_no_ports() {
    // ubuntuforums 2011, Vodafone K3805-Z: two ports, an ECM function, a drive, a WMC function.
    let k3805z = [
        (0, 0x02, 0x08, 0x00, 0, NONE),
        (1, 0x02, 0x02, 0x01, 1, ACM),
        (2, 0x0a, 0x00, 0x00, 2, ACM),
        (3, 0x02, 0x02, 0x01, 1, ACM),
        (4, 0x0a, 0x00, 0x00, 2, ACM),
        (5, 0x02, 0x06, 0x00, 1, NONE),
        (6, 0x0a, 0x00, 0x00, 2, NONE),
        (7, 0x08, 0x06, 0x50, 2, NONE),
        (8, 0x02, 0x0b, 0x00, 0, NONE),
        (9, 0x0a, 0x00, 0x00, 0, NONE),
    ];
    expect((0x19d2, 0x1003), &k3805z, (1, "ttyACM0"), Some("ttyACM1"));
}

#[test]
fn network_functions_with_option_ports_are_no_ports() {
    // linux-usb 2022, ZTE MF286D: RNDIS by class 02 with a maker's protocol.
    let mf286d = [
        (0, 0x02, 0x02, 0xff, 1, NONE),
        (1, 0x0a, 0x00, 0x00, 2, NONE),
        (2, 0xff, 0xff, 0xff, 2, OPTION),
        (3, 0xff, 0xff, 0xff, 3, OPTION),
        (4, 0xff, 0xff, 0xff, 2, OPTION),
    ];
    expect((0x19d2, 0x1485), &mf286d, (3, "ttyUSB1"), None);
    // linux-usb 2019, GosunCn ME3630: RNDIS by class e0.
    let me3630 = [
        (0, 0xe0, 0x01, 0x03, 1, NONE),
        (1, 0x0a, 0x00, 0x00, 2, NONE),
        (2, 0xff, 0xff, 0xff, 2, OPTION),
        (3, 0xff, 0x00, 0x00, 3, OPTION),
        (4, 0xff, 0x00, 0x00, 3, OPTION),
    ];
    expect((0x19d2, 0x0601), &me3630, (4, "ttyUSB2"), None);
}

#[test]
fn an_e173_dials_on_its_first_port() {
    // ubuntuforums 2011 to 2015: ECM between the ports, two drives.
    let e173 = [
        (0, 0xff, 0xff, 0xff, 3, OPTION),
        (1, 0x02, 0x06, 0xff, 1, NONE),
        (2, 0x0a, 0x00, 0x00, 2, NONE),
        (3, 0xff, 0xff, 0xff, 2, OPTION),
        (4, 0xff, 0xff, 0xff, 2, OPTION),
        (5, 0x08, 0x06, 0x50, 2, NONE),
        (6, 0x08, 0x06, 0x50, 2, NONE),
    ];
    expect((0x12d1, 0x1436), &e173, (0, "ttyUSB0"), Some("ttyUSB2"));
}

#[test]
fn huawei_modem_port_follows_interface_protocol() {
    let id = (0x12d1, 0x1506);
    // OpenWrt's wiki, E3372: a modem, a port for commands, NCM.
    let e3372 = [
        (0, 0xff, 0x03, 0x10, 3, OPTION),
        (1, 0xff, 0x03, 0x12, 2, OPTION),
        (2, 0xff, 0x03, 0x16, 1, NONE),
        (3, 0x08, 0x06, 0x50, 2, NONE),
        (4, 0x08, 0x06, 0x50, 2, NONE),
    ];
    expect(id, &e3372, (0, "ttyUSB0"), Some("ttyUSB1"));
    // ubuntuforums 2013, E3272: no modem port but one for commands, which dials as well.
    let e3272 = [
        (0, 0xff, 0x02, 0x12, 2, OPTION),
        (1, 0xff, 0x02, 0x16, 1, NONE),
        (2, 0x08, 0x06, 0x50, 2, NONE),
        (3, 0x08, 0x06, 0x50, 2, NONE),
    ];
    expect(id, &e3272, (0, "ttyUSB0"), None);
    // ubuntuforums 2012, E398: QMI on two interfaces.
    let e398 = [
        (0, 0xff, 0x01, 0x01, 3, OPTION),
        (1, 0xff, 0x01, 0x09, 1, NONE),
        (2, 0xff, 0x01, 0x08, 2, NONE),
        (3, 0xff, 0x01, 0x03, 2, OPTION),
        (4, 0xff, 0x01, 0x02, 2, OPTION),
    ];
    expect(id, &e398, (0, "ttyUSB0"), Some("ttyUSB2"));
    // All with an interrupt endpoint, the modem in the middle: the protocol has the word.
    let shuffled = [
        (0, 0xff, 0x02, 0x02, 3, OPTION),
        (1, 0xff, 0x02, 0x01, 3, OPTION),
        (2, 0xff, 0x02, 0x03, 3, OPTION),
    ];
    expect((0x12d1, 0x1c05), &shuffled, (1, "ttyUSB1"), Some("ttyUSB0"));
}

#[test]
fn an_ec25_dials_on_its_fourth_port_with_any_network() {
    let mut ec25 = vec![
        (0, 0xff, 0xff, 0xff, 2, OPTION),
        (1, 0xff, 0x00, 0x00, 3, OPTION),
        (2, 0xff, 0x00, 0x00, 3, OPTION),
        (3, 0xff, 0x00, 0x00, 3, OPTION),
    ];
    let id = (0x2c7c, 0x0125);
    // linux-usb 2020, EC25-AF with ECM.
    let mut ecm = ec25.clone();
    ecm.extend([
        (4, 0x02, 0x06, 0x00, 1, NONE),
        (5, 0x0a, 0x00, 0x00, 2, NONE),
    ]);
    expect(id, &ecm, (3, "ttyUSB3"), Some("ttyUSB2"));
    // The usual one with QMI, which looks like a port, and Android's debug bridge.
    ec25.extend([
        (4, 0xff, 0xff, 0xff, 3, NONE),
        (5, 0xff, 0x42, 0x01, 2, NONE),
    ]);
    expect(id, &ec25, (3, "ttyUSB3"), Some("ttyUSB2"));
    // A module of theirs in no row.
    expect((0x2c7c, 0x0620), &ecm, (3, "ttyUSB3"), None);
}

#[test]
fn sierra_modules_dial_on_the_port_for_commands() {
    // Qualcomm's layout of qcserial: 0 for diagnosis, 2 tells the position, 3 takes commands, 8 and
    // 10 speak QMI.
    let mc7455 = [
        (0, 0xff, 0xff, 0xff, 2, QCSERIAL),
        (2, 0xff, 0x00, 0x00, 3, QCSERIAL),
        (3, 0xff, 0x00, 0x00, 3, QCSERIAL),
        (8, 0xff, 0xff, 0xff, 3, NONE),
        (10, 0xff, 0xff, 0xff, 3, NONE),
    ];
    expect((0x1199, 0x9071), &mc7455, (3, "ttyUSB2"), None);
    // linux-usb 2022, EM9191 with MBIM.
    let em9191 = [
        (0, 0x02, 0x0e, 0x00, 1, NONE),
        (1, 0x0a, 0x00, 0x02, 2, NONE),
        (3, 0xff, 0x00, 0x00, 3, QCSERIAL),
        (4, 0xff, 0xff, 0x30, 2, QCSERIAL),
    ];
    expect((0x1199, 0x90d3), &em9191, (3, "ttyUSB0"), None);
}

#[test]
fn ports_of_both_kinds_together_are_told_apart() {
    // One says AT by its protocol, one has an interrupt endpoint: what is made for it comes first.
    let mixed = [
        (0, 0xff, 0xff, 0xff, 2, OPTION),
        (1, 0xff, 0xff, 0xff, 3, OPTION),
        (2, 0x02, 0x02, 0x01, 1, ACM),
        (3, 0x0a, 0x00, 0x00, 2, ACM),
    ];
    let (stick, _) = found((0x19d2, 0xfe01), &mixed, Look::Complete);
    assert_eq!((stick.interface, stick.tty.as_str()), (2, "ttyACM2"));
    // A maker's protocol on the class says nothing.
    let vendor = [mixed[0], mixed[1], (2, 0x02, 0x02, 0x00, 1, ACM), mixed[3]];
    let (stick, command_ports) = found((0x19d2, 0xfe01), &vendor, Look::Complete);
    assert_eq!((stick.interface, stick.tty.as_str()), (1, "ttyUSB1"));
    assert_eq!(command_ports.as_deref(), Some("ttyACM2"));
}

#[test]
fn option_ports_are_preferred_to_cdc_acm_without_at() {
    // Two ports with an interrupt endpoint and one of class 02 that does not say AT.
    let lines = [
        (0, 0xff, 0xff, 0xff, 3, OPTION),
        (1, 0xff, 0xff, 0xff, 3, OPTION),
        (2, 0x02, 0x02, 0x00, 1, ACM),
        (3, 0x0a, 0x00, 0x00, 2, ACM),
    ];
    let (stick, _) = found((0x19d2, 0xfe01), &lines, Look::Complete);
    assert_eq!(stick.interface, 1);
    // Alone it is the best there is.
    let (stick, _) = found((0x19d2, 0xfe01), &lines[2..], Look::Complete);
    assert_eq!(stick.interface, 2);
}

#[test]
fn a_stick_in_a_configuration_without_ports_says_so() {
    // ubuntuforums 2011, Linktop: a drive in configuration 1, ports in 3.
    let tree = Tree::pi2b();
    let drive = [(0, 0x08, 0x06, 0x50, 2, NONE)];
    plug(&tree, (0x230d, 0x0001), &drive, 0);
    let value = tree.devices().join(PATH).join("bConfigurationValue");
    std::fs::write(&value, "1\n").unwrap();
    let wanted = NotReady::Configuration { wanted: 3 };
    assert!(matches!(tree.look(), Presence::NotReady(_, why) if why == wanted));
    assert!(wanted.is_switchable());
    std::fs::write(&value, "3\n").unwrap();
    assert!(matches!(
        tree.look(),
        Presence::NotReady(_, NotReady::NoModem)
    ));
}

#[test]
fn the_drives_of_sticks_are_switched() {
    for (vendor, product) in [
        (0x19d2, 0x1542),
        (0x19d2, 0x2000),
        (0x19d2, 0x0557),
        (0x12d1, 0x14fe),
        (0x1199, 0x0fff),
        (0x0af0, 0x7501),
        (0x1c9e, 0xf000),
    ] {
        let tree = Tree::pi2b();
        let drives = [
            (0, 0x08, 0x06, 0x50, 2, NONE),
            (1, 0x08, 0x06, 0x50, 2, NONE),
        ];
        plug(&tree, (vendor, product), &drives, 0);
        let look = tree.look();
        assert!(
            matches!(look, Presence::NotReady(_, NotReady::CdRom)),
            "{look:?}"
        );
    }
}

#[test]
fn a_drive_beside_something_else_is_not_switched() {
    for other in [
        (1, 0x03, 0x01, 0x01, 1, NONE),
        (1, 0xe0, 0x01, 0x03, 1, NONE),
        (1, 0x08, 0x06, 0x62, 3, NONE),
    ] {
        let tree = Tree::pi2b();
        plug(
            &tree,
            (0x19d2, 0x2000),
            &[(0, 0x08, 0x06, 0x50, 2, NONE), other],
            0,
        );
        let look = tree.look();
        assert!(
            matches!(look, Presence::NotReady(_, NotReady::NoModem)),
            "{look:?}"
        );
    }
}

#[test]
fn other_devices_are_no_sticks() {
    let drive = [(0, 0x08, 0x06, 0x50, 2, NONE)];
    let board = [(0, 0x02, 0x02, 0x01, 1, ACM), (1, 0x0a, 0x00, 0x00, 2, ACM)];
    for (vendor, product, lines) in [
        // Memory sticks of SanDisk, Kingston and Toshiba, one with a chip whose id is shared.
        (0x0781, 0x5567, &drive[..]),
        (0x0951, 0x1666, &drive),
        (0x0930, 0x6545, &drive),
        (0x05c6, 0x1000, &drive),
        // Arduino.
        (0x2341, 0x0001, &board),
    ] {
        let tree = Tree::pi2b();
        plug(&tree, (vendor, product), lines, 0);
        assert_eq!(tree.look(), Presence::Absent, "{vendor:04x}:{product:04x}");
    }
    // A telephone of a stick's maker, as a drive.
    let tree = Tree::pi2b();
    plug(&tree, (0x19d2, 0x1351), &drive, 0);
    std::fs::write(tree.devices().join(PATH).join("manufacturer"), "Android\n").unwrap();
    assert_eq!(tree.look(), Presence::Absent);
}

#[test]
fn other_devices_of_modem_vendors_are_no_sticks() {
    for (vendor, product, line) in [
        // A satellite receiver of u-blox, a telephone's file transfer, a network stick of Huawei.
        (0x1546, 0x01a7, (0, 0x02, 0x02, 0x01, 1, ACM)),
        (0x12d1, 0x107e, (0, 0xff, 0xff, 0x00, 3, NONE)),
        (0x12d1, 0x14db, (0, 0x02, 0x06, 0x00, 1, NONE)),
        (0x04cc, 0x2259, (0, 0x02, 0x02, 0x00, 1, ACM)),
    ] {
        let tree = Tree::pi2b();
        plug(&tree, (vendor, product), &[line], 0);
        assert_eq!(tree.look(), Presence::Absent, "{vendor:04x}:{product:04x}");
    }
}

#[test]
fn modems_in_no_row_are_found_by_their_ports() {
    // Samsung GT-B3730, which option meets; modules of Telit and Cinterion with CDC ACM alone.
    let acm = [
        (0, 0x02, 0x02, 0x01, 1, ACM),
        (1, 0x0a, 0x00, 0x00, 2, ACM),
        (2, 0x02, 0x02, 0x01, 1, ACM),
        (3, 0x0a, 0x00, 0x00, 2, ACM),
    ];
    let option = [(0, 0xff, 0xff, 0xff, 3, OPTION)];
    expect((0x04e8, 0x6889), &option, (0, "ttyUSB0"), None);
    expect((0x1bc7, 0x0021), &acm, (0, "ttyACM0"), Some("ttyACM1"));
    expect((0x1e2d, 0x0058), &acm, (0, "ttyACM0"), Some("ttyACM1"));
}

#[test]
fn ports_are_taken_in_turn() {
    let tree = Tree::pi2b();
    plug(&tree, (0x19d2, 0x2003), MF180_FIVE, 4);
    let sysfs = tree.sysfs();
    let stick = ready(tree.look());
    let turns: Vec<String> = (0..6).map(|turn| sysfs.in_turn(&stick, turn).tty).collect();
    assert_eq!(
        turns,
        [
            "ttyUSB7", "ttyUSB5", "ttyUSB4", "ttyUSB6", "ttyUSB7", "ttyUSB5"
        ]
    );
    let other = sysfs.in_turn(&stick, 1);
    assert_eq!(sysfs.command_port(&other).as_deref(), Some("ttyUSB7"));
    tree.unplug(PATH);
    assert_eq!(sysfs.in_turn(&stick, 3).tty, "ttyUSB7");
}
