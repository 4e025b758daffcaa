//! The box's lives: what `storage` brought from the card of those before, and the end of this one.

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

/// Name of the ledger on the card.
const BUDGET_FILE: &str = "ledger.json";

/// What `storage` leaves for PID 1 below the run directory.
const PREVIOUS_BOOTS_FILE: &str = "storage/past.json";

/// A card that needs longer for a page is dying.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);

/// What is known of the lives before.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PreviousBoots {
    #[serde(rename = "ledger")]
    budget: RebootBudget,
    #[serde(rename = "last_words")]
    crash_report: Vec<String>,
    #[serde(rename = "card")]
    persistence: DataPersistence,
}

/// What the box has of its card in this life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataPersistence {
    /// What is written outlives it.
    #[default]
    #[serde(rename = "kept")]
    Durable,
    /// It does not.
    #[serde(rename = "forgetful")]
    Volatile,
    /// The kernel has not found the card that the machine was started from.
    Missing,
}

/// Begins this life in the memory at `data` and leaves what is known of the others below `run`
/// for PID 1, which must not wait for a card. Gives out trouble.
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

/// This life and those before it.
#[derive(Debug)]
pub(crate) struct BootHistory {
    budget: RebootBudget,
    writer: Writer,
    crash_report_path: PathBuf,
    /// Whether `storage` has brought anything: what it has not read must not be overwritten.
    loaded: bool,
    persistence: DataPersistence,
    oopses: u64,
    reboots_refused: u32,
}

impl BootHistory {
    /// The memory below `data`, before anything is known of it.
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

    /// Takes in what `storage` left below `run`, and tells it.
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

    /// Whether a service may have a reboot now, or why not.
    pub(crate) fn allows_reboot(&self, now: BootMillis) -> Result<(), String> {
        self.budget.allows_reboot(now)
    }

    /// Why a reboot would help even if nobody asks for one, as soon as it is allowed.
    pub(crate) fn pending_reboot(&self, now: BootMillis) -> Option<&'static str> {
        let due = self.persistence == DataPersistence::Missing && self.allows_reboot(now).is_ok();
        due.then_some("the card was not there at the start")
    }

    /// Counts a reboot that was not given.
    pub(crate) fn count_refusal(&mut self, state: &mut SupervisorState) {
        self.reboots_refused = self.reboots_refused.saturating_add(1);
        state.reboots_refused = self.reboots_refused;
    }

    /// This life ends; `asked` where a service wished it.
    pub(crate) fn end_boot(&mut self, reason: &str, requested: bool, now: BootMillis) {
        self.budget.end_boot(reason, requested, now);
        self.persist();
    }

    /// When [`Self::turn`] has something to do.
    pub(crate) const fn deadline(&self) -> Option<BootMillis> {
        self.budget.deadline()
    }

    /// Forgives after a good life.
    pub(crate) fn tick(&mut self, now: BootMillis) {
        if self.budget.reset_if_stable(now) {
            self.persist();
        }
    }

    /// Looks whether the kernel has erred; gives out whether it has, anew.
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

    /// Leaves words for the next life, in the background.
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

    /// Waits a little until the card has everything.
    pub(crate) fn flush(&mut self) {
        if !self.writer.settle(WRITE_TIMEOUT) {
            log::warn!("the card does not take down how this life ended");
        }
    }

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
    fn a_life_is_told_to_the_next() {
        let own = TestBox::new();
        let (mut history, state, begun) = own.boot();
        begun.unwrap();
        assert_eq!((state.boots, state.last_boot), (1, None));
        assert!(history.allows_reboot(BootMillis(59_999)).is_err());
        history.allows_reboot(BootMillis(60_000)).unwrap();
        history.end_boot("uplink: the stick is dead", true, BootMillis(600_000));
        history.flush();
        crash_report::append(&history.crash_report_path, "panicked at x\n").unwrap();

        let (history, state, begun) = own.boot();
        begun.unwrap();
        let expected = "uplink: the stick is dead, after 600 s";
        assert_eq!(
            (state.boots, state.last_boot.as_deref()),
            (2, Some(expected))
        );
        assert_eq!(state.last_words, ["panicked at x"]);
        assert!(history.allows_reboot(BootMillis(600_000)).is_err());

        let (_, state, _) = own.boot();
        assert!(state.last_boot.unwrap().starts_with("no orderly end"));
        assert_eq!(state.last_words, Vec::<String>::new());
        assert_eq!(state.history.len(), 2);
    }

    #[test]
    fn a_broken_memory_is_told_and_makes_careful() {
        let own = TestBox::new();
        fs::create_dir(own.data()).unwrap();
        fs::write(own.data().join(BUDGET_FILE), "{\"boots\":").unwrap();
        let (history, state, begun) = own.boot();
        assert!(begun.unwrap_err().contains(BUDGET_FILE));
        assert_eq!(state.boots, 1);
        assert!(history.allows_reboot(BootMillis(3_600_000)).is_err());
    }

    #[test]
    fn a_card_that_takes_no_writes_makes_careful() {
        let own = TestBox::new();
        fs::create_dir_all(own.data().join(BUDGET_FILE).with_extension("new")).unwrap();
        let (history, state, begun) = own.boot();
        assert!(begun.unwrap_err().contains(BUDGET_FILE));
        assert_eq!(state.boots, 1);
        assert!(history.allows_reboot(BootMillis(3_600_000)).is_err());
    }

    #[test]
    fn a_memory_that_is_lost_with_the_power_makes_careful() {
        let (history, _, begun) = TestBox::new().boot_with(DataPersistence::Volatile);
        begun.unwrap();
        assert!(history.allows_reboot(BootMillis(3_600_000)).is_err());
        assert_eq!(history.pending_reboot(BootMillis(u64::MAX)), None);
    }

    #[test]
    fn a_card_that_is_missing_is_looked_for_in_another_life_but_not_at_once() {
        let (history, _, begun) = TestBox::new().boot_with(DataPersistence::Missing);
        begun.unwrap();
        assert_eq!(history.pending_reboot(BootMillis(3_600_000)), None);
        assert!(history.pending_reboot(BootMillis(2 * 3_600_000)).is_some());
    }

    #[test]
    fn without_storage_nothing_is_known_and_nothing_overwritten() {
        let own = TestBox::new();
        let mut history = BootHistory::new(&own.data());
        let mut state = SupervisorState::default();
        history.load(own.directory.path(), &mut state);
        assert_eq!(state.boots, 0);
        history.end_boot("asked for", false, BootMillis(1));
        history.flush();
        assert!(!own.data().exists());
    }
}
