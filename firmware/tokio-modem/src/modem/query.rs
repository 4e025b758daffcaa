//! Queries with a typed answer, and set commands that are answered with `OK` alone.

use core::fmt;

use super::{Profile, ReplyError};
use crate::at::{Answer, Command};

/// Timeout of a query that a stick answers by itself, in milliseconds.
pub(super) const QUICK_MS: u64 = 5_000;

/// Timeout of a command to the SIM or the radio, in milliseconds.
pub(super) const SLOW_MS: u64 = 15_000;

/// Timeout of a command that waits for the network, in milliseconds (3GPP leaves it open; vendors
/// document one to three minutes).
pub(super) const NETWORK_MS: u64 = 60_000;

/// A value that can be queried with a command without arguments.
///
/// The implementors are the list of supported queries. A [session](crate::driver) runs them; they
/// work with the bare [engine](crate::at::Engine), too:
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
    /// Returns the command for sticks of this profile. `None`: they have none.
    fn command(profile: &Profile) -> Option<Command<'static>>;

    /// Parses a line of the answer.
    ///
    /// # Errors
    /// The line has another form.
    fn parse(line: &str) -> Result<Self, ReplyError>;
}

/// Set or execute command (V.250): answered with `OK` alone. Its `Display` is the text that is sent.
pub trait SetCommand: fmt::Display {
    /// Time from the command to its `OK`, in milliseconds.
    const TIMEOUT_MS: u64 = QUICK_MS;
}

/// Returns a query that all sticks support.
#[allow(clippy::unnecessary_wraps, reason = "what `Query::command` gives")]
pub(super) const fn standard(text: &'static str, answer: &'static str) -> Option<Command<'static>> {
    Some(Command {
        text,
        answer: Answer::Prefixed(answer),
        timeout_ms: QUICK_MS,
    })
}

/// Returns a query whose answer comes with or without its name.
#[allow(clippy::unnecessary_wraps, reason = "what `Query::command` gives")]
pub(super) const fn bare(text: &'static str, answer: &'static str) -> Option<Command<'static>> {
    Some(Command {
        text,
        answer: Answer::Bare(answer),
        timeout_ms: QUICK_MS,
    })
}

/// Returns a query that involves the SIM or the radio.
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
