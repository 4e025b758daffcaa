//! The command table.

use failberry_service::Service;
use failberry_state::Slot;

use super::Command;

/// The confirmation before a command that cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// `y` to this question.
    Yes(&'static str),
    /// This word, after a text about the consequences.
    Word(&'static str, &'static str),
}

/// The kind of an argument after the command's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgKind {
    /// An optional flag.
    Flag(&'static str),
    /// One of these.
    Choice(&'static [&'static str]),
    /// A service that PID 1 supervises.
    Service,
    /// A writer of log lines; optional.
    Writer,
    /// The rest of the line, unchanged.
    Rest(&'static str),
}

/// Parsed arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Args {
    pub(super) flag: bool,
    pub(super) word: String,
}

/// Specification of one command.
pub(super) struct CommandSpec {
    pub(super) words: &'static [&'static str],
    pub(super) arg_kinds: &'static [ArgKind],
    pub(super) about: &'static str,
    pub(super) confirm: Option<Confirm>,
    /// Builds the command from its arguments.
    pub(super) build: fn(&Args) -> Option<Command>,
}

/// Name of the kernel as a writer of log lines.
pub(super) const KERNEL: &str = "kernel";

const fn spec(
    words: &'static [&'static str],
    arg_kinds: &'static [ArgKind],
    about: &'static str,
    build: fn(&Args) -> Option<Command>,
) -> CommandSpec {
    CommandSpec {
        words,
        arg_kinds,
        about,
        confirm: None,
        build,
    }
}

#[allow(clippy::needless_pass_by_value)] // it becomes part of the result
const fn with_confirmation(confirm: Confirm, spec: CommandSpec) -> CommandSpec {
    CommandSpec {
        confirm: Some(confirm),
        ..spec
    }
}

/// All commands, in the order of the help page.
pub(super) static TABLE: &[CommandSpec] = &[
    spec(&["help"], &[], "this page", |_| Some(Command::Help)),
    spec(
        &["status"],
        &[],
        "one screen: links, stick, name, trouble",
        |_| Some(Command::Status),
    ),
    spec(
        &["log"],
        &[ArgKind::Flag("-f"), ArgKind::Writer],
        "all that was logged, -f what comes; any key ends it",
        |args| {
            Some(Command::Log {
                follow: args.flag,
                of: (!args.word.is_empty()).then(|| args.word.clone()),
            })
        },
    ),
    spec(
        &["modem"],
        &[],
        "the stick: identity, signal, network",
        |_| Some(Command::Modem),
    ),
    with_confirmation(
        Confirm::Yes("A wrong command can lock the SIM or the stick. Send it?"),
        spec(
            &["modem", "at"],
            &[ArgKind::Rest("command")],
            "one AT command, as it is",
            |args| Some(Command::ModemAt(args.word.clone())),
        ),
    ),
    spec(&["redial"], &[], "end the call and dial anew", |_| {
        Some(Command::Redial)
    }),
    with_confirmation(
        Confirm::Yes("All USB sockets lose their power for some seconds. Go on?"),
        spec(
            &["power-cycle"],
            &[],
            "the USB sockets without power for some seconds",
            |_| Some(Command::PowerCycle),
        ),
    ),
    spec(
        &["autorun"],
        &[ArgKind::Choice(&["on", "off"])],
        "the CD-ROM that the stick shows at its start",
        |args| {
            let on = args.word == "on";
            Some(Command::Autorun { on })
        },
    ),
    spec(
        &["config", "show"],
        &[],
        "the settings in use, without secrets",
        |_| Some(Command::ConfigShow),
    ),
    spec(&["config", "check"], &[], "what is wrong with them", |_| {
        Some(Command::ConfigCheck)
    }),
    with_confirmation(
        Confirm::Yes("All services start anew with the settings before. Go on?"),
        spec(
            &["config", "revert"],
            &[],
            "back to the settings before",
            |_| Some(Command::ConfigRevert),
        ),
    ),
    spec(&["slots"], &[], "what the boot loader starts", |_| {
        Some(Command::Slots)
    }),
    with_confirmation(
        Confirm::Yes("The next boot is from that slot. Go on?"),
        spec(
            &["slots", "choose"],
            &[ArgKind::Choice(&["a", "b"])],
            "boot from this slot from now on",
            |args| Slot::from_name(&args.word).map(Command::SlotsChoose),
        ),
    ),
    spec(&["update"], &[], "how an update stands", |_| {
        Some(Command::Update)
    }),
    spec(
        &["update", "check"],
        &[],
        "look for a newer version now, and take it",
        |_| Some(Command::UpdateCheck),
    ),
    with_confirmation(
        Confirm::Yes("Go on?"),
        spec(
            &["restart"],
            &[ArgKind::Service],
            "one service's restart",
            |args| Service::from_name(&args.word).map(Command::Restart),
        ),
    ),
    with_confirmation(
        Confirm::Yes("Reboot the box?"),
        spec(&["reboot"], &[], "the box's restart", |_| {
            Some(Command::Reboot)
        }),
    ),
    with_confirmation(
        Confirm::Word(
            "All settings, secrets and counters on the card are erased, and the box reboots.",
            "erase",
        ),
        spec(&["factory-reset"], &[], "forget all settings", |_| {
            Some(Command::FactoryReset)
        }),
    ),
    spec(
        &["exit"],
        &[],
        "leave; the log is shown here again (Ctrl-D)",
        |_| Some(Command::Exit),
    ),
];
