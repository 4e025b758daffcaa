//! What the boot loader tells of the machine, on the kernel's command line.

use std::{fs, path::PathBuf};

use failberry_state::{BootMillis, Slot};

/// The boot loader's word for a trial: the card may not be there to tell of it.
const ON_TRIAL: &str = "failberry.on_trial";

/// Which board, which slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Name of the board; updates for others are refused.
    pub(crate) board: String,
    /// The slot that runs, and the device of the other one.
    pub(crate) slots: Option<(Slot, PathBuf)>,
    /// Whether the boot loader started the slot as the one on trial.
    pub(crate) on_trial: bool,
    /// When a trial is over, where the boot loader says so: an emulated board is slower than its
    /// clock.
    pub(crate) deadline: Option<BootMillis>,
}

impl Machine {
    /// This one.
    pub(crate) fn read() -> Self {
        // Without it there is no slot to write to, which is told when one is asked for.
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
    fn a_slow_board_gets_its_time() {
        let deadline = |text| Machine::parse(text).deadline;
        assert_eq!(deadline("failberry.trial=300"), Some(BootMillis(300_000)));
        assert_eq!(deadline("failberry.trial=-1 failberry.slot=a"), None);
    }

    #[test]
    fn a_trial_is_one_word_of_its_own() {
        let on_trial = |text| Machine::parse(text).on_trial;
        assert!(on_trial(
            "failberry.slot=b failberry.on_trial console=ttyAMA0"
        ));
        assert!(!on_trial(
            "failberry.slot=b failberry.on_trial=0 xfailberry.on_trial"
        ));
    }

    #[test]
    fn the_other_slots_device_follows_from_the_command_line() {
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
            let machine = Machine::parse(text);
            assert_eq!(machine.board, "rpi2");
            assert_eq!(
                machine.slots,
                expected.map(|(slot, node)| (slot, node.into())),
                "{text}"
            );
        }
    }
}
