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

use crate::{last_words, ledger::Ledger};

/// Name of the ledger on the card.
const LEDGER: &str = "ledger.json";

/// What `storage` leaves for PID 1 below the run directory.
const PAST: &str = "storage/past.json";

/// A card that needs longer for a page is dying.
const WRITE_BOUND: Duration = Duration::from_secs(3);

/// What is known of the lives before.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Past {
    ledger: Ledger,
    last_words: Vec<String>,
    card: Card,
}

/// What the box has of its card in this life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Card {
    /// What is written outlives it.
    #[default]
    Kept,
    /// It does not.
    Forgetful,
    /// The kernel has not found the card that the machine was started from.
    Missing,
}

/// Begins this life in the memory at `data` and leaves what is known of the others below `run`
/// for PID 1, which must not wait for a card. Gives out trouble.
pub(crate) fn begin(run: &Path, data: &Path, card: Card) -> Result<(), String> {
    fs::create_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let path = data.join(LEDGER);
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let known = card_file::read(&path).map_err(|error| told(&error));
    let parsed = known.and_then(|bytes| match bytes {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| told(&error)),
        None => Ok(Ledger::default()),
    });
    let (mut ledger, unreadable) = match parsed {
        Ok(ledger) => (ledger, None),
        Err(why) => (Ledger::unreadable(), Some(why)),
    };
    ledger.begin();
    let text = serde_json::to_vec(&ledger).map_err(|error| told(&error))?;
    let kept = card_file::replace(&path, &text).map_err(|error| told(&error));
    if kept.is_err() || card != Card::Kept {
        ledger.forgetful();
    }
    let past = Past {
        last_words: last_words::take(&data.join(last_words::FILE)),
        ledger,
        card,
    };
    let text = serde_json::to_vec(&past).map_err(|error| told(&error))?;
    fs::write(run.join(PAST), text).map_err(|error| format!("{PAST}: {error}"))?;
    kept.and(unreadable.map_or(Ok(()), Err))
}

/// This life and those before it.
#[derive(Debug)]
pub(crate) struct Lives {
    ledger: Ledger,
    writer: Writer,
    words: PathBuf,
    /// Whether `storage` has brought anything: what it has not read must not be overwritten.
    known: bool,
    card: Card,
    oopses: u64,
    refused: u32,
}

