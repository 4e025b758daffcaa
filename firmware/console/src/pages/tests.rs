//! The pages against golden files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    net::Ipv4Addr,
    time::{Duration, UNIX_EPOCH},
};

use failberry_state::{
    LanAddress, Link, RecoveryRung, RecoveryStep, Service, ServiceState, Slot, Stick, UpdatePhase,
    UplinkPhase,
};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::line::WIDTH;

fn snapshot() -> Snapshot {
    Snapshot {
        boot: BootMillis(7_380_000),
        wall: UNIX_EPOCH + Duration::from_secs(1_795_640_000),
        sensors: Sensors {
            millidegrees: Some(48_312),
            under_voltage: Some(false),
        },
    }
}

fn service(service: Service) -> ServiceState {
    ServiceState {
        service,
        pid: Some(100),
        ready: true,
        starts: 1,
        hangs: 0,
        last_exit: None,
        last_words: None,
    }
}

fn good() -> States {
    let mut states = States::default();
    states.supervisor.version = "0.1.0".into();
    states.supervisor.slot = "a".into();
    states.supervisor.boots = 3;
    states.supervisor.used_kib = 36_000;
    states.supervisor.watchdog = "on, 15 s".into();
    states.supervisor.services = Service::SUPERVISED.map(service).to_vec();
    states.network.lan_carrier = true;
    states.network.firewall = true;
    states.network.default_via = Some("ppp0".into());
    states.network.lan = Some(LanAddress {
        address: Ipv4Addr::new(192, 168, 88, 131),
        prefix: 24,
        gateway: Some(Ipv4Addr::new(192, 168, 88, 1)),
        dns: Vec::new(),
        lease_seconds: Some(600),
        since: BootMillis(3_000),
    });
    let uplink = &mut states.uplink;
    uplink.phase = UplinkPhase::Up;
    uplink.operator = Some("Bench Mobile".into());
    uplink.signal_dbm = Some(-79);
    uplink.calls = 2;
    uplink.failures = 1;
    uplink.recovery.redials = 1;
    uplink.stick = Some(Stick {
        vendor: 0x19d2,
        product: 0x2003,
        bus_path: "1-1.2".into(),
        tty: "ttyUSB2".into(),
        model: Some("MF180".into()),
    });
    uplink.link = Some(Link {
        interface: "ppp0".into(),
        local: Ipv4Addr::new(203, 0, 113, 17),
        peer: Some(Ipv4Addr::new(203, 0, 113, 1)),
        dns: Vec::new(),
        mtu: 1500,
        since: BootMillis(120_000),
    });
    states.dyndns.name = Some("gsm.example.org".into());
    states.dyndns.published = Some(Ipv4Addr::new(203, 0, 113, 17));
    states.clock.synced = true;
    states.clock.settled = true;
    states.clock.server = Some("0.pool.ntp.org".into());
    states.health.listening = true;
    states.health.answered = 12;
    states
}

#[test]
fn status_of_a_healthy_box() {
    let page = status(&good(), &snapshot());
    assert_eq!(page.join("\n"), include_str!("golden/good.txt").trim_end());
}

#[test]
fn status_of_a_box_with_problems() {
    let mut states = good();
    states.uplink.link = None;
    states.uplink.phase = UplinkPhase::BackingOff;
    states.uplink.since = BootMillis(7_371_000);
    states.uplink.operator = Some("Evil\u{1b}[2J\nOperator".into());
    states.uplink.signal_dbm = Some(-105);
    states.uplink.last_error = Some("the peer ended the link: ".to_owned() + &"x".repeat(500));
    states.network.lan_carrier = false;
    states.network.firewall = false;
    states.network.default_via = None;
    states.clock.synced = false;
    states.clock.settled = false;
    states.dyndns.published = None;
    states.supervisor.slot = String::new();
    states.supervisor.oopses = 1;
    let services = &mut states.supervisor.services;
    services[0].pid = None;
    services[1].ready = false;
    services[2].starts = 4;
    services[2].last_words = Some("panicked".into());
    let snapshot = Snapshot {
        sensors: Sensors {
            millidegrees: None,
            under_voltage: Some(true),
        },
        ..snapshot()
    };
    let page = status(&states, &snapshot);
    assert_eq!(
        page.join("\n"),
        include_str!("golden/trouble.txt").trim_end()
    );
}

