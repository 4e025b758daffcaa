//! What the card remembers of the latest update, over the restarts that belong to it.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use failberry_state::{Slot, SupervisorState};
use nix::sys::statfs::{EXT4_SUPER_MAGIC, statfs};
use serde::{Deserialize, Serialize};

use crate::{Version, trial::Before};

/// More than the record or a key has.
const LARGEST: u64 = 64 * 1024;

/// The latest update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Where it was written.
    pub(crate) slot: Slot,
    /// Its version.
    pub(crate) version: Version,
    /// What ran then.
    pub(crate) from: Version,
    /// What worked then.
    pub(crate) before: Before,
    /// Which boot of the card that was.
    pub(crate) boot: u32,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Whether the card remembers nothing of it: all that is known is that it is on trial.
    #[serde(skip)]
    pub(crate) is_forgotten: bool,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It has not proven itself yet.
    Pending,
    /// It has.
    Confirmed,
    /// It has not, and said so itself.
    GivenUp {
        /// Why.
        reason: String,
    },
    /// The slot before it runs again.
    RolledBack {
        /// Why.
        reason: String,
    },
}

/// What this start means for the latest update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Usual,
    /// It is the service that was started, not the box: the update waits for that.
    Waiting,
    /// The image that runs has to prove itself.
    Trial,
    /// The update is undone, which is news.
    RolledBack {
        /// Why.
        reason: String,
    },
}

impl Record {
    /// An update of which only the boot loader knows that `running`, which is `version`, is on
    /// trial.
    pub(crate) fn forgotten(running: Slot, version: Version, boot: u32) -> Self {
        Self {
            slot: running,
            version,
            from: version,
            before: Before::default(),
            boot,
            outcome: Outcome::Pending,
            is_forgotten: true,
        }
    }

    /// What it means that `running` was started.
    pub(crate) fn start(&self, running: Slot, supervisor: &SupervisorState) -> Start {
        match (&self.outcome, running == self.slot) {
            (Outcome::Pending, true) => Start::Trial,
            (Outcome::Pending, false) if supervisor.boots == self.boot => Start::Waiting,
            (Outcome::Pending, false) => Start::RolledBack {
                reason: self.end_of_trial(supervisor),
            },
            (Outcome::GivenUp { reason }, false) => Start::RolledBack {
                reason: reason.clone(),
            },
            // Given up and started all the same: it was confirmed before a power cut, or the
            // other slot starts no more. It is what there is.
            (Outcome::GivenUp { .. }, true)
            | (Outcome::Confirmed | Outcome::RolledBack { .. }, _) => Start::Usual,
        }
    }

    /// How an image on trial ended that could not say so itself, from what PID 1 has kept.
    fn end_of_trial(&self, supervisor: &SupervisorState) -> String {
        let life = supervisor
            .history
            .iter()
            .rev()
            .find(|life| life.boot > self.boot);
        let end = life.map_or_else(
            || {
                "it never came as far as its first note on the card: an image that does not \
                 start or does not read the card, a panic or a hang"
                    .into()
            },
            |life| life.end.clone(),
        );
        match supervisor.last_words.first() {
            Some(words) => format!("{end} ({words})"),
            None => end,
        }
    }

    /// What became of it, for a person; none while that is open.
    pub(crate) fn told(&self) -> Option<String> {
        let version = self.version;
        Some(match &self.outcome {
            Outcome::Pending => return None,
            Outcome::Confirmed => format!("update to {version} was confirmed"),
            Outcome::GivenUp { reason } => format!("update to {version} is given up: {reason}"),
            Outcome::RolledBack { reason } => {
                format!("update to {version} was rolled back: {reason}")
            }
        })
    }

    /// Version of the image in `running`, where this update brought it.
    pub(crate) fn brought(&self, running: Slot) -> Option<Version> {
        let there = matches!(self.outcome, Outcome::Pending | Outcome::Confirmed);
        (there && running == self.slot).then_some(self.version)
    }

    /// Whether an update to `version` has failed here; it would fail again.
    pub(crate) fn has_failed(&self, version: Version) -> bool {
        let failed = matches!(
            self.outcome,
            Outcome::GivenUp { .. } | Outcome::RolledBack { .. }
        );
        failed && self.version == version
    }
}

/// A directory on the card.
#[derive(Clone, Debug)]
pub(crate) struct Memory(PathBuf);

