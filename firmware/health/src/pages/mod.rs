//! What the LAN is shown of the states: a page for people, and all of them as JSON.
//!
//! Whatever a stick, a carrier, a server or a DHCP peer has put into a state goes through [`plain`]
//! or is escaped: none of it reaches a terminal or a browser as it is.

use std::fmt::Write;

use failberry_state::{
    BootMillis, ClockState, DyndnsState, HealthState, NetworkState, Recovery, RecoveryRung,
    RecoveryStep, State, SupervisorState, UpdateState, UplinkState, is_plain, plain, read,
};
use serde_json::{Value, json};

/// Steps of recovery that fit on a screen; all are in the state.
const STEPS: usize = 8;

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
            kind: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }
}

/// The page at `url`, which is a path with or without a query.
pub(crate) fn page(url: &str) -> Page {
    match url.split_once('?').map_or(url, |(path, _)| path) {
        "/" => Page::text(200, summary(&States::read())),
        "/status" => Page {
            status: 200,
            kind: "application/json",
            body: escaped(&status()),
        },
        _ => Page::text(404, "no such page\n"),
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

/// `json` as text in which only what shows as itself stands as it is. A terminal obeys more than
/// JSON has to escape; outside of strings there is nothing of that kind.
fn escaped(json: &Value) -> String {
    let mut text = String::new();
    for character in json.to_string().chars() {
        if is_plain(character) {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// What the page for people is made of.
#[derive(Clone, Debug, Default)]
struct States {
    supervisor: SupervisorState,
    network: NetworkState,
    uplink: UplinkState,
    dyndns: DyndnsState,
    clock: ClockState,
    update: UpdateState,
}

impl States {
    fn read() -> Self {
        Self {
            supervisor: read().unwrap_or_default(),
            network: read().unwrap_or_default(),
            uplink: read().unwrap_or_default(),
            dyndns: read().unwrap_or_default(),
            clock: read().unwrap_or_default(),
            update: read().unwrap_or_default(),
        }
    }
}

/// One screen for a person with a browser on the LAN.
fn summary(states: &States) -> String {
    let States {
        supervisor,
        network,
        uplink,
        dyndns,
        clock,
        update,
    } = states;
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
    if let Some(outcome) = &update.last_update {
        rows.push(("update", outcome.clone()));
    }
    for (who, error) in [
        ("uplink", &uplink.last_error),
        ("network", &network.last_error),
        ("clock", &clock.last_error),
        ("dyndns", &dyndns.last_error),
        ("update", &update.last_error),
    ] {
        if let Some(error) = error {
            rows.push(("trouble", format!("{who}: {error}")));
        }
    }
    rows.extend(recovery(&uplink.recovery));
    rows.extend(lives(supervisor));
    rows.extend(
        supervisor
            .warnings
            .iter()
            .map(|warning| ("warning", warning.clone())),
    );

    let mut page = String::new();
    for (label, text) in rows {
        page.push_str(&row(label, &text));
    }
    page
}

/// One line of the page, whatever stands in `text`. Blanks in a row become one, so that no text
/// can reach the beginning of the next line of a terminal.
fn row(label: &str, text: &str) -> String {
    let text = plain(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("{label:<12} {}\n", words.join(" "))
}

/// What was done about failures of the carrier link, in this life and in those before.
fn recovery(recovery: &Recovery) -> Vec<(&'static str, String)> {
    let counts = [
        (recovery.redials, "calls dialled again"),
        (recovery.resets, "restarts of the stick"),
        (recovery.usb_power_cycles, "USB power cycles"),
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
        RecoveryRung::UsbPowerCycle => "cycled the USB power",
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
mod tests;
