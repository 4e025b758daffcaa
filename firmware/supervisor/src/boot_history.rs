//! Boot history in this boot: loads what `storage` read of the previous ones, and persists how this
//! one ends.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use failberry_service::card_file::{self, Writer};
use failberry_state::{BootMillis, SupervisorState};
use serde::{Deserialize, Serialize};

use crate::{crash_report, reboot_budget::RebootBudget};

/// File of the [`RebootBudget`] in the data directory.
const BUDGET_FILE: &str = "ledger.json";

/// File below the run directory in which `storage` hands the history to PID 1.
const PREVIOUS_BOOTS_FILE: &str = "storage/past.json";

/// Longest wait for the last write. A card that needs longer for one page is dying.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);

/// What `storage` read of the previous boots.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PreviousBoots {
    #[serde(rename = "ledger")]
    budget: RebootBudget,
    #[serde(rename = "last_words")]
    crash_report: Vec<String>,
    #[serde(rename = "card")]
    persistence: DataPersistence,
}

/// Durability of the data partition in this boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataPersistence {
    /// Data survive a reboot.
    #[default]
    #[serde(rename = "kept")]
    Durable,
    /// Data are lost with the next reboot.
    #[serde(rename = "forgetful")]
    Volatile,
    /// The kernel has not found the card that the box was booted from.
    Missing,
}

/// Starts the record of this boot in the directory `data`, and writes what is known of the previous
/// ones below `run` for PID 1, which must not wait for a card. Runs in `storage`.
///
/// # Errors
/// What could not be read or written, as a phrase. PID 1 gets the history even if the file of the
/// record could not be read or written.
pub(crate) fn begin_boot(
    run: &Path,
    data: &Path,
    persistence: DataPersistence,
) -> Result<(), String> {
    fs::create_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let path = data.join(BUDGET_FILE);
    let describe = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let read = card_file::read(&path).map_err(|error| describe(&error));
    let parsed = read.and_then(|bytes| match bytes {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| describe(&error)),
        None => Ok(RebootBudget::default()),
    });
    let (mut budget, unreadable) = match parsed {
        Ok(budget) => (budget, None),
        Err(why) => (RebootBudget::unreadable(), Some(why)),
    };
    budget.begin_boot();
    let text = serde_json::to_vec(&budget).map_err(|error| describe(&error))?;
    let written = card_file::replace(&path, &text).map_err(|error| describe(&error));
    if written.is_err() || persistence != DataPersistence::Durable {
        budget.apply_penalty();
    }
    let previous = PreviousBoots {
        crash_report: crash_report::take(&data.join(crash_report::FILE)),
        budget,
        persistence,
    };
    let text = serde_json::to_vec(&previous).map_err(|error| describe(&error))?;
    fs::write(run.join(PREVIOUS_BOOTS_FILE), text)
        .map_err(|error| format!("{PREVIOUS_BOOTS_FILE}: {error}"))?;
    written.and(unreadable.map_or(Ok(()), Err))
}

/// History of the boots, this one included.
#[derive(Debug)]
pub(crate) struct BootHistory {
    budget: RebootBudget,
    writer: Writer,
    crash_report_path: PathBuf,
    /// Whether `storage` has read the record. One that was not read must not be overwritten.
    loaded: bool,
    persistence: DataPersistence,
    /// Oopses of the kernel that are reported already.
    oopses: u64,
    reboots_refused: u32,
}

