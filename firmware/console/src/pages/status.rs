//! The status page, and the banner at the start of a session.

use std::time::{SystemTime, UNIX_EPOCH};

use failberry_state::{NetworkState, Service, SupervisorState, UplinkState};

use super::{
    Snapshot, States,
    text::{Rows, span},
};

/// Rows of a screen without prompt and command.
const ROWS: usize = 22;

/// Lines shown of one problem, at most.
const PROBLEM_LINES: usize = 2;

/// Returns the status page.
pub fn status(states: &States, snapshot: &Snapshot) -> Vec<String> {
    let mut rows = Rows::default();
    let supervisor = &states.supervisor;
    let now = snapshot.boot;
    rows.add("box", &this_box(supervisor, now.0), 1);
    rows.add("carrier", &carrier(&states.uplink, now.0), 2);
    rows.add("network", &operator(&states.uplink), 1);
    rows.add("stick", &stick(&states.uplink), 1);
    rows.add("calls", &calls(&states.uplink), 2);
    rows.add("wired", &wired(&states.network), 1);
    rows.add("packets", &routing(&states.network), 1);
    rows.add("name", &name(states), 1);
    rows.add("clock", &clock(states, snapshot), 1);
    rows.add("checks", &checks(states), 1);
    rows.add("slots", &super::slots::boot_order(states), 1);
    rows.add("board", &board(states, snapshot), 1);
    rows.add("services", &services(supervisor), 1);
    let mut lines = rows.into_lines();
    let mut problems = Rows::default();
    for (who, what) in problems_of(states) {
        problems.add("trouble", &format!("{who}: {what}"), PROBLEM_LINES);
    }
    lines.extend(problems.into_lines());
    lines.truncate(ROWS);
    lines
}

/// Returns the banner at the start of a session.
pub fn banner(states: &States) -> Vec<String> {
    let supervisor = &states.supervisor;
    let address = match (&states.network.lan, &states.uplink.link) {
        (Some(lan), Some(link)) => format!("{}, carrier {}", lan.address, link.local),
        (Some(lan), None) => lan.address.to_string(),
        (None, Some(link)) => format!("none on eth0, carrier {}", link.local),
        (None, None) => "none".into(),
    };
    let mut rows = Rows::default();
    let slot = slot(supervisor);
    let version = &supervisor.version;
    rows.add("FailberryPi", &format!("{version}, slot {slot}"), 1);
    rows.add("address", &address, 1);
    if let Some((who, what)) = problems_of(states).first() {
        rows.add("trouble", &format!("{who}: {what}"), PROBLEM_LINES);
    }
    let mut lines = rows.into_lines();
    lines.push("help lists the commands; Tab completes them".into());
    lines
}

fn slot(supervisor: &SupervisorState) -> &str {
    if supervisor.slot.is_empty() {
        "unknown"
    } else {
        &supervisor.slot
    }
}

fn this_box(supervisor: &SupervisorState, now: u64) -> String {
    format!(
        "FailberryPi {}, slot {}, up {}, boot no. {}",
        supervisor.version,
        slot(supervisor),
        span(now),
        supervisor.boots
    )
}

fn carrier(uplink: &UplinkState, now: u64) -> String {
    let since = span(now.saturating_sub(uplink.since.0));
    match &uplink.link {
        Some(link) => format!(
            "up for {} on {}, address {}, peer {}, MTU {}",
            span(now.saturating_sub(link.since.0)),
            link.interface,
            link.local,
            link.peer
                .map_or_else(|| "unknown".into(), |peer| peer.to_string()),
            link.mtu,
        ),
        None => format!("{} for {since}", uplink.phase),
    }
}

fn operator(uplink: &UplinkState) -> String {
    let operator = uplink.operator.as_deref().unwrap_or("unknown");
    match uplink.signal_dbm {
        Some(dbm) => format!("{operator}, signal {}", signal(dbm)),
        None => format!("{operator}, signal unknown"),
    }
}

/// Formats a signal level with a rating.
pub(super) fn signal(dbm: i16) -> String {
    let word = match dbm {
        -75.. => "good",
        -89..=-76 => "fair",
        -101..=-90 => "weak",
        _ => "too weak",
    };
    format!("{dbm} dBm ({word})")
}

pub(super) fn stick(uplink: &UplinkState) -> String {
    match &uplink.stick {
        Some(stick) => format!(
            "{} {:04x}:{:04x} at {}, {}{}",
            stick.model.as_deref().unwrap_or("model unknown"),
            stick.vendor,
            stick.product,
            stick.bus_path,
            stick.tty,
            match uplink.unused.len() {
                0 => String::new(),
                unused => format!(", {unused} more not used"),
            }
        ),
        None => "none".into(),
    }
}

fn calls(uplink: &UplinkState) -> String {
    let recovery = &uplink.recovery;
    format!(
        "{} connected, {} failed; {} redials, {} resets, {} USB power cycles",
        uplink.calls, uplink.failures, recovery.redials, recovery.resets, recovery.usb_power_cycles
    )
}

