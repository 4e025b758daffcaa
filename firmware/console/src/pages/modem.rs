//! The page of the stick (command `modem`).

use failberry_state::UplinkState;

use super::{
    status::{signal, stick},
    text::{Rows, span},
};

/// Live answers of the stick, besides the published state.
#[derive(Clone, Debug, Default)]
pub struct LiveModemInfo {
    /// Answer to `ATI` line by line, or why there is none.
    pub identity: Vec<String>,
    /// Answer to `AT+CSQ` line by line.
    pub signal: Vec<String>,
}

/// Returns the page.
pub fn modem(uplink: &UplinkState, live: &LiveModemInfo, now: u64) -> Vec<String> {
    let mut rows = Rows::default();
    rows.add("stick", &stick(uplink), 1);
    for line in &live.identity {
        rows.add("", line, 1);
    }
    let operator = uplink.operator.as_deref().unwrap_or("unknown");
    rows.add("network", operator, 1);
    let fresh = live
        .signal
        .iter()
        .find_map(|line| tokio_modem::modem::Signal::parse(line).ok());
    let text = match (
        fresh.map(tokio_modem::modem::Signal::dbm),
        uplink.signal_dbm,
    ) {
        (Some(Some(dbm)), _) => format!("{} now", signal(dbm)),
        (Some(None), _) => "unknown to the stick".into(),
        (None, Some(dbm)) => format!("{} when it was dialled", signal(dbm)),
        (None, None) => "unknown".into(),
    };
    rows.add("signal", &text, 1);
    rows.add("state", &uplink.phase.to_string(), 1);
    for step in uplink.recovery.history.iter().rev().take(5) {
        let text = format!(
            "{} ago: {}{}, {}",
            span(now.saturating_sub(step.at.0)),
            step.rung,
            match step.times {
                0 | 1 => String::new(),
                times => format!(" {times} times"),
            },
            step.reason
        );
        rows.add("done", &text, 2);
    }
    if let Some(error) = &uplink.last_error {
        rows.add("trouble", error, 2);
    }
    rows.into_lines()
}
