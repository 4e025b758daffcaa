//! A drive with a script: what it says to each transfer, and what it was sent.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::switch::{Identity, switch};

const TIMEOUT: DriveError = DriveError::Silent(rusb::Error::Timeout);

/// What happens to a transfer that the script does not tell of.
#[derive(Clone, Copy, Debug, Default)]
struct Script {
    kind: u8,
    /// The device leaves after so many transfers.
    leaves_after: Option<usize>,
}

#[derive(Default)]
struct Scripted {
    script: Script,
    answers: VecDeque<Result<(), DriveError>>,
    sent: Vec<String>,
    transfers: usize,
}

impl Scripted {
    fn answering(answers: impl IntoIterator<Item = Result<(), DriveError>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ..Self::default()
        }
    }

    fn next(&mut self) -> Result<(), DriveError> {
        self.transfers += 1;
        match self.script.leaves_after {
            Some(limit) if self.transfers > limit => Err(DriveError::Left),
            _ => self.answers.pop_front().unwrap_or(Ok(())),
        }
    }
}

impl Drive for Scripted {
    fn send(&mut self, bytes: &[u8]) -> Result<(), DriveError> {
        let lun = bytes[13];
        self.sent.push(format!("{:02x} lun {lun}", bytes[15]));
        self.next()
    }

    fn receive(&mut self, room: &mut [u8]) -> Result<usize, DriveError> {
        self.next()?;
        room[0] = self.script.kind;
        Ok(room.len())
    }

    fn clear_halts(&mut self) {
        self.sent.push("clear".into());
    }

    fn control(&mut self, control: &Control) -> Result<(), DriveError> {
        self.sent.push(format!("control {:02x}", control.request));
        self.next()
    }

    fn configure(&mut self, value: u8) -> Result<(), DriveError> {
        self.sent.push(format!("configuration {value}"));
        self.next()
    }

    fn wait(&mut self, time: Duration) {
        self.sent.push(format!("wait {}", time.as_millis()));
    }
}

fn actions(vendor: u16, product: u16) -> &'static [Action] {
    let identity = Identity {
        vendor,
        product,
        ..Identity::default()
    };
    switch(identity).unwrap().actions
}

/// Switches 19d2:2000 with these outcomes of its first transfers.
fn zte(answers: &[Result<(), DriveError>]) -> (Result<(), rusb::Error>, Vec<String>) {
    let mut drive = Scripted::answering(answers.iter().copied());
    let done = run(actions(0x19d2, 0x2000), &mut drive);
    (done, drive.sent)
}

const ALL: [&str; 5] = ["1e lun 0", "1b lun 0", "1e lun 1", "1b lun 1", "85 lun 0"];

#[test]
fn all_commands_are_sent_in_order() {
    assert_eq!(zte(&[]), (Ok(()), ALL.map(String::from).to_vec()));
}

#[test]
fn a_drive_that_leaves_gets_no_more() {
    for (transfers, words) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)] {
        let mut drive = Scripted::default();
        drive.script.leaves_after = Some(transfers);
        assert_eq!(run(actions(0x19d2, 0x2000), &mut drive), Ok(()));
        assert_eq!(drive.sent, ALL[..words]);
    }
}

#[test]
fn timeout_counts_as_switched_only_after_an_accepted_command() {
    // The status of the first word does not come: it may be starting.
    let (done, sent) = zte(&[Ok(()), Err(TIMEOUT)]);
    assert_eq!(done, Err(rusb::Error::Timeout));
    assert_eq!(sent, ALL[..1]);
    let (done, sent) = zte(&[Ok(()), Ok(()), Ok(()), Err(TIMEOUT)]);
    assert_eq!((done, sent.len()), (Ok(()), 2));
    // The only word, taken without a status.
    let mut drive = Scripted::answering([Ok(()), Err(TIMEOUT)]);
    assert_eq!(run(actions(0x12d1, 0x1446), &mut drive), Ok(()));
}

