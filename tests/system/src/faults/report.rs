//! The table that people read.

use std::{fmt::Write as _, fs, io, time::Duration};

use failberry_bench::scene::repository;

use super::Times;

/// What came of one fault.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) within: u64,
    /// None where it was not healed in time.
    pub(super) took: Option<Times>,
}

/// All rows so far.
#[derive(Default)]
pub(super) struct Report(Vec<Row>);

impl Report {
    pub(super) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Writes `out/faults.md`, or `out/faults-quick.md` where only the quick ones were played.
    pub(super) fn write(&self, all: bool) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut text = String::from(
            "| fault | console says | after | traffic flows within | after |\n|---|---|--:|--:|--:|\n",
        );
        for Row {
            name,
            says,
            within,
            took,
        } in &self.0
        {
            let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
            let noticed = took
                .and_then(|times| times.noticed)
                .map_or(String::new(), seconds);
            let healed = took.map_or("FAILED".into(), |times| seconds(times.healed));
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {name} | {says} | {noticed} | {within} s | {healed} |"
            );
        }
        let name = if all { "faults.md" } else { "faults-quick.md" };
        fs::write(repository().join("out").join(name), text)
    }
}
