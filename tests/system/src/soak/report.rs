//! Report of the soak test, as Markdown tables.

use std::{collections::BTreeMap, fmt::Write as _, fs, io, time::Duration};

use failberry_bench::{board::Process, scene::repository};

use super::leak_check::{LeakCheck, Span};

/// Recovery times by fault; `None` if it did not recover.
#[derive(Default)]
pub(super) struct Report(BTreeMap<String, Vec<Option<Duration>>>);

impl Report {
    /// Adds a fault; `None` if it did not recover in time.
    pub(super) fn add(&mut self, what: &str, took: Option<Duration>) {
        self.0.entry(what.to_owned()).or_default().push(took);
    }

    /// Writes `out/soak.md` and returns the text.
    pub(super) fn write(
        &self,
        seed: u64,
        minutes: u64,
        leak_check: &LeakCheck,
    ) -> io::Result<String> {
        let text = format!(
            "{minutes} minutes, seed {seed}\n\n{}\n{}",
            self.faults(),
            processes(leak_check)
        );
        fs::write(repository().join("out/soak.md"), &text)?;
        Ok(text)
    }

    fn faults(&self) -> String {
        let mut text = String::from(
            "| fault | times | healed | traffic flows after, median | at most |\n\
             |---|--:|--:|--:|--:|\n",
        );
        for (what, took) in &self.0 {
            let mut healed: Vec<Duration> = took.iter().flatten().copied().collect();
            healed.sort_unstable();
            let seconds = |time: Option<&Duration>| {
                time.map_or(String::new(), |time| format!("{:.1} s", time.as_secs_f64()))
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {what} | {} | {} | {} | {} |",
                took.len(),
                healed.len(),
                seconds(healed.get(healed.len() / 2)),
                seconds(healed.last()),
            );
        }
        text
    }
}

fn processes(leak_check: &LeakCheck) -> String {
    let mut text = String::from(
        "| process | samples | PSS in KiB, first and last | of its own | files | children | threads |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for trace in leak_check.traces.iter().filter(|trace| trace.tells()) {
        let of = |figure: fn(&Process) -> u64| {
            let Span { first, last } = trace.span(figure);
            format!("{first}, {last}")
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            trace.name,
            trace.samples(),
            of(|it| it.pss),
            of(|it| it.anonymous),
            of(|it| it.files),
            of(|it| it.children),
            of(|it| it.threads),
        );
    }
    text
}