#[test]
fn refused_command_does_not_stop_the_next() {
    let stall = Err(DriveError::Stalled);
    // The first word itself, then the status of the second, which comes after the stall.
    let (done, sent) = zte(&[stall, Ok(()), stall, Ok(())]);
    assert_eq!(done, Ok(()));
    assert_eq!(
        sent,
        [
            "1e lun 0", "clear", "1b lun 0", "clear", "1e lun 1", "1b lun 1", "85 lun 0"
        ]
    );
    // All five.
    let (done, _) = zte(&[stall; 5]);
    assert_eq!(done, Err(rusb::Error::Pipe));
    let busy = Err(DriveError::Other(rusb::Error::Busy));
    assert_eq!(
        zte(&[busy, stall, stall, stall, stall]).0,
        Err(rusb::Error::Busy)
    );
}

#[test]
fn stalled_data_is_followed_by_its_status() {
    let ok = Ok(());
    let stall = Err(DriveError::Stalled);
    // 19d2:0166 has one word, with data: word, data, status.
    let mut drive = Scripted::answering([ok, stall, ok]);
    assert_eq!(run(actions(0x19d2, 0x0166), &mut drive), Ok(()));
    assert_eq!(drive.sent, ["85 lun 0", "clear"]);
    assert_eq!(drive.transfers, 3);
}

#[test]
fn other_actions_are_carried_out() {
    for (vendor, product, expected) in [
        (0x12d1, 0x1003, &["control 03"][..]),
        (0x1199, 0x0fff, &["control 0b"]),
        (0x1076, 0x7f40, &["control a0", "control fe"]),
        (0x0fce, 0xd0e1, &["control 11", "configuration 2"]),
        (0x1199, 0x9011, &["configuration 1"]),
        (0x1c9e, 0xf000, &["wait 1000", "ff lun 0"]),
    ] {
        let mut drive = Scripted::default();
        assert_eq!(run(actions(vendor, product), &mut drive), Ok(()));
        assert_eq!(drive.sent, expected, "{vendor:04x}:{product:04x}");
    }
}

#[test]
fn a_stalled_control_request_counts_as_taken() {
    let mut drive = Scripted::answering([Err(DriveError::Stalled)]);
    assert_eq!(run(actions(0x1199, 0x0fff), &mut drive), Ok(()));
    let mut drive = Scripted::answering([Err(DriveError::Other(rusb::Error::Access))]);
    let done = run(actions(0x1199, 0x0fff), &mut drive);
    assert_eq!(done, Err(rusb::Error::Access));
}

#[test]
fn only_a_cdrom_is_one() {
    let of_kind = |kind| {
        let mut drive = Scripted::default();
        drive.script.kind = kind;
        let done = expect_cdrom(&mut drive);
        (done, drive.sent)
    };
    // Removable or not stands in another byte.
    assert_eq!(of_kind(5), (Ok(()), vec!["12 lun 0".to_owned()]));
    let (done, sent) = of_kind(0);
    assert_eq!(done, Err(NotCdRom::Disk(0)));
    assert_eq!(sent, ["12 lun 0", "12 lun 1"]);
    // The qualifier says that no drive is there.
    assert_eq!(of_kind(0x25).0, Err(NotCdRom::Disk(0x25)));
    let mut silent = Scripted::answering([Ok(()), Err(TIMEOUT)]);
    let done = expect_cdrom(&mut silent);
    assert_eq!(done, Err(NotCdRom::Unanswered(rusb::Error::Timeout)));
}

fn outcome() -> impl Strategy<Value = Result<(), DriveError>> {
    prop_oneof![
        4 => Just(Ok(())),
        1 => Just(Err(DriveError::Left)),
        1 => Just(Err(TIMEOUT)),
        1 => Just(Err(DriveError::Stalled)),
        1 => Just(Err(DriveError::Other(rusb::Error::Overflow))),
    ]
}

proptest! {
    #[test]
    fn any_answers_end_the_switch(
        answers in proptest::collection::vec(outcome(), 0..20),
        at in 0..452_usize,
    ) {
        let row = crate::switch::rows().nth(at).unwrap();
        let mut drive = Scripted::answering(answers);
        let _ = run(row.actions, &mut drive);
        // A word is at most itself, data, a stalled status and the status.
        prop_assert!(drive.transfers <= 4 * row.actions.len());
    }
}
