//! What the boot loader tells on the kernel command line.

use std::fs;

/// The words that are for us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cmdline {
    /// Block device of the card, from `failberry.card`.
    pub(crate) card: Option<String>,
    /// Slot booted from, from `failberry.slot`: `a` or `b`.
    pub(crate) slot: Option<char>,
    /// Board, from `failberry.board`.
    pub(crate) board: Option<String>,
    /// Whether the hardware watchdog is left alone, from `failberry.watchdog=off`: an emulated
    /// Pi is reset by opening it.
    pub(crate) no_watchdog: bool,
}

impl Cmdline {
    /// Reads `/proc/cmdline`; nothing is known where it cannot be read.
    pub(crate) fn read() -> Self {
        Self::parse(&fs::read_to_string("/proc/cmdline").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for word in text.split_ascii_whitespace() {
            let Some((key, value)) = word
                .strip_prefix("failberry.")
                .and_then(|w| w.split_once('='))
            else {
                continue;
            };
            match (key, value) {
                // Names become parts of paths.
                ("card", name) if is_plain(name) => found.card = Some(name.into()),
                ("board", name) if is_plain(name) => found.board = Some(name.into()),
                ("slot", "a") => found.slot = Some('a'),
                ("slot", "b") => found.slot = Some('b'),
                ("watchdog", "off") => found.no_watchdog = true,
                _ => {}
            }
        }
        found
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_and_bad_ones_ignored() {
        let seen = Cmdline::parse(
            "console=ttyAMA0,115200 failberry.card=mmcblk0 failberry.slot=b failberry.board=rpi2 failberry.watchdog=off\n",
        );
        let expected = Cmdline {
            card: Some("mmcblk0".into()),
            slot: Some('b'),
            board: Some("rpi2".into()),
            no_watchdog: true,
        };
        assert_eq!(seen, expected);
        for text in [
            "",
            "failberry.card=",
            "failberry.card=../sda failberry.slot=c",
            "failberry.watchdog failberry.watchdog=on watchdog=off",
            "failberry. failberry.=x xfailberry.card=vda",
        ] {
            assert_eq!(Cmdline::parse(text), Cmdline::default(), "{text}");
        }
    }
}