fn wired(network: &NetworkState) -> String {
    match (&network.lan, network.lan_carrier) {
        (Some(lan), carrier) => format!(
            "{}/{} {}, router {}{}",
            lan.address,
            lan.prefix,
            match lan.lease_seconds {
                Some(_) => "by DHCP",
                None => "static",
            },
            lan.gateway
                .map_or_else(|| "none".into(), |router| router.to_string()),
            if carrier { "" } else { ", cable out" },
        ),
        (None, true) => "no address yet".into(),
        (None, false) => "cable out".into(),
    }
}

fn routing(network: &NetworkState) -> String {
    format!(
        "default route {}, firewall {}",
        match &network.default_via {
            Some(interface) => format!("via {interface}"),
            None => "missing".into(),
        },
        if network.firewall { "up" } else { "DOWN" }
    )
}

fn name(states: &States) -> String {
    match (&states.dyndns.name, states.dyndns.published) {
        (Some(name), Some(address)) => format!("{name} is {address}"),
        (Some(name), None) => format!("{name} not set yet"),
        (None, _) => "none to keep".into(),
    }
}

fn clock(states: &States, snapshot: &Snapshot) -> String {
    let time = utc(snapshot.wall);
    match (&states.clock.server, states.clock.synced) {
        (Some(server), true) if states.clock.settled => format!("{time}, from {server}"),
        // One server only, or the clock was stepped by another program since.
        (Some(server), true) => format!("{time}, from {server}, not confirmed"),
        _ if states.clock.settled => format!("{time}, confirmed by a signed request"),
        _ => format!("{time}, not set yet"),
    }
}

fn checks(states: &States) -> String {
    let health = &states.health;
    let answers = if health.listening {
        "answers"
    } else {
        "does not answer"
    };
    let (answered, malformed) = (health.answered, health.malformed);
    format!("port 9000 {answers}; {answered} answered, {malformed} made no sense")
}

fn board(states: &States, snapshot: &Snapshot) -> String {
    let sensors = &snapshot.sensors;
    let temperature = match sensors.millidegrees {
        Some(millis) => format!("{}.{} °C", millis / 1000, millis.abs() % 1000 / 100),
        None => "temperature unknown".into(),
    };
    let power = match sensors.under_voltage {
        Some(true) => "UNDER-VOLTAGE",
        Some(false) => "power good",
        None => "power unknown",
    };
    let memory = states.supervisor.used_kib / 1024;
    let watchdog = &states.supervisor.watchdog;
    format!("{temperature}, {power}, {memory} MiB in use, watchdog {watchdog}")
}

fn services(supervisor: &SupervisorState) -> String {
    let odd: Vec<String> = supervisor
        .services
        .iter()
        .filter_map(|state| {
            let name = state.service.name();
            match (state.pid, state.ready) {
                (None, _) => Some(format!("{name} down")),
                (Some(_), false) => Some(format!("{name} starting")),
                (Some(_), true) if state.starts > 1 => {
                    Some(format!("{name} {} starts", state.starts))
                }
                _ => None,
            }
        })
        .collect();
    let count = supervisor.services.len();
    if odd.is_empty() {
        format!("all {count} run")
    } else {
        format!("{count}: {}", odd.join(", "))
    }
}

/// Returns the present problems, the links first.
fn problems_of(states: &States) -> Vec<(&'static str, String)> {
    let supervisor = &states.supervisor;
    let errors = [
        (Service::Uplink, &states.uplink.last_error),
        (Service::Network, &states.network.last_error),
        (Service::Dyndns, &states.dyndns.last_error),
        (Service::Clock, &states.clock.last_error),
        (Service::Update, &states.update.last_error),
    ];
    let mut all: Vec<(&str, String)> = errors
        .into_iter()
        .filter_map(|(service, error)| Some((service.name(), error.clone()?)))
        .collect();
    all.extend(
        supervisor
            .warnings
            .iter()
            .map(|text| ("boot", text.clone())),
    );
    for state in &supervisor.services {
        if let Some(words) = &state.last_words {
            all.push((state.service.name(), words.clone()));
        }
    }
    if supervisor.oopses > 0 {
        let text = format!("has erred {} times (oops)", supervisor.oopses);
        all.push(("kernel", text));
    }
    let words = supervisor.last_words.iter();
    all.extend(words.map(|text| ("the life before", text.clone())));
    let unreadable = states.unreadable.iter();
    all.extend(unreadable.map(|text| ("console", text.clone())));
    all
}

/// Formats date and time of the Gregorian calendar in UTC.
fn utc(wall: SystemTime) -> String {
    let seconds = wall
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
    ] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year}-{month:02}-{:02} {:02}:{:02}:{:02} UTC",
        days + 1,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn utc_is_correct_around_leap_days() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