#[test]
fn clock_row_names_the_source_of_its_time() {
    let row = |synced, settled| {
        let mut states = good();
        states.clock.synced = synced;
        states.clock.settled = settled;
        if !synced {
            states.clock.server = None;
        }
        let page = status(&states, &snapshot());
        let row = page.iter().find_map(|line| line.strip_prefix("clock"));
        let (_, who) = row.unwrap().split_once(" UTC, ").unwrap();
        who.to_owned()
    };
    assert_eq!(row(true, true), "from 0.pool.ntp.org");
    assert_eq!(row(true, false), "from 0.pool.ntp.org, not confirmed");
    // The saved time was right, and a signature made with it was accepted.
    assert_eq!(row(false, true), "confirmed by a signed request");
    assert_eq!(row(false, false), "not set yet");
}

#[test]
fn banner_has_version_address_and_help() {
    let page = banner(&good());
    assert_eq!(
        page.join("\n"),
        include_str!("golden/banner.txt").trim_end()
    );
}

#[test]
fn modem_page_has_live_answers_and_recovery() {
    let mut uplink = good().uplink;
    uplink.recovery.history = vec![RecoveryStep {
        at: BootMillis(7_000_000),
        rung: RecoveryRung::Redial,
        reason: "NO CARRIER\u{7}".into(),
        times: 3,
    }];
    let live = LiveModemInfo {
        identity: vec!["Model: MF180".into(), "IMEI: 351234567890123".into()],
        signal: vec!["+CSQ: 20,99".into()],
    };
    let page = modem(&uplink, &live, snapshot().boot.0);
    assert_eq!(page.join("\n"), include_str!("golden/modem.txt").trim_end());
}

#[test]
fn next_start_for_each_boot_order() {
    let both = || vec![Slot::B, Slot::A];
    for (order, trial, tries, expected) in [
        (both(), None, 0, "b, then a"),
        (
            both(),
            Some(Slot::A),
            2,
            "a on trial, 2 more times; b, then a",
        ),
        (both(), Some(Slot::A), 0, "b, then a"),
        (
            Vec::new(),
            None,
            0,
            "its order could not be read from the card",
        ),
    ] {
        let mut states = good();
        states.slots = SlotsState {
            order,
            trial,
            tries,
        };
        assert_eq!(slots(&states)[1], format!("next start  {expected}"));
    }
}

#[test]
fn update_page_in_each_phase() {
    let version = || "0.2.0".to_owned();
    let mut states = good();
    states.update.version = "0.1.0".into();
    states.update.last_error = Some("no key\u{1b}[2J".into());
    for (phase, slot, progress) in [
        (
            UpdatePhase::Idle,
            "a runs, b is the other one",
            "nothing is being done",
        ),
        (
            UpdatePhase::Writing {
                version: version(),
                done: 1 << 20,
                of: 4 << 20,
            },
            "a runs, 0.2.0 is being written to b",
            "0.2.0 is being written, 25 % of 4096 KiB",
        ),
        (
            UpdatePhase::Written { version: version() },
            "a runs, b with 0.2.0 is tried at the next start",
            "0.2.0 is tried at the next start",
        ),
        (
            UpdatePhase::OnTrial { version: version() },
            "a runs on trial, b comes back if it fails",
            "0.2.0 has to prove itself",
        ),
    ] {
        states.update.phase = phase;
        assert!(slots(&states)[0].ends_with(slot));
        let page = update(&states);
        assert_eq!(page[0], "running     0.1.0");
        assert!(page[1].ends_with(progress), "{}", page[1]);
        assert_eq!(page[2], "trouble     no key [2J");
    }
}

proptest! {
    #[test]
    fn status_fits_a_screen_for_any_input(
        text in any::<String>(),
        errors in proptest::collection::vec(any::<String>(), 0..30),
    ) {
        let mut states = good();
        states.uplink.operator = Some(text.clone());
        states.uplink.last_error = Some(text.clone());
        states.clock.server = Some(text);
        states.supervisor.warnings = errors;
        let page = status(&states, &snapshot());
        prop_assert!(page.len() <= 22);
        for line in page.iter().chain(&banner(&states)) {
            prop_assert!(line.width() < WIDTH, "{}", line);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }
}
