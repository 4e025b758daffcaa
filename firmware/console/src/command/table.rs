//! The table.

use failberry_service::Service;
use failberry_state::Slot;

use super::Command;

/// What a person has to say before something is done that cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// `y` to this question.
    Yes(&'static str),
    /// This word, after being told what will happen.
    Word(&'static str, &'static str),
}

/// A place for a word after the command's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slotted {
    /// A flag that may be left out.
    Flag(&'static str),
    /// One of these.
    Choice(&'static [&'static str]),
    /// A service that PID 1 keeps.
    Service,
    /// Somebody who writes to the log; may be left out.
    Writer,
    /// All the rest, as it is.
    Rest(&'static str),
}

/// The words found for those places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) flag: bool,
    pub(super) word: String,
}

/// One command.
pub(super) struct Row {
    pub(super) words: &'static [&'static str],
    pub(super) places: &'static [Slotted],
    pub(super) about: &'static str,
    pub(super) confirm: Option<Confirm>,
    /// From words that fit their places.
    pub(super) make: fn(&Given) -> Option<Command>,
}

/// Who writes to the log besides the services.
pub(super) const KERNEL: &str = "kernel";

const fn row(
    words: &'static [&'static str],
    places: &'static [Slotted],
    about: &'static str,
    make: fn(&Given) -> Option<Command>,
) -> Row {
    Row {
        words,
        places,
        about,
        confirm: None,
        make,
    }
}

#[allow(clippy::needless_pass_by_value)] // a row is made of it
const fn asked(confirm: Confirm, row: Row) -> Row {
    Row {
        confirm: Some(confirm),
        ..row
    }
}

/// All of them, in the order of the help page.
pub(super) static TABLE: &[Row] = &[
    row(&["help"], &[], "this page", |_| Some(Command::Help)),
    row(
        &["status"],
        &[],
        "one screen: links, stick, name, trouble",
        |_| Some(Command::Status),
    ),
    row(
        &["log"],
        &[Slotted::Flag("-f"), Slotted::Writer],
        "all that was logged, -f what comes; any key ends it",
        |given| {
            Some(Command::Log {
                follow: given.flag,
                of: (!given.word.is_empty()).then(|| given.word.clone()),
            })
        },
    ),
    row(
        &["modem"],
        &[],
        "the stick: identity, signal, network",
        |_| Some(Command::Modem),
    ),
    asked(
        Confirm::Yes("A wrong command can lock the SIM or the stick. Send it?"),
        row(
            &["modem", "at"],
            &[Slotted::Rest("command")],
            "one AT command, as it is",
            |given| Some(Command::ModemAt(given.word.clone())),
        ),
    ),
    row(&["redial"], &[], "end the call and dial anew", |_| {
        Some(Command::Redial)
    }),
    asked(
        Confirm::Yes("All USB sockets lose their power for some seconds. Go on?"),
        row(
            &["power-cycle"],
            &[],
            "the USB sockets without power for some seconds",
            |_| Some(Command::PowerCycle),
        ),
    ),
    row(
        &["autorun"],
        &[Slotted::Choice(&["on", "off"])],
        "the CD-ROM that the stick shows at its start",
        |given| {
            let on = given.word == "on";
            Some(Command::Autorun { on })
        },
    ),
    row(
        &["config", "show"],
        &[],
        "the settings in use, without secrets",
        |_| Some(Command::ConfigShow),
    ),
    row(&["config", "check"], &[], "what is wrong with them", |_| {
        Some(Command::ConfigCheck)
    }),
    asked(
        Confirm::Yes("All services start anew with the settings before. Go on?"),
        row(
            &["config", "revert"],
            &[],
            "back to the settings before",
            |_| Some(Command::ConfigRevert),
        ),
    ),
    row(&["slots"], &[], "what the boot loader starts", |_| {
        Some(Command::Slots)
    }),
    asked(
        Confirm::Yes("The next boot is from that slot. Go on?"),
        row(
            &["slots", "choose"],
            &[Slotted::Choice(&["a", "b"])],
            "boot from this slot from now on",
            |given| Slot::from_name(&given.word).map(Command::SlotsChoose),
        ),
    ),
    row(&["update"], &[], "how an update stands", |_| {
        Some(Command::Update)
    }),
    row(
        &["update", "check"],
        &[],
        "look for a newer version now, and take it",
        |_| Some(Command::UpdateCheck),
    ),
    asked(
        Confirm::Yes("Go on?"),
        row(
            &["restart"],
            &[Slotted::Service],
            "one service's restart",
            |given| Service::from_name(&given.word).map(Command::Restart),
        ),
    ),
    asked(
        Confirm::Yes("Reboot the box?"),
        row(&["reboot"], &[], "the box's restart", |_| {
            Some(Command::Reboot)
        }),
    ),
    asked(
        Confirm::Word(
            "All settings, secrets and counters on the card are erased, and the box reboots.",
            "erase",
        ),
        row(&["factory-reset"], &[], "forget all settings", |_| {
            Some(Command::FactoryReset)
        }),
    ),
    row(
        &["exit"],
        &[],
        "leave; the log is shown here again (Ctrl-D)",
        |_| Some(Command::Exit),
    ),
];
