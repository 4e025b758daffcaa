//! Record of the latest update, persisted on the card across the restarts that belong to it.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use failberry_state::{Slot, SupervisorState};
use nix::sys::statfs::{EXT4_SUPER_MAGIC, statfs};
use serde::{Deserialize, Serialize};

use crate::{Version, trial::Baseline};

/// Longest file read, in bytes: more than the record or a key has.
const MAX_FILE_LEN: u64 = 64 * 1024;

/// Record of the latest update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpdateRecord {
    /// Slot it was written to.
    pub(crate) slot: Slot,
    /// Its version.
    pub(crate) version: Version,
    /// Version that ran when it was written.
    pub(crate) from: Version,
    /// Baseline: what worked when it was written.
    pub(crate) before: Baseline,
    /// Number of the boot in which it was written.
    pub(crate) boot: u32,
    /// Its outcome.
    pub(crate) outcome: Outcome,
    /// Whether the card has no record: all that is known is that this image is on trial.
    #[serde(skip)]
    pub(crate) is_record_lost: bool,
}

/// Outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Its trial has not ended yet.
    Pending,
    /// The trial was passed.
    Confirmed,
    /// The trial failed, as recorded by the image itself.
    GivenUp {
        /// Why.
        reason: String,
    },
    /// The previous slot runs again.
    RolledBack {
        /// Why.
        reason: String,
    },
}

/// Meaning of this start for the latest update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Usual,
    /// Only the service was restarted, not the box: the update waits for that.
    Waiting,
    /// The image that runs is on trial.
    Trial,
    /// The update was rolled back since the last start.
    RolledBack {
        /// Why.
        reason: String,
    },
}

impl UpdateRecord {
    /// Creates the record of an update that only the boot loader knows: `running`, which is
    /// `version`, is on trial.
    pub(crate) fn reconstructed(running: Slot, version: Version, boot: u32) -> Self {
        Self {
            slot: running,
            version,
            from: version,
            before: Baseline::default(),
            boot,
            outcome: Outcome::Pending,
            is_record_lost: true,
        }
    }

    /// Returns what a start of `running` means.
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
            // Given up, but started: it was confirmed before a power loss, or the other slot does
            // not start any more. There is no alternative.
            (Outcome::GivenUp { .. }, true)
            | (Outcome::Confirmed | Outcome::RolledBack { .. }, _) => Start::Usual,
        }
    }

    /// Returns how a trial ended that could not record its end, from PID 1's boot history.
    fn end_of_trial(&self, supervisor: &SupervisorState) -> String {
        let boot = supervisor
            .history
            .iter()
            .rev()
            .find(|boot| boot.boot > self.boot);
        let end = boot.map_or_else(
            || {
                "it never came as far as its first note on the card: an image that does not \
                 start or does not read the card, a panic or a hang"
                    .into()
            },
            |boot| boot.end.clone(),
        );
        match supervisor.last_words.first() {
            Some(words) => format!("{end} ({words})"),
            None => end,
        }
    }

    /// Describes the outcome; none while it is pending.
    pub(crate) fn describe(&self) -> Option<String> {
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

    /// Returns the version of the image in `running`, if this update wrote it.
    pub(crate) fn version_in(&self, running: Slot) -> Option<Version> {
        let there = matches!(self.outcome, Outcome::Pending | Outcome::Confirmed);
        (there && running == self.slot).then_some(self.version)
    }

    /// Returns whether an update to `version` has failed here; it would fail again.
    pub(crate) fn version_has_failed(&self, version: Version) -> bool {
        let failed = matches!(
            self.outcome,
            Outcome::GivenUp { .. } | Outcome::RolledBack { .. }
        );
        failed && self.version == version
    }
}

