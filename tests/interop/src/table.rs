//! Results: printed as they come, written as a Markdown table at the end.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _, stdout},
    path::Path,
    time::{Duration, Instant},
};

use crate::Outcome;

/// Results so far, and the selection of rows.
#[derive(Debug)]
pub struct Table {
    filter: Option<String>,
    all: bool,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    ours: &'static str,
    peer: &'static str,
    what: &'static str,
    result: Result<RowResult, String>,
    took: Duration,
}

/// Result of a row that passed.
#[derive(Debug)]
pub(crate) struct RowResult {
    /// Short description.
    pub(crate) result: String,
    /// Time from the start of the line to IPCP.
    pub(crate) opened_after: Option<Duration>,
}

impl Table {
    /// Creates a table of the quick rows, or of `all`; only of those whose names contain `filter`.
    pub fn new(all: bool, filter: Option<String>) -> Self {
        Self {
            filter,
            all,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(
        &mut self,
        [ours, peer, what]: [&'static str; 3],
        quick: bool,
        run: impl FnOnce() -> Outcome<RowResult>,
    ) {
        let name = format!("{ours} {peer} {what}");
        let filtered = self
            .filter
            .as_ref()
            .is_some_and(|filter| !name.contains(filter));
        if filtered || !(quick || self.all || self.filter.is_some()) {
            return;
        }
        let began = Instant::now();
        let result = run().map_err(|error| error.to_string());
        let row = Row {
            ours,
            peer,
            what,
            result,
            took: began.elapsed(),
        };
        let (word, told) = match &row.result {
            Ok(played) => ("ok  ", played.result.as_str()),
            Err(error) => ("FAIL", error.as_str()),
        };
        let seconds = row.took.as_secs_f64();
        println!("{word} {seconds:6.2} s  {ours:6} {peer:5} {what}: {told}");
        let _ = stdout().flush();
        self.rows.push(row);
    }

    /// Writes the table; returns true if all rows passed and there is one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(&self, path: &Path) -> io::Result<bool> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, self.markdown())?;
        let failed = self.rows.iter().filter(|row| row.result.is_err()).count();
        let passed = self.rows.len() - failed;
        println!("\n{passed} passed, {failed} failed; {}", path.display());
        Ok(failed == 0 && passed > 0)
    }

    fn markdown(&self) -> String {
        let mut text = String::from(
            "| we are | peer | combination | result | to IPCP, ms | whole row, s |\n\
             |---|---|---|---|--:|--:|\n",
        );
        for row in &self.rows {
            let (result, opened) = match &row.result {
                Ok(played) => (played.result.clone(), played.opened_after),
                Err(error) => {
                    let line = error.lines().next().unwrap_or_default();
                    (format!("**failed**: {}", line.replace('|', "/")), None)
                }
            };
            let opened = opened.map_or_else(String::new, |time| time.as_millis().to_string());
            let took = row.took.as_secs_f64();
            let (ours, peer, what) = (row.ours, row.peer, row.what);
            let _ = writeln!(
                text,
                "| {ours} | {peer} | {what} | {result} | {opened} | {took:.1} |"
            );
        }
        text
    }
}