impl Memory {
    /// The directory `path`, which may not be there.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The latest update, where there was one.
    pub(crate) fn record(&self) -> io::Result<Option<Record>> {
        match self.read("trial.json")? {
            Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Whether this is the card itself, not what stands in for it, and can be read.
    pub(crate) fn is_kept(&self) -> bool {
        let on_card = statfs(&self.0).is_ok_and(|it| it.filesystem_type() == EXT4_SUPER_MAGIC);
        on_card && self.record().is_ok()
    }

    /// Remembers `record`, for sure.
    pub(crate) fn remember(&self, record: &Record) -> io::Result<()> {
        self.replace("trial.json", &serde_json::to_vec(record)?)
    }

    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Makes `bytes` the content of a file that only we can read, so that a power cut leaves the
    /// old content or the new.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(name);
        let temporary = path.with_extension("new");
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        // The name, too, must be on the card.
        File::open(&self.0)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use failberry_state::PastLife;

    use super::*;

    fn record(outcome: Outcome) -> Record {
        Record {
            slot: Slot::B,
            version: Version([2, 0, 0]),
            from: Version([1, 0, 0]),
            before: Before::default(),
            boot: 7,
            outcome,
            is_forgotten: false,
        }
    }

    fn lives(lives: &[(u32, &str)]) -> SupervisorState {
        SupervisorState {
            boots: 9,
            history: lives
                .iter()
                .map(|(boot, end)| PastLife {
                    boot: *boot,
                    seconds: None,
                    end: (*end).into(),
                })
                .collect(),
            ..SupervisorState::default()
        }
    }

    #[test]
    fn each_start_means_what_it_should() {
        let given_up = || Outcome::GivenUp {
            reason: "no carrier".into(),
        };
        let back = |reason: &str| Start::RolledBack {
            reason: reason.into(),
        };
        let supervisor = lives(&[(7, "update: start"), (8, "watchdog")]);
        for (outcome, running, expected) in [
            (Outcome::Pending, Slot::B, Start::Trial),
            (Outcome::Pending, Slot::A, back("watchdog")),
            (given_up(), Slot::A, back("no carrier")),
            (given_up(), Slot::B, Start::Usual),
            (Outcome::Confirmed, Slot::A, Start::Usual),
            (Outcome::Confirmed, Slot::B, Start::Usual),
        ] {
            assert_eq!(
                record(outcome.clone()).start(running, &supervisor),
                expected,
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_service_that_is_started_again_before_the_box_is_goes_on_waiting() {
        let supervisor = SupervisorState {
            boots: 7,
            ..SupervisorState::default()
        };
        let record = record(Outcome::Pending);
        assert_eq!(record.start(Slot::A, &supervisor), Start::Waiting);
    }

    #[test]
    fn a_trial_that_only_the_boot_loader_knows_of_is_one() {
        let record = Record::forgotten(Slot::B, Version([1, 0, 0]), 0);
        let start = record.start(Slot::B, &SupervisorState::default());
        assert_eq!(start, Start::Trial);
        // What the card is told of its end is an ordinary record.
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::at(directory.path());
        memory.remember(&record).unwrap();
        let kept = memory.record().unwrap().unwrap();
        assert!(record.is_forgotten && !kept.is_forgotten);
    }

    #[test]
    fn memory_that_is_lost_at_power_off_is_not_kept() {
        // A tmpfs on every Linux.
        assert!(!Memory::at(Path::new("/dev/shm")).is_kept());
        assert!(!Memory::at(Path::new("/nowhere")).is_kept());
    }

    #[test]
    fn an_image_that_left_no_note_is_told_as_one() {
        let supervisor = lives(&[(6, "watchdog"), (7, "update: start")]);
        let Start::RolledBack { reason } = record(Outcome::Pending).start(Slot::A, &supervisor)
        else {
            panic!("not rolled back");
        };
        assert!(reason.contains("never came as far"), "{reason}");
    }

    #[test]
    fn last_words_are_told_too() {
        let mut supervisor = lives(&[(8, "hang")]);
        supervisor.last_words = vec!["Kernel panic".into()];
        let start = record(Outcome::Pending).start(Slot::A, &supervisor);
        let reason = "hang (Kernel panic)".into();
        assert_eq!(start, Start::RolledBack { reason });
    }

    #[test]
    fn a_failed_version_is_known_and_a_running_one_as_well() {
        let back = record(Outcome::RolledBack { reason: "x".into() });
        assert!(back.has_failed(Version([2, 0, 0])) && !back.has_failed(Version([2, 0, 1])));
        assert_eq!(back.brought(Slot::B), None);
        let good = record(Outcome::Confirmed);
        assert!(!good.has_failed(Version([2, 0, 0])));
        assert_eq!(good.brought(Slot::B), Some(Version([2, 0, 0])));
        assert_eq!(good.brought(Slot::A), None);
        assert!(
            back.told()
                .unwrap()
                .ends_with("to 2.0.0 was rolled back: x")
        );
    }

    #[test]
    fn the_record_comes_back_and_nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::at(directory.path());
        assert_eq!(memory.record().unwrap(), None);
        let record = record(Outcome::Pending);
        memory.remember(&record).unwrap();
        assert_eq!(memory.record().unwrap(), Some(record));
        let path = directory.path().join("trial.json");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::write(path, "{").unwrap();
        memory.record().unwrap_err();
    }
}
