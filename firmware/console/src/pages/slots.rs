//! Slots and updates.

use super::{States, text::Rows};

/// What the boot loader starts, in one row.
pub(super) fn order(states: &States) -> String {
    let slot = &states.supervisor.slot;
    if slot.is_empty() {
        "the boot loader told none".into()
    } else {
        format!("{slot} runs")
    }
}

/// The page of the slots.
pub fn slots(states: &States) -> Vec<String> {
    let mut rows = Rows::default();
    rows.add("slots", &order(states), 1);
    rows.add("version", &states.supervisor.version, 1);
    rows.into_lines()
}

/// The page of the updates.
pub fn update(states: &States) -> Vec<String> {
    let mut rows = Rows::default();
    let trouble = states.update.last_error.as_deref().unwrap_or("none");
    rows.add("trouble", trouble, 3);
    rows.into_lines()
}
