//! Pages for the LAN: a summary for people, and all states as JSON.
//!
//! Whatever a stick, a carrier, a server or a DHCP peer has put into a state goes through [`plain`]
//! or is escaped: none of it reaches a terminal or a browser unchanged.

use std::fmt::Write;

use failberry_state::{
    BootMillis, ClockState, DyndnsState, HealthState, NetworkState, Recovery, RecoveryRung,
    RecoveryStep, State, SupervisorState, UpdateState, UplinkState, is_plain, plain, read,
};
use serde_json::{Value, json};

/// Largest number of recovery steps on the page; all are in the state.
const MAX_STEPS: usize = 8;

/// Response of the pages' server.
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

/// Returns the page at `url`, which is a path with or without a query.
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

/// Returns a state as JSON, or the reason why it cannot be read.
fn state_json<T: State>() -> Value {
    match read::<T>() {
        Ok(state) => serde_json::to_value(state).unwrap_or(Value::Null),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn status() -> Value {
    json!({
        "boot_millis": BootMillis::now(),
        "supervisor": state_json::<SupervisorState>(),
        "network": state_json::<NetworkState>(),
        "uplink": state_json::<UplinkState>(),
        "clock": state_json::<ClockState>(),
        "dyndns": state_json::<DyndnsState>(),
        "health": state_json::<HealthState>(),
        "update": state_json::<UpdateState>(),
    })
}

/// Serialises `json` with everything escaped that is not plainly visible. A terminal interprets
/// more than JSON has to escape; outside of strings there is nothing of that kind.
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

/// States shown on the summary page.
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

/// Renders the summary page: one screen for a person with a browser on the LAN.
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
    rows.extend(boot_rows(supervisor));
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

/// Renders one line of the page, whatever `text` contains. Runs of blanks become one, so that no
/// text can reach the beginning of the next line of a terminal.
fn row(label: &str, text: &str) -> String {
    let text = plain(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("{label:<12} {}\n", words.join(" "))
}

/// Renders the recovery actions, in this boot and in earlier ones.
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
    rows.extend(done.iter().map(|step| ("done", step_text(step))));
    let earlier = last(&recovery.earlier).iter().map(|past| {
        let step = step_text(&past.step);
        ("done before", format!("boot no. {}, {step}", past.boot))
    });
    rows.extend(earlier);
    if let Some(error) = &recovery.earlier_error {
        rows.push(("trouble", format!("what was done before is lost: {error}")));
    }
    rows
}

fn step_text(step: &RecoveryStep) -> String {
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

/// Returns the newest of `all`, as many as fit on the page.
fn last<T>(all: &[T]) -> &[T] {
    all.get(all.len().saturating_sub(MAX_STEPS)..)
        .unwrap_or_default()
}

/// Renders PID 1's actions, and how the previous boot ended.
fn boot_rows(state: &SupervisorState) -> Vec<(&'static str, String)> {
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
