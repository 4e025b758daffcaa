//! The pages of the slots and of the update.

use failberry_state::{Slot, SlotsState, UpdatePhase};

use super::{States, text::Rows};

/// Returns the running slot and the next one to boot, in one row.
pub(super) fn boot_order(states: &States) -> String {
    let Some(running) = Slot::from_name(&states.supervisor.slot) else {
        return "the boot loader told none".into();
    };
    let other = running.other();
    match &states.update.phase {
        UpdatePhase::Idle => format!("{running} runs, {other} is the other one"),
        UpdatePhase::Writing { version, .. } => {
            format!("{running} runs, {version} is being written to {other}")
        }
        UpdatePhase::Written { version } => {
            format!("{running} runs, {other} with {version} is tried at the next start")
        }
        UpdatePhase::OnTrial { .. } => {
            format!("{running} runs on trial, {other} comes back if it fails")
        }
    }
}

/// Returns what U-Boot boots next.
fn next_start(slots: &SlotsState) -> String {
    let names: Vec<_> = slots.order.iter().map(|slot| slot.name()).collect();
    let order = names.join(", then ");
    match (slots.trial, slots.tries) {
        _ if names.is_empty() => "its order could not be read from the card".into(),
        (Some(slot), 1..) => format!("{slot} on trial, {} more times; {order}", slots.tries),
        _ => order,
    }
}

/// Returns the page of the slots.
pub fn slots(states: &States) -> Vec<String> {
    let mut rows = Rows::default();
    rows.add("slots", &boot_order(states), 2);
    rows.add("next start", &next_start(&states.slots), 1);
    let update = &states.update;
    let version = if update.version.is_empty() {
        &states.supervisor.version
    } else {
        &update.version
    };
    rows.add("running", version, 1);
    for boot in states.supervisor.history.iter().rev().take(3) {
        rows.add("lives", &format!("boot no. {}: {}", boot.boot, boot.end), 2);
    }
    rows.into_lines()
}

/// Returns the page of the update.
pub fn update(states: &States) -> Vec<String> {
    let mut rows = Rows::default();
    let update = &states.update;
    rows.add("running", &update.version, 1);
    let phase = match &update.phase {
        UpdatePhase::Idle => "nothing is being done".into(),
        UpdatePhase::Writing { version, done, of } => {
            let percent = done.saturating_mul(100) / (*of).max(1);
            format!(
                "{version} is being written, {percent} % of {} KiB",
                of / 1024
            )
        }
        UpdatePhase::Written { version } => format!("{version} is tried at the next start"),
        UpdatePhase::OnTrial { version } => format!("{version} has to prove itself"),
    };
    rows.add("update", &phase, 2);
    if let Some(last) = &update.last_update {
        rows.add("latest", last, 3);
    }
    if let Some(key) = &update.key {
        rows.add("key", key, 2);
    }
    if let Some(error) = &update.last_error {
        rows.add("trouble", error, 3);
    }
    rows.into_lines()
}
