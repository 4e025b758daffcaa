//! Report of the fault scenes, as a Markdown table.

use std::{fmt::Write as _, fs, io, time::Duration};

use failberry_bench::scene::repository;

use super::{Fault, inject::RecoveryTimes};

/// Result of one fault.
pub(super) struct Row {
    name: &'static str,
    says: &'static str,
    within: u64,
    /// `None` if it did not recover in time.
    took: Option<RecoveryTimes>,
}

impl Row {
    pub(super) const fn new(fault: &Fault, took: Option<RecoveryTimes>) -> Self {
        Self {
            name: fault.name,
            says: fault.says,
            within: fault.within,
            took,
        }
    }
}

/// Rows so far.
#[derive(Default)]
pub(super) struct Report(Vec<Row>);

impl Report {
    pub(super) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Writes `out/faults.md` for `Some(true)`, `out/faults-quick.md` for `Some(false)` (quick ones
    /// only); prints an incomplete table.
    pub(super) fn report(&self, all: Option<bool>) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let name = match all {
            Some(true) => "faults.md",
            Some(false) => "faults-quick.md",
            None => {
                println!("\n{}", self.table());
                return Ok(());
            }
        };
        fs::write(repository().join("out").join(name), self.table())
    }

    fn table(&self) -> String {
        let mut text = String::from(
            "| fault | the console says | after | traffic flows within | after |\n\
             |---|---|--:|--:|--:|\n",
        );
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        for Row {
            name,
            says,
            within,
            took,
        } in &self.0
        {
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
        text
    }
}
