//! The recovery log on the card: the ladder's steps of this boot and of earlier ones.
//!
//! Takes in the recovery history; gives out one small file, written as seldom as the state machine
//! decides and never by the thread that dials, and what it contained at the start.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use failberry_service::card_file::{self, Writer};
use failberry_state::{PastStep, Recovery, RecoveryStep, SupervisorState};

use crate::machine::LoadedHistory;

/// Directory of this service on the data partition.
const DATA_DIR: &str = "/data/uplink";

const FILE: &str = "recovery.json";

/// Longest stored reason in characters.
const REASON_MAX: usize = 200;

/// Time for the last write at exit: the supervisor's 5 s without the peer's 2 s for the orderly
/// termination and a reserve.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The log file with its background writer.
pub(crate) struct RecoveryLog(Writer);

impl RecoveryLog {
    pub(crate) fn new() -> Self {
        Self(Writer::new(path_in(Path::new(DATA_DIR))))
    }

    /// Starts writing the steps of this boot and of earlier ones.
    pub(crate) fn persist(&mut self, recovery: &Recovery) {
        // PID 1 publishes the boot number long before the first step.
        let boot = failberry_state::read::<SupervisorState>().map_or(0, |state| state.boots);
        match serde_json::to_vec(&merged(recovery, boot)) {
            Ok(text) => self.0.begin(text),
            Err(error) => log::warn!("{FILE}: {error}"),
        }
    }

    /// Waits for the write in progress, at most [`FLUSH_TIMEOUT`].
    pub(crate) fn flush(&mut self) {
        if !self.0.settle(FLUSH_TIMEOUT) {
            log::warn!("the card does not take down what was done");
        }
    }
}

/// Reads the log; blocks as long as a failing card does.
pub(crate) fn read() -> LoadedHistory {
    read_in(Path::new(DATA_DIR))
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

fn read_in(directory: &Path) -> LoadedHistory {
    let path = path_in(directory);
    // An unmounted partition is an error, not an empty log that may be overwritten later.
    let text = std::fs::metadata(directory).and_then(|_| card_file::read(&path));
    let describe = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    match text {
        Err(error) => LoadedHistory::Unreadable(describe(&error)),
        Ok(None) => LoadedHistory::Read(Vec::new()),
        Ok(Some(text)) => match serde_json::from_slice(&text) {
            Ok(steps) => LoadedHistory::Read(latest(steps)),
            Err(error) => LoadedHistory::Corrupt(describe(&error)),
        },
    }
}

/// Returns the steps of all boots, the oldest first.
fn merged(recovery: &Recovery, boot: u32) -> Vec<PastStep> {
    let present = recovery.history.iter().map(|step| PastStep {
        boot,
        step: RecoveryStep {
            reason: step.reason.chars().take(REASON_MAX).collect(),
            ..step.clone()
        },
    });
    latest(recovery.earlier.iter().cloned().chain(present).collect())
}

fn latest(mut steps: Vec<PastStep>) -> Vec<PastStep> {
    let excess = steps.len().saturating_sub(Recovery::EARLIER_MAX);
    steps.drain(..excess);
    steps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use failberry_state::{BootMillis, RecoveryRung};

    use super::*;

    fn step(at: u64, reason: &str) -> RecoveryStep {
        RecoveryStep {
            at: BootMillis(at),
            rung: RecoveryRung::UsbPowerCycle,
            reason: reason.into(),
            times: 1,
        }
    }

    fn persist(directory: &Path, recovery: &Recovery, boot: u32) {
        let mut writer = Writer::new(path_in(directory));
        writer.begin(serde_json::to_vec(&merged(recovery, boot)).unwrap());
        assert!(writer.settle(Duration::from_secs(20)));
    }

    fn load(directory: &Path) -> Recovery {
        let LoadedHistory::Read(earlier) = read_in(directory) else {
            panic!("{:?}", read_in(directory))
        };
        Recovery {
            earlier,
            ..Recovery::default()
        }
    }

    #[test]
    fn log_spans_boots_and_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        for boot in 1..=10 {
            let mut recovery = load(directory.path());
            // Written twice in one boot, each step is stored once.
            for at in 0..8 {
                recovery.history.push(step(at, &"\u{1}é".repeat(5_000)));
                persist(directory.path(), &recovery, boot);
            }
        }
        let earlier = load(directory.path()).earlier;
        assert_eq!(earlier.len(), Recovery::EARLIER_MAX);
        let places: Vec<_> = earlier
            .iter()
            .map(|past| (past.boot, past.step.at.0))
            .collect();
        let expected: Vec<_> = (7..=10)
            .flat_map(|boot| (0..8).map(move |at| (boot, at)))
            .collect();
        assert_eq!(places, expected);
        assert_eq!(earlier[0].step.reason.chars().count(), REASON_MAX);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn corrupt_unreadable_and_empty_logs_differ() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_in(directory.path()), LoadedHistory::Read(Vec::new()));
        let endless = vec![b'['; 200_000];
        for garbage in [&b"[{\"boot\":1,"[..], b"\0\xff", b"", b"{}", &endless] {
            fs::write(path_in(directory.path()), garbage).unwrap();
            let LoadedHistory::Corrupt(why) = read_in(directory.path()) else {
                panic!("{:?}", garbage.get(..9))
            };
            assert!(why.contains(FILE), "{why}");
        }
        let none = directory.path().join("none");
        assert!(
            matches!(read_in(&none), LoadedHistory::Unreadable(why) if why.contains("none/recovery"))
        );
        fs::remove_file(path_in(directory.path())).unwrap();
        fs::create_dir(path_in(directory.path())).unwrap();
        assert!(matches!(
            read_in(directory.path()),
            LoadedHistory::Unreadable(_)
        ));
    }
}
