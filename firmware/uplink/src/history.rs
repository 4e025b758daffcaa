//! The ladder's steps on the card, for the lives to come.
//!
//! Takes in what was done in this life and in those before; gives out one small file, written as
//! seldom as the machine says, never by the thread that dials, and what it held at the start.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use failberry_service::card_file::{self, Writer};
use failberry_state::{PastStep, Recovery, RecoveryStep, SupervisorState};

use crate::machine::Earlier;

/// Our directory on the card.
const HOME: &str = "/data/uplink";

const FILE: &str = "recovery.json";

/// Characters of a reason that are kept.
const REASON: usize = 200;

/// What is left of the supervisor's 5 s when the peer was given 2 s to say goodbye, and some more.
const WRITE_BOUND: Duration = Duration::from_millis(1_500);

/// The file.
pub(crate) struct History(Writer);

impl History {
    pub(crate) fn new() -> Self {
        Self(Writer::new(path_in(Path::new(HOME))))
    }

    /// Begins to write what this life and those before it have done.
    pub(crate) fn keep(&mut self, recovery: &Recovery) {
        // Which boot this is is known long before anything is kept.
        let boot = failberry_state::read::<SupervisorState>().map_or(0, |state| state.boots);
        match serde_json::to_vec(&all(recovery, boot)) {
            Ok(text) => self.0.begin(text),
            Err(error) => log::warn!("{FILE}: {error}"),
        }
    }

    /// Waits a little until the card has it.
    pub(crate) fn settle(&mut self) {
        if !self.0.settle(WRITE_BOUND) {
            log::warn!("the card does not take down what was done");
        }
    }
}

/// What the card has kept; may wait for a card that is dying.
pub(crate) fn read() -> Earlier {
    read_in(Path::new(HOME))
}

fn path_in(home: &Path) -> PathBuf {
    home.join(FILE)
}

fn read_in(home: &Path) -> Earlier {
    let path = path_in(home);
    // Without the card's partition there is nothing to read, and nothing to overwrite later.
    let text = std::fs::metadata(home).and_then(|_| card_file::read(&path));
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    match text {
        Err(error) => Earlier::Unreadable(told(&error)),
        Ok(None) => Earlier::Read(Vec::new()),
        Ok(Some(text)) => match serde_json::from_slice(&text) {
            Ok(steps) => Earlier::Read(latest(steps)),
            Err(error) => Earlier::Corrupt(told(&error)),
        },
    }
}

/// The steps of all lives, the oldest first.
fn all(recovery: &Recovery, boot: u32) -> Vec<PastStep> {
    let present = recovery.history.iter().map(|step| PastStep {
        boot,
        step: RecoveryStep {
            reason: step.reason.chars().take(REASON).collect(),
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

    fn kept(home: &Path, recovery: &Recovery, boot: u32) {
        let mut writer = Writer::new(path_in(home));
        writer.begin(serde_json::to_vec(&all(recovery, boot)).unwrap());
        assert!(writer.settle(Duration::from_secs(20)));
    }

    fn life(home: &Path) -> Recovery {
        let Earlier::Read(earlier) = read_in(home) else {
            panic!("{:?}", read_in(home))
        };
        Recovery {
            earlier,
            ..Recovery::default()
        }
    }

    #[test]
    fn steps_are_told_to_the_lives_to_come_and_stay_bounded() {
        let home = tempfile::tempdir().unwrap();
        for boot in 1..=10 {
            let mut recovery = life(home.path());
            // Written twice in one life, each step is there once.
            for at in 0..8 {
                recovery.history.push(step(at, &"\u{1}é".repeat(5_000)));
                kept(home.path(), &recovery, boot);
            }
        }
        let earlier = life(home.path()).earlier;
        assert_eq!(earlier.len(), Recovery::EARLIER_MAX);
        let places: Vec<_> = earlier
            .iter()
            .map(|past| (past.boot, past.step.at.0))
            .collect();
        let expected: Vec<_> = (7..=10)
            .flat_map(|boot| (0..8).map(move |at| (boot, at)))
            .collect();
        assert_eq!(places, expected);
        assert_eq!(earlier[0].step.reason.chars().count(), REASON);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_broken_is_told_and_what_is_not_there_is_not_taken_for_empty() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read_in(home.path()), Earlier::Read(Vec::new()));
        let endless = vec![b'['; 200_000];
        for garbage in [&b"[{\"boot\":1,"[..], b"\0\xff", b"", b"{}", &endless] {
            fs::write(path_in(home.path()), garbage).unwrap();
            let Earlier::Corrupt(why) = read_in(home.path()) else {
                panic!("{:?}", garbage.get(..9))
            };
            assert!(why.contains(FILE), "{why}");
        }
        let none = home.path().join("none");
        assert!(
            matches!(read_in(&none), Earlier::Unreadable(why) if why.contains("none/recovery"))
        );
        fs::remove_file(path_in(home.path())).unwrap();
        fs::create_dir(path_in(home.path())).unwrap();
        assert!(matches!(read_in(home.path()), Earlier::Unreadable(_)));
    }
}