/// The service's data directory on the card.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// Refers to the directory `path`, which may be missing.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns the record of the latest update, if any.
    pub(crate) fn record(&self) -> io::Result<Option<UpdateRecord>> {
        match self.read("trial.json")? {
            Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Returns whether the directory is on the card, not on its volatile substitute, and can be
    /// read.
    pub(crate) fn is_persistent(&self) -> bool {
        let on_card = statfs(&self.0).is_ok_and(|it| it.filesystem_type() == EXT4_SUPER_MAGIC);
        on_card && self.record().is_ok()
    }

    /// Persists `record`.
    pub(crate) fn save_record(&self, record: &UpdateRecord) -> io::Result<()> {
        self.replace("trial.json", &serde_json::to_vec(record)?)
    }

    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE_LEN).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Replaces a file that only this user can read, atomically under power loss.
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
        // The directory entry, too, must be on the card.
        File::open(&self.0)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use failberry_state::PastLife;

    use super::*;

    fn record(outcome: Outcome) -> UpdateRecord {
        UpdateRecord {
            slot: Slot::B,
            version: Version([2, 0, 0]),
            from: Version([1, 0, 0]),
            before: Baseline::default(),
            boot: 7,
            outcome,
            is_record_lost: false,
        }
    }

    fn history(history: &[(u32, &str)]) -> SupervisorState {
        SupervisorState {
            boots: 9,
            history: history
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
    fn start_follows_from_outcome_and_running_slot() {
        let given_up = || Outcome::GivenUp {
            reason: "no carrier".into(),
        };
        let back = |reason: &str| Start::RolledBack {
            reason: reason.into(),
        };
        let supervisor = history(&[(7, "update: start"), (8, "watchdog")]);
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
    fn service_restart_before_reboot_keeps_waiting() {
        let supervisor = SupervisorState {
            boots: 7,
            ..SupervisorState::default()
        };
        let record = record(Outcome::Pending);
        assert_eq!(record.start(Slot::A, &supervisor), Start::Waiting);
    }

    #[test]
    fn trial_without_a_record_is_a_trial() {
        let record = UpdateRecord::reconstructed(Slot::B, Version([1, 0, 0]), 0);
        let start = record.start(Slot::B, &SupervisorState::default());
        assert_eq!(start, Start::Trial);
        // The outcome is saved as an ordinary record.
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(directory.path());
        data_dir.save_record(&record).unwrap();
        let kept = data_dir.record().unwrap().unwrap();
        assert!(record.is_record_lost && !kept.is_record_lost);
    }

    #[test]
    fn data_dir_not_on_ext4_is_not_persistent() {
        // `/dev/shm` is a tmpfs on every Linux.
        assert!(!DataDir::at(Path::new("/dev/shm")).is_persistent());
        assert!(!DataDir::at(Path::new("/nowhere")).is_persistent());
    }

    #[test]
    fn missing_boot_record_is_named_as_the_reason() {
        let supervisor = history(&[(6, "watchdog"), (7, "update: start")]);
        let Start::RolledBack { reason } = record(Outcome::Pending).start(Slot::A, &supervisor)
        else {
            panic!("not rolled back");
        };
        assert!(reason.contains("never came as far"), "{reason}");
    }

    #[test]
    fn crash_report_is_part_of_the_reason() {
        let mut supervisor = history(&[(8, "hang")]);
        supervisor.last_words = vec!["Kernel panic".into()];
        let start = record(Outcome::Pending).start(Slot::A, &supervisor);
        let reason = "hang (Kernel panic)".into();
        assert_eq!(start, Start::RolledBack { reason });
    }

    #[test]
    fn record_names_failed_and_running_version() {
        let back = record(Outcome::RolledBack { reason: "x".into() });
        assert!(
            back.version_has_failed(Version([2, 0, 0]))
                && !back.version_has_failed(Version([2, 0, 1]))
        );
        assert_eq!(back.version_in(Slot::B), None);
        let good = record(Outcome::Confirmed);
        assert!(!good.version_has_failed(Version([2, 0, 0])));
        assert_eq!(good.version_in(Slot::B), Some(Version([2, 0, 0])));
        assert_eq!(good.version_in(Slot::A), None);
        assert!(
            back.describe()
                .unwrap()
                .ends_with("to 2.0.0 was rolled back: x")
        );
    }

    #[test]
    fn record_survives_and_is_readable_by_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(directory.path());
        assert_eq!(data_dir.record().unwrap(), None);
        let record = record(Outcome::Pending);
        data_dir.save_record(&record).unwrap();
        assert_eq!(data_dir.record().unwrap(), Some(record));
        let path = directory.path().join("trial.json");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::write(path, "{").unwrap();
        data_dir.record().unwrap_err();
    }
}