impl Lives {
    /// The memory below `data`, before anything is known of it.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            ledger: Ledger::unreadable(),
            writer: Writer::new(data.join(LEDGER)),
            words: data.join(last_words::FILE),
            known: false,
            card: Card::Kept,
            oopses: last_words::oopses(),
            refused: 0,
        }
    }

    /// Takes in what `storage` left below `run`, and tells it.
    pub(crate) fn learn(&mut self, run: &Path, state: &mut SupervisorState) {
        let read = fs::read(run.join(PAST))
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
        let past: Past = match read {
            Ok(past) => past,
            Err(why) => return log::warn!("nothing is known of the life before: {why}"),
        };
        self.ledger = past.ledger;
        self.known = true;
        self.card = past.card;
        state.boots = self.ledger.boots;
        state.last_boot = self.ledger.last_boot();
        state.history.clone_from(&self.ledger.history);
        if let Some(how) = &state.last_boot {
            log::info!("boot no. {}; the life before ended: {how}", state.boots);
        }
        for words in &past.last_words {
            log::warn!("last words of the life before: {words}");
        }
        state.last_words = past.last_words;
    }

    /// Whether a service may have a reboot now, or why not.
    pub(crate) fn allows(&self, now: BootMillis) -> Result<(), String> {
        self.ledger.allows(now)
    }

    /// Why a reboot would help even if nobody asks for one, as soon as it is allowed.
    pub(crate) fn wish(&self, now: BootMillis) -> Option<&'static str> {
        let due = self.card == Card::Missing && self.allows(now).is_ok();
        due.then_some("the card was not there at the start")
    }

    /// Counts a reboot that was not given.
    pub(crate) fn refuse(&mut self, state: &mut SupervisorState) {
        self.refused = self.refused.saturating_add(1);
        state.reboots_refused = self.refused;
    }

    /// This life ends; `asked` where a service wished it.
    pub(crate) fn end(&mut self, reason: &str, asked: bool, now: BootMillis) {
        self.ledger.end(reason, asked, now);
        self.write();
    }

    /// When [`Self::turn`] has something to do.
    pub(crate) const fn deadline(&self) -> Option<BootMillis> {
        self.ledger.deadline()
    }

    /// Forgives after a good life.
    pub(crate) fn turn(&mut self, now: BootMillis) {
        if self.ledger.forgive(now) {
            self.write();
        }
    }

    /// Looks whether the kernel has erred; gives out whether it has, anew.
    pub(crate) fn look_at_kernel(&mut self, state: &mut SupervisorState) -> bool {
        let oopses = last_words::oopses();
        if oopses <= self.oopses {
            return false;
        }
        self.oopses = oopses;
        state.oopses = oopses;
        self.leave(last_words::of_the_kernel());
        true
    }

    /// Leaves words for the next life, in the background.
    pub(crate) fn leave(&self, text: String) {
        let path = self.words.clone();
        let leave = move || {
            if let Err(error) = last_words::leave(&path, &text) {
                log::warn!("{}: {error}", path.display());
            }
        };
        if let Err(error) = thread::Builder::new().spawn(leave) {
            log::warn!("last words are lost: {error}");
        }
    }

    /// Waits a little until the card has everything.
    pub(crate) fn settle(&mut self) {
        if !self.writer.settle(WRITE_BOUND) {
            log::warn!("the card does not take down how this life ended");
        }
    }

    fn write(&mut self) {
        if self.known {
            match serde_json::to_vec(&self.ledger) {
                Ok(text) => self.writer.begin(text),
                Err(error) => log::warn!("{LEDGER}: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Box {
        directory: tempfile::TempDir,
    }

    impl Box {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("storage")).unwrap();
            Self { directory }
        }

        fn data(&self) -> PathBuf {
            self.directory.path().join("data")
        }

        fn boot(&self) -> (Lives, SupervisorState, Result<(), String>) {
            self.boot_with(Card::Kept)
        }

        fn boot_with(&self, card: Card) -> (Lives, SupervisorState, Result<(), String>) {
            let begun = begin(self.directory.path(), &self.data(), card);
            let mut lives = Lives::new(&self.data());
            let mut state = SupervisorState::default();
            lives.learn(self.directory.path(), &mut state);
            (lives, state, begun)
        }
    }

    #[test]
    fn a_life_is_told_to_the_next() {
        let own = Box::new();
        let (mut lives, state, begun) = own.boot();
        begun.unwrap();
        assert_eq!((state.boots, state.last_boot), (1, None));
        assert!(lives.allows(BootMillis(59_999)).is_err());
        lives.allows(BootMillis(60_000)).unwrap();
        lives.end("uplink: the stick is dead", true, BootMillis(600_000));
        lives.settle();
        last_words::leave(&lives.words, "panicked at x\n").unwrap();

        let (lives, state, begun) = own.boot();
        begun.unwrap();
        let told = "uplink: the stick is dead, after 600 s";
        assert_eq!((state.boots, state.last_boot.as_deref()), (2, Some(told)));
        assert_eq!(state.last_words, ["panicked at x"]);
        assert!(lives.allows(BootMillis(600_000)).is_err());

        let (_, state, _) = own.boot();
        assert!(state.last_boot.unwrap().starts_with("no orderly end"));
        assert_eq!(state.last_words, Vec::<String>::new());
        assert_eq!(state.history.len(), 2);
    }

    #[test]
    fn a_broken_memory_is_told_and_makes_careful() {
        let own = Box::new();
        fs::create_dir(own.data()).unwrap();
        fs::write(own.data().join(LEDGER), "{\"boots\":").unwrap();
        let (lives, state, begun) = own.boot();
        assert!(begun.unwrap_err().contains(LEDGER));
        assert_eq!(state.boots, 1);
        assert!(lives.allows(BootMillis(3_600_000)).is_err());
    }

    #[test]
    fn a_card_that_takes_no_writes_makes_careful() {
        let own = Box::new();
        fs::create_dir_all(own.data().join(LEDGER).with_extension("new")).unwrap();
        let (lives, state, begun) = own.boot();
        assert!(begun.unwrap_err().contains(LEDGER));
        assert_eq!(state.boots, 1);
        assert!(lives.allows(BootMillis(3_600_000)).is_err());
    }

    #[test]
    fn a_memory_that_is_lost_with_the_power_makes_careful() {
        let (lives, _, begun) = Box::new().boot_with(Card::Forgetful);
        begun.unwrap();
        assert!(lives.allows(BootMillis(3_600_000)).is_err());
        assert_eq!(lives.wish(BootMillis(u64::MAX)), None);
    }

    #[test]
    fn a_card_that_is_missing_is_looked_for_in_another_life_but_not_at_once() {
        let (lives, _, begun) = Box::new().boot_with(Card::Missing);
        begun.unwrap();
        assert_eq!(lives.wish(BootMillis(3_600_000)), None);
        assert!(lives.wish(BootMillis(2 * 3_600_000)).is_some());
    }

    #[test]
    fn without_storage_nothing_is_known_and_nothing_overwritten() {
        let own = Box::new();
        let mut lives = Lives::new(&own.data());
        let mut state = SupervisorState::default();
        lives.learn(own.directory.path(), &mut state);
        assert_eq!(state.boots, 0);
        lives.end("asked for", false, BootMillis(1));
        lives.settle();
        assert!(!own.data().exists());
    }
}
