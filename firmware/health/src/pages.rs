//! What is told, and to whom.

use std::fmt::Write;

use failberry_state::{
    BootMillis, ClockState, DyndnsState, HealthState, NetworkState, Recovery, RecoveryRung,
    RecoveryStep, State, SupervisorState, UpdateState, UplinkState, read,
};
use serde_json::{Value, json};

/// Steps of recovery that fit on a screen; all are in the state.
const STEPS: usize = 8;

/// Which port is asking.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site {
    /// The open internet: nothing but "alive".
    Public,
    /// The LAN: everything that is no secret.
    Lan,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            kind: "text/plain",
            body: body.into(),
        }
    }
}

impl Site {
    pub(crate) fn page(self, url: &str) -> Page {
        let path = url.split_once('?').map_or(url, |(path, _)| path);
        match (self, path) {
            // Each byte here is paid for: 16 checkers, two links, every 10 to 30 s, for years.
            (Self::Public, "/") => Page::text(200, "ok\n"),
            (Self::Lan, "/") => Page::text(200, summary()),
            (Self::Lan, "/status") => Page {
                status: 200,
                kind: "application/json",
                body: status().to_string(),
            },
            _ => Page::text(404, "no such page\n"),
        }
    }
}

/// A state, or the reason why it cannot be told.
fn told<T: State>() -> Value {
    match read::<T>() {
        Ok(state) => serde_json::to_value(state).unwrap_or(Value::Null),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn status() -> Value {
    json!({
        "boot_millis": BootMillis::now(),
        "supervisor": told::<SupervisorState>(),
        "network": told::<NetworkState>(),
        "uplink": told::<UplinkState>(),
        "clock": told::<ClockState>(),
        "dyndns": told::<DyndnsState>(),
        "health": told::<HealthState>(),
        "update": told::<UpdateState>(),
    })
}

/// One screen for a person with a browser on the LAN.
fn summary() -> String {
    let supervisor = read::<SupervisorState>().unwrap_or_default();
    let network = read::<NetworkState>().unwrap_or_default();
    let uplink = read::<UplinkState>().unwrap_or_default();
    let dyndns = read::<DyndnsState>().unwrap_or_default();
    let clock = read::<ClockState>().unwrap_or_default();
    let update = read::<UpdateState>().unwrap_or_default();

    let mut rows: Vec<(&str, String)> = vec![(
        "FailberryPi",
        format!(
            "{}, slot {}, up {} s",
            supervisor.version,
            supervisor.slot,
            BootMillis::now().0 / 1000
        ),
    )];
    let lan = match (&network.lan, network.lan_carrier) {
        (Some(lan), _) => format!("{}/{}", lan.address, lan.prefix),
        (None, true) => "no address yet".into(),
        (None, false) => "no cable".into(),
    };
    rows.push(("wired", lan));
    rows.push((
        "firewall",
        if network.firewall { "up" } else { "DOWN" }.into(),
    ));
    let mut carrier = uplink.phase.to_string();
    if let Some(link) = &uplink.link {
        let _ = write!(carrier, ", {} on {}", link.local, link.interface);
    }
    if let Some(operator) = &uplink.operator {
        let _ = write!(carrier, ", {operator}");
    }
    if let Some(dbm) = uplink.signal_dbm {
        let _ = write!(carrier, ", {dbm} dBm");
    }
    rows.push(("carrier", carrier));
    if let (Some(name), Some(address)) = (&dyndns.name, dyndns.published) {
        rows.push(("name", format!("{name} is {address}")));
    }
    rows.push((
        "clock",
        if clock.synced { "set" } else { "not set yet" }.into(),
    ));
    if let Some(told) = update.last_update {
        rows.push(("update", told));
    }
    for (who, error) in [
        ("uplink", uplink.last_error),
        ("network", network.last_error),
        ("clock", clock.last_error),
        ("dyndns", dyndns.last_error),
        ("update", update.last_error),
    ] {
        if let Some(error) = error {
            rows.push(("trouble", format!("{who}: {error}")));
        }
    }
    rows.extend(recovery(&uplink.recovery));
    rows.extend(lives(&supervisor));
    rows.extend(
        supervisor
            .warnings
            .into_iter()
            .map(|warning| ("warning", warning)),
    );

    let mut page = String::new();
    for (label, text) in rows {
        let _ = writeln!(page, "{label:<12} {text}");
    }
    page
}

/// What was done about failures of the carrier link, in this life and in those before.
fn recovery(recovery: &Recovery) -> Vec<(&'static str, String)> {
    let counts = [
        (recovery.redials, "calls dialled again"),
        (recovery.resets, "restarts of the stick"),
        (recovery.power_cuts, "power cuts"),
        (recovery.reboots, "reboots asked for"),
        (recovery.ejects, "CD-ROMs ejected"),
    ];
    let counts: Vec<String> = (counts.iter().filter(|(count, _)| *count > 0))
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let mut rows = Vec::new();
    if !counts.is_empty() {
        rows.push(("recovery", counts.join(", ")));
    }
    let done = last(&recovery.history);
    rows.extend(done.iter().map(|step| ("done", told_step(step))));
    let earlier = last(&recovery.earlier).iter().map(|past| {
        let step = told_step(&past.step);
        ("done before", format!("boot no. {}, {step}", past.boot))
    });
    rows.extend(earlier);
    if let Some(error) = &recovery.earlier_error {
        rows.push(("trouble", format!("what was done before is lost: {error}")));
    }
    rows
}

fn told_step(step: &RecoveryStep) -> String {
    let what = match step.rung {
        RecoveryRung::Redial => "dialled again",
        RecoveryRung::Reset => "restarted the stick",
        RecoveryRung::PowerCut => "cut the power",
        RecoveryRung::Reboot => "asked for a reboot",
        RecoveryRung::Eject => "ejected the CD-ROM",
    };
    let (seconds, reason) = (step.at.0 / 1000, &step.reason);
    match step.times {
        0 | 1 => format!("at {seconds} s: {what}: {reason}"),
        times => format!("at {seconds} s: {what} ({times} times): {reason}"),
    }
}

/// The newest of `all`, as many as leave room on the screen.
fn last<T>(all: &[T]) -> &[T] {
    all.get(all.len().saturating_sub(STEPS)..)
        .unwrap_or_default()
}

/// What PID 1 has had to do, and how the box's life before this one ended.
fn lives(state: &SupervisorState) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(how) = &state.last_boot {
        let boots = state.boots;
        rows.push(("last end", format!("{how} (this is boot no. {boots})")));
    }
    let words = state.last_words.iter();
    rows.extend(words.map(|words| ("last words", words.clone())));
    rows.push(("watchdog", state.watchdog.clone()));
    for service in &state.services {
        let name = service.service.name();
        if service.starts > 1 {
            let how = service
                .last_exit
                .as_deref()
                .unwrap_or("for an unknown reason");
            let (starts, hangs) = (service.starts, service.hangs);
            let mut text = format!("{name} started {starts} times, {hangs} times it hung; {how}");
            if let Some(words) = &service.last_words {
                let _ = write!(text, "; its last error: {words}");
            }
            rows.push(("trouble", text));
        } else if service.pid.is_some() && !service.ready {
            rows.push(("trouble", format!("{name} is starting")));
        }
    }
    if state.reboots_refused > 0 {
        let text = format!("{} reboots asked for and refused", state.reboots_refused);
        rows.push(("trouble", text));
    }
    if state.oopses > 0 {
        let text = format!("the kernel has erred, {} times (oops)", state.oopses);
        rows.push(("trouble", text));
    }
    rows
}

#[cfg(test)]
mod tests {
    use failberry_state::{PastStep, Service, ServiceState};

    use super::*;

    #[test]
    fn strangers_learn_nothing_but_that_it_lives() {
        assert_eq!(Site::Public.page("/?x=1").body, "ok\n");
        for path in ["/status", "/..", "", "*", "//", "/%2e"] {
            assert_eq!(Site::Public.page(path).status, 404, "{path}");
        }
    }

    #[test]
    fn a_person_is_told_of_ends_and_hangs() {
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
        let told = lives(&state);
        let told: Vec<(&str, &str)> = told.iter().map(|(row, text)| (*row, &**text)).collect();
        assert_eq!(
            told,
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
    fn a_person_is_told_what_was_done_in_this_life_and_before() {
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
        let told = recovery(&state);
        let told: Vec<(&str, &str)> = told.iter().map(|(row, text)| (*row, &**text)).collect();
        assert_eq!(
            told,
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
        assert_eq!(recovery(&state).len(), STEPS);
        assert_eq!(recovery(&Recovery::default()), []);
    }

    #[test]
    fn the_lan_gets_every_state() {
        let page = Site::Lan.page("/status");
        for state in [
            "supervisor",
            "network",
            "uplink",
            "clock",
            "dyndns",
            "health",
        ] {
            assert!(
                page.body.contains(&format!("\"{state}\":{{")),
                "{state}: {}",
                page.body
            );
        }
        assert!(Site::Lan.page("/").body.starts_with("FailberryPi"));
    }
}
