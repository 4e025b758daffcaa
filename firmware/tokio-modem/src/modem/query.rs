//! Commands whose answers have a type, and commands that only need an `OK`.

use core::fmt;

use super::{Profile, ReplyError};
use crate::at::{Answer, Command};

/// What a stick is given for a question it can answer by itself.
pub(super) const QUICK_MS: u64 = 5_000;

/// What asks the SIM or the radio may take.
pub(super) const SLOW_MS: u64 = 15_000;

/// What waits for the network may take (3GPP leaves it open; makers tell one to three minutes).
pub(super) const NETWORK_MS: u64 = 60_000;

/// A value that a stick can be asked for, with a command that has no arguments.
///
/// The implementors are the list of what can be asked. A [session](crate::driver) asks with them;
/// so does whoever runs the [engine](crate::at::Engine):
///
/// ```
/// use tokio_modem::{at::{Engine, Event}, modem::{GENERIC, Query, Signal}};
///
/// let mut engine = Engine::new();
/// let command = Signal::command(&GENERIC).ok_or("a stick without it")?;
/// let written = engine.start(&command, 0)?;
/// assert_eq!(written, b"AT+CSQ\r");
///
/// let mut read = &b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n"[..];
/// let Some(Event::Information(line)) = engine.receive(&mut read) else {
///     return Err("no answer".into());
/// };
/// assert_eq!(Signal::parse(&line)?.dbm(), Some(-79));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Query: Sized {
    /// The question in this kind of stick's words. `None`: it has no such command.
    fn command(profile: &Profile) -> Option<Command<'static>>;

    /// From a line of the answer.
    ///
    /// # Errors
    /// The line has another form.
    fn parse(line: &str) -> Result<Self, ReplyError>;
}

/// A command that is answered with `OK` alone. Shown, it is the command as it goes out.
pub trait Order: fmt::Display {
    /// How long the `OK` may take.
    const TIMEOUT_MS: u64 = QUICK_MS;
}

/// A question that all sticks understand.
#[allow(clippy::unnecessary_wraps, reason = "what `Query::command` gives")]
pub(super) const fn standard(text: &'static str, answer: &'static str) -> Option<Command<'static>> {
    Some(Command {
        text,
        answer: Answer::Prefixed(answer),
        timeout_ms: QUICK_MS,
    })
}

/// The same, answered with or without its name.
#[allow(clippy::unnecessary_wraps, reason = "what `Query::command` gives")]
pub(super) const fn bare(text: &'static str, answer: &'static str) -> Option<Command<'static>> {
    Some(Command {
        text,
        answer: Answer::Bare(answer),
        timeout_ms: QUICK_MS,
    })
}

/// A question that takes the SIM or the radio.
#[allow(clippy::unnecessary_wraps, reason = "what `Query::command` gives")]
pub(super) const fn slow(text: &'static str, answer: &'static str) -> Option<Command<'static>> {
    Some(Command {
        text,
        answer: Answer::Prefixed(answer),
        timeout_ms: SLOW_MS,
    })
}

/// Implements [`Query`] with the parser the type has.
macro_rules! query {
    ($type:ty, $command:expr) => {
        impl $crate::modem::Query for $type {
            fn command(_: &$crate::modem::Profile) -> Option<$crate::at::Command<'static>> {
                $command
            }

            fn parse(line: &str) -> Result<Self, $crate::modem::ReplyError> {
                <$type>::parse(line)
            }
        }
    };
}
pub(super) use query;
