//! Parameters of the kernel command line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use failberry_state::Slot;

use crate::devices::DEV;

/// The parameters that are for PID 1 and `storage`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cmdline {
    /// Block device of the card, from `failberry.card`.
    pub(crate) card: Option<String>,
    /// Slot booted from, from `failberry.slot`: `a` or `b`.
    pub(crate) slot: Option<Slot>,
    /// Serial line of the kernel's console, from the last such `console`.
    pub(crate) console: Option<String>,
    /// Board, from `failberry.board`.
    pub(crate) board: Option<String>,
    /// Whether not to use the hardware watchdog, from `failberry.watchdog=off`: opening it resets
    /// an emulated Pi.
    pub(crate) no_watchdog: bool,
}

impl Cmdline {
    /// Reads `/proc/cmdline`; empty if that fails.
    pub(crate) fn read() -> Self {
        Self::parse(&fs::read_to_string("/proc/cmdline").unwrap_or_default())
    }

    /// Returns the name of the card's device; without a parameter that of every supported board.
    pub(crate) fn card_name(&self) -> &str {
        self.card.as_deref().unwrap_or("mmcblk0")
    }

    /// Parses a command line; invalid values are ignored.
    pub(crate) fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for word in text.split_ascii_whitespace() {
            if let Some(line) = word.strip_prefix("console=").and_then(serial) {
                found.console = Some(line.into());
            }
            let Some((key, value)) = word
                .strip_prefix("failberry.")
                .and_then(|w| w.split_once('='))
            else {
                continue;
            };
            match (key, value) {
                // The name becomes part of a path.
                ("card", name) if is_plain(name) => found.card = Some(name.into()),
                ("board", name) if is_plain(name) => found.board = Some(name.into()),
                ("slot", name) => found.slot = Slot::from_name(name).or(found.slot),
                ("watchdog", "off") => found.no_watchdog = true,
                _ => {}
            }
        }
        found
    }
}

/// Returns the device node of the card.
pub fn card_device() -> PathBuf {
    Path::new(DEV).join(Cmdline::read().card_name())
}

/// Returns the name in `name,options` if it is that of a serial line.
fn serial(console: &str) -> Option<&str> {
    let name = console.split(',').next()?;
    let number = ["ttyAMA", "ttyS"]
        .iter()
        .find_map(|kind| name.strip_prefix(kind))?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(name)
}

/// Returns whether `name` is safe as a part of a path.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_parsed_and_invalid_ones_ignored() {
        let cmdline = Cmdline::parse(
            "console=ttyAMA0,115200 failberry.card=mmcblk0 failberry.slot=b failberry.board=rpi2 failberry.watchdog=off\n",
        );
        let expected = Cmdline {
            card: Some("mmcblk0".into()),
            slot: Some(Slot::B),
            console: Some("ttyAMA0".into()),
            board: Some("rpi2".into()),
            no_watchdog: true,
        };
        assert_eq!(cmdline, expected);
        for text in [
            "",
            "failberry.card=",
            "failberry.card=../sda failberry.slot=c",
            "failberry.watchdog failberry.watchdog=on watchdog=off",
            "failberry. failberry.=x xfailberry.card=vda",
            "console=tty1 console=ttyS console=ttyS/0 console=ttyAMA0x xconsole=ttyS0",
        ] {
            assert_eq!(Cmdline::parse(text), Cmdline::default(), "{text}");
        }
    }
}
