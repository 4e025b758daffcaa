//! Tests of the pages.

use failberry_state::{PastStep, Service, ServiceState};

use super::*;

#[test]
fn page_shows_exits_and_hangs() {
    let service = ServiceState {
        service: Service::Uplink,
        pid: Some(7),
        ready: true,
        starts: 2,
        hangs: 1,
        last_exit: Some("hung and was ended: signal SIGKILL".into()),
        last_words: Some("no tty".into()),
    };
    let starting = ServiceState {
        service: Service::Clock,
        ready: false,
        starts: 1,
        ..service.clone()
    };
    let state = SupervisorState {
        boots: 5,
        last_boot: Some("uplink: the stick is dead, after 700 s".into()),
        last_words: vec!["panicked".into()],
        watchdog: "on, 15 s".into(),
        services: vec![service, starting],
        oopses: 1,
        ..SupervisorState::default()
    };
    let rows = boot_rows(&state);
    let rows: Vec<(&str, &str)> = rows.iter().map(|(row, text)| (*row, &**text)).collect();
    assert_eq!(
        rows,
        [
            (
                "last end",
                "uplink: the stick is dead, after 700 s (this is boot no. 5)"
            ),
            ("last words", "panicked"),
            ("watchdog", "on, 15 s"),
            (
                "trouble",
                "uplink started 2 times, 1 times it hung; \
                 hung and was ended: signal SIGKILL; its last error: no tty"
            ),
            ("trouble", "clock is starting"),
            ("trouble", "the kernel has erred, 1 times (oops)"),
        ]
    );
}

#[test]
fn page_shows_recovery_of_this_and_earlier_boots() {
    let step = |at, rung, times| RecoveryStep {
        at: BootMillis(at),
        rung,
        reason: "no answer".into(),
        times,
    };
    let mut state = Recovery {
        redials: 3,
        reboots: 1,
        history: vec![step(5_900, RecoveryRung::Redial, 3)],
        earlier: vec![PastStep {
            boot: 4,
            step: step(700_000, RecoveryRung::Reboot, 1),
        }],
        earlier_error: Some("recovery.json: EOF".into()),
        ..Recovery::default()
    };
    let rows = recovery(&state);
    let rows: Vec<(&str, &str)> = rows.iter().map(|(row, text)| (*row, &**text)).collect();
    assert_eq!(
        rows,
        [
            ("recovery", "3 calls dialled again, 1 reboots asked for"),
            ("done", "at 5 s: dialled again (3 times): no answer"),
            (
                "done before",
                "boot no. 4, at 700 s: asked for a reboot: no answer"
            ),
            (
                "trouble",
                "what was done before is lost: recovery.json: EOF"
            ),
        ]
    );
    let many = vec![step(1, RecoveryRung::Reset, 1); 99];
    state = Recovery {
        history: many,
        ..Recovery::default()
    };
    assert_eq!(recovery(&state).len(), MAX_STEPS);
    assert_eq!(recovery(&Recovery::default()), []);
}

#[test]
fn json_has_every_state_and_other_paths_are_404() {
    let got = page("/status?x");
    for state in [
        "supervisor",
        "network",
        "uplink",
        "clock",
        "dyndns",
        "health",
    ] {
        let part = format!("\"{state}\":{{");
        assert!(got.body.contains(&part), "{state}: {}", got.body);
    }
    assert!(page("/").body.starts_with("FailberryPi"));
    for path in ["/status/", "/..", "", "*", "//", "/%2e"] {
        assert_eq!(page(path).status, 404, "{path}");
    }
}

/// Text that a rogue DHCP server, stick or server may send.
const ROGUE: &str = "a\x1b[2Jb\r\nfirewall     up\u{9b}31m\u{2028}c\u{202e}d\u{7f}   <b>\u{85}";

#[test]
fn untrusted_texts_stay_in_their_rows() {
    let rogue = || Some(ROGUE.to_owned());
    let step = RecoveryStep {
        at: BootMillis(1),
        rung: RecoveryRung::UsbPowerCycle,
        reason: ROGUE.into(),
        times: 1,
    };
    let mut states = States::default();
    let honest = summary(&states).lines().count();
    states.uplink.operator = rogue();
    states.uplink.recovery.history = vec![step.clone()];
    states.uplink.recovery.earlier = vec![PastStep { boot: 1, step }];
    states.uplink.recovery.earlier_error = rogue();
    states.uplink.last_error = rogue();
    states.network.last_error = rogue();
    states.clock.last_error = rogue();
    states.dyndns.last_error = rogue();
    states.update.last_error = rogue();
    states.update.last_update = rogue();
    states.supervisor.version = ROGUE.into();
    states.supervisor.slot = ROGUE.into();
    states.supervisor.watchdog = ROGUE.into();
    states.supervisor.last_boot = rogue();
    states.supervisor.last_words = vec![ROGUE.into()];
    states.supervisor.warnings = vec![ROGUE.into()];
    states.supervisor.services = vec![ServiceState {
        service: Service::Uplink,
        pid: None,
        ready: false,
        starts: 2,
        hangs: 0,
        last_exit: rogue(),
        last_words: rogue(),
    }];
    let shown = summary(&states);
    assert!(shown.chars().all(|c| c == '\n' || is_plain(c)), "{shown:?}");
    // One row for each text that has its own, and none created by a text.
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), honest + 13, "{shown}");
    let firewalls = lines.iter().filter(|line| line.starts_with("firewall "));
    assert_eq!(firewalls.count(), 1);
    let expected = "trouble      network: a [2Jb firewall up 31m c d <b>";
    assert!(lines.contains(&expected), "{shown}");
}

#[test]
fn json_is_escaped_without_loss() {
    let value = json!({ "text": format!("{ROGUE}\u{e0041}ü") });
    let text = escaped(&value);
    assert!(text.chars().all(is_plain), "{text:?}");
    assert!(text.contains('ü'));
    let back: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(back, value);
}