impl BootHistory {
    /// Creates the history in the directory `data`, before it is loaded.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            budget: RebootBudget::unreadable(),
            writer: Writer::new(data.join(BUDGET_FILE)),
            crash_report_path: data.join(crash_report::FILE),
            loaded: false,
            persistence: DataPersistence::Durable,
            oopses: crash_report::oops_count(),
            reboots_refused: 0,
        }
    }

    /// Loads what `storage` wrote below `run`, logs it and adds it to `state`.
    pub(crate) fn load(&mut self, run: &Path, state: &mut SupervisorState) {
        let read = fs::read(run.join(PREVIOUS_BOOTS_FILE))
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
        let previous: PreviousBoots = match read {
            Ok(previous) => previous,
            Err(why) => return log::warn!("nothing is known of the life before: {why}"),
        };
        self.budget = previous.budget;
        self.loaded = true;
        self.persistence = previous.persistence;
        state.boots = self.budget.boots;
        state.last_boot = self.budget.previous_end();
        state.history.clone_from(&self.budget.history);
        if let Some(how) = &state.last_boot {
            log::info!("boot no. {}; the life before ended: {how}", state.boots);
        }
        for line in &previous.crash_report {
            log::warn!("last words of the life before: {line}");
        }
        state.last_words = previous.crash_report;
    }

    /// Returns whether a service may reboot the box now, or why not.
    pub(crate) fn allows_reboot(&self, now: BootMillis) -> Result<(), String> {
        self.budget.allows_reboot(now)
    }

    /// Returns the reason of a reboot that is due by itself, as soon as the budget allows it: the
    /// card was missing.
    pub(crate) fn pending_reboot(&self, now: BootMillis) -> Option<&'static str> {
        let due = self.persistence == DataPersistence::Missing && self.allows_reboot(now).is_ok();
        due.then_some("the card was not there at the start")
    }

    /// Counts a refused reboot.
    pub(crate) fn count_refusal(&mut self, state: &mut SupervisorState) {
        self.reboots_refused = self.reboots_refused.saturating_add(1);
        state.reboots_refused = self.reboots_refused;
    }

    /// Records the end of this boot and starts writing it; `requested` if it counts against the
    /// budget.
    pub(crate) fn end_boot(&mut self, reason: &str, requested: bool, now: BootMillis) {
        self.budget.end_boot(reason, requested, now);
        self.persist();
    }

    /// Returns when [`Self::tick`] is due.
    pub(crate) const fn deadline(&self) -> Option<BootMillis> {
        self.budget.deadline()
    }

    /// Resets the budget after a stable uptime.
    pub(crate) fn tick(&mut self, now: BootMillis) {
        if self.budget.reset_if_stable(now) {
            self.persist();
        }
    }

    /// Saves a crash report if the kernel has had a further oops. Returns whether it had.
    pub(crate) fn check_oopses(&mut self, state: &mut SupervisorState) -> bool {
        let oopses = crash_report::oops_count();
        if oopses <= self.oopses {
            return false;
        }
        self.oopses = oopses;
        state.oopses = oopses;
        self.save_crash_report(crash_report::kernel_report());
        true
    }

    /// Appends to the crash report that the next boot shows, in the background.
    pub(crate) fn save_crash_report(&self, text: String) {
        let path = self.crash_report_path.clone();
        let append = move || {
            if let Err(error) = crash_report::append(&path, &text) {
                log::warn!("{}: {error}", path.display());
            }
        };
        if let Err(error) = thread::Builder::new().spawn(append) {
            log::warn!("last words are lost: {error}");
        }
    }

    /// Waits until the record is on the card, with a timeout.
    pub(crate) fn flush(&mut self) {
        if !self.writer.settle(WRITE_TIMEOUT) {
            log::warn!("the card does not take down how this life ended");
        }
    }

    /// Starts writing the record in the background.
    fn persist(&mut self) {
        if self.loaded {
            match serde_json::to_vec(&self.budget) {
                Ok(text) => self.writer.begin(text),
                Err(error) => log::warn!("{BUDGET_FILE}: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box with a run and a data directory.
    struct TestBox {
        directory: tempfile::TempDir,
    }

    impl TestBox {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("storage")).unwrap();
            Self { directory }
        }

        fn data(&self) -> PathBuf {
            self.directory.path().join("data")
        }

        fn boot(&self) -> (BootHistory, SupervisorState, Result<(), String>) {
            self.boot_with(DataPersistence::Durable)
        }

        fn boot_with(
            &self,
            persistence: DataPersistence,
        ) -> (BootHistory, SupervisorState, Result<(), String>) {
            let begun = begin_boot(self.directory.path(), &self.data(), persistence);
            let mut history = BootHistory::new(&self.data());
            let mut state = SupervisorState::default();
            history.load(self.directory.path(), &mut state);
            (history, state, begun)
        }
    }

    #[test]
    fn end_and_crash_report_reach_the_next_boot() {
        let test_box = TestBox::new();
        let (mut history, state, begun) = test_box.boot();
        begun.unwrap();
        assert_eq!((state.boots, state.last_boot), (1, None));
        assert!(history.allows_reboot(BootMillis(59_999)).is_err());
        history.allows_reboot(BootMillis(60_000)).unwrap();
        history.end_boot("uplink: the stick is dead", true, BootMillis(600_000));
        history.flush();
        crash_report::append(&history.crash_report_path, "panicked at x\n").unwrap();

        let (history, state, begun) = test_box.boot();
        begun.unwrap();
        let expected = "uplink: the stick is dead, after 600 s";
        assert_eq!(
            (state.boots, state.last_boot.as_deref()),
            (2, Some(expected))
        );
        assert_eq!(state.last_words, ["panicked at x"]);
        assert!(history.allows_reboot(BootMillis(600_000)).is_err());

        let (_, state, _) = test_box.boot();
        assert!(state.last_boot.unwrap().starts_with("no orderly end"));
        assert_eq!(state.last_words, Vec::<String>::new());
        assert_eq!(state.history.len(), 2);
    }

    #[test]
    fn corrupt_record_warns_and_applies_penalty() {
        let test_box = TestBox::new();
        fs::create_dir(test_box.data()).unwrap();
        fs::write(test_box.data().join(BUDGET_FILE), "{\"boots\":").unwrap();
        let (history, state, begun) = test_box.boot();
        assert!(begun.unwrap_err().contains(BUDGET_FILE));
        assert_eq!(state.boots, 1);
        assert!(history.allows_reboot(BootMillis(3_600_000)).is_err());
    }

    #[test]
    fn unwritable_card_warns_and_applies_penalty() {
        let test_box = TestBox::new();
        fs::create_dir_all(test_box.data().join(BUDGET_FILE).with_extension("new")).unwrap();
        let (history, state, begun) = test_box.boot();
        assert!(begun.unwrap_err().contains(BUDGET_FILE));
        assert_eq!(state.boots, 1);
        assert!(history.allows_reboot(BootMillis(3_600_000)).is_err());
    }

    #[test]
    fn volatile_data_applies_penalty() {
        let (history, _, begun) = TestBox::new().boot_with(DataPersistence::Volatile);
        begun.unwrap();
        assert!(history.allows_reboot(BootMillis(3_600_000)).is_err());
        assert_eq!(history.pending_reboot(BootMillis(u64::MAX)), None);
    }

    #[test]
    fn missing_card_reboots_but_not_within_an_hour() {
        let (history, _, begun) = TestBox::new().boot_with(DataPersistence::Missing);
        begun.unwrap();
        assert_eq!(history.pending_reboot(BootMillis(3_600_000)), None);
        assert!(history.pending_reboot(BootMillis(2 * 3_600_000)).is_some());
    }

    #[test]
    fn record_not_loaded_is_not_overwritten() {
        let test_box = TestBox::new();
        let mut history = BootHistory::new(&test_box.data());
        let mut state = SupervisorState::default();
        history.load(test_box.directory.path(), &mut state);
        assert_eq!(state.boots, 0);
        history.end_boot("asked for", false, BootMillis(1));
        history.flush();
        assert!(!test_box.data().exists());
    }
}
