//! Boot parameters that the boot loader passes on the kernel's command line.

use std::{fs, path::PathBuf};

use failberry_state::{BootMillis, Slot};

/// Parameter by which the boot loader marks a trial: the record on the card may be missing.
const ON_TRIAL: &str = "failberry.on_trial";

/// Board, slots and trial of this boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BootParams {
    /// Name of the board; updates for others are refused.
    pub(crate) board: String,
    /// The slot that runs, and the device of the other one.
    pub(crate) slots: Option<(Slot, PathBuf)>,
    /// Whether the boot loader started this slot as the one on trial.
    pub(crate) on_trial: bool,
    /// Deadline of a trial, if the boot loader sets one: an emulated board is slower than its
    /// clock.
    pub(crate) deadline: Option<BootMillis>,
}

impl BootParams {
    /// Reads `/proc/cmdline`.
    pub(crate) fn read() -> Self {
        // Without it there is no slot to write to; that error is reported when a slot is needed.
        Self::parse(&fs::read_to_string("/proc/cmdline").unwrap_or_default())
    }

    fn parse(cmdline: &str) -> Self {
        let value = |key: &str| {
            let mut words = cmdline.split_ascii_whitespace();
            words.find_map(|word| {
                word.strip_prefix("failberry.")?
                    .strip_prefix(key)?
                    .strip_prefix('=')
            })
        };
        let plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let card = value("card").filter(plain);
        let running = value("slot").and_then(Slot::from_name);
        let seconds = value("trial").and_then(|it| it.parse::<u32>().ok());
        let mut words = cmdline.split_ascii_whitespace();
        Self {
            on_trial: words.any(|word| word == ON_TRIAL),
            deadline: seconds.map(|it| BootMillis(u64::from(it) * 1000)),
            board: value("board").unwrap_or_default().to_owned(),
            slots: running.zip(card).map(|(running, card)| {
                // A `p` keeps a number from running into a name that ends in one.
                let digit = card.ends_with(|c: char| c.is_ascii_digit());
                let number = running.other().partition();
                let node = format!("/dev/{card}{}{number}", if digit { "p" } else { "" });
                (running, node.into())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trial_deadline_is_read_in_seconds() {
        let deadline = |text| BootParams::parse(text).deadline;
        assert_eq!(deadline("failberry.trial=300"), Some(BootMillis(300_000)));
        assert_eq!(deadline("failberry.trial=-1 failberry.slot=a"), None);
    }

    #[test]
    fn on_trial_is_a_whole_word() {
        let on_trial = |text| BootParams::parse(text).on_trial;
        assert!(on_trial(
            "failberry.slot=b failberry.on_trial console=ttyAMA0"
        ));
        assert!(!on_trial(
            "failberry.slot=b failberry.on_trial=0 xfailberry.on_trial"
        ));
    }

    #[test]
    fn other_slot_device_follows_from_the_command_line() {
        for (text, expected) in [
            (
                "failberry.board=rpi2 failberry.card=mmcblk0 failberry.slot=a",
                Some((Slot::A, "/dev/mmcblk0p3")),
            ),
            (
                "failberry.slot=b failberry.card=vda failberry.board=rpi2",
                Some((Slot::B, "/dev/vda2")),
            ),
            ("failberry.board=rpi2 failberry.slot=a", None),
            (
                "failberry.board=rpi2 failberry.card=../x failberry.slot=a",
                None,
            ),
            ("failberry.board=rpi2 failberry.card=vda", None),
        ] {
            let boot_params = BootParams::parse(text);
            assert_eq!(boot_params.board, "rpi2");
            assert_eq!(
                boot_params.slots,
                expected.map(|(slot, node)| (slot, node.into())),
                "{text}"
            );
        }
    }
}
