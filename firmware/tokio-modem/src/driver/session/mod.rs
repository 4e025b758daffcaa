//! Session for commands outside dialling: queries and set commands, one at a time.

mod error;
#[cfg(test)]
mod tests;

use std::{
    fmt::{self, Write},
    fs::File,
    io,
    ops::Range,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use heapless::{Deque, String};

pub use error::{CommandName, SessionError};

use super::dialogue::{Port, WRITE_LIMIT, read_some, write_all};
use crate::{
    at::{Answer, COMMAND_MAX, Command, Counters, Engine, Event, Final, Line},
    modem::{
        ListMessages, Listing, Message, MessageError, MessageForm, Profile, Query, SetCommand,
        Ussd, UssdRequest,
    },
};

/// Unsolicited lines queued for [`Session::listen`]; the oldest is dropped for a new one.
const UNSOLICITED_MAX: usize = 4;

/// Longest read, in bytes.
const READ_MAX: usize = 256;

/// Tries to get a first `OK`. Anything more is left to the dialler, which may hang up an open call.
const HANDSHAKE_TRIES: u8 = 3;
/// Timeout of each of these tries, in milliseconds.
const HANDSHAKE_MS: u64 = 1_000;

/// Timeout of an optional setting, in milliseconds.
const SETTING_MS: u64 = 3_000;

/// Time from a USSD code to the network's answer; later ones do not come.
const USSD_LIMIT: Duration = Duration::from_secs(60);

/// Session with the stick behind a port. Get one from
/// [`smol::session`](super::smol::session) or [`tokio::session`](super::tokio::session).
///
/// If the future of a command is dropped, the session stays usable: the next command waits for the
/// end of that one.
pub struct Session<P> {
    port: P,
    profile: &'static Profile,
    engine: Engine,
    begin: Instant,
    buffer: [u8; READ_MAX],
    /// Part of the buffer that is not parsed yet.
    unparsed: Range<usize>,
    unsolicited: Deque<Line, UNSOLICITED_MAX>,
}

#[allow(
    private_bounds,
    reason = "what a runtime offers is between it and this crate"
)]
impl<P: Port> Session<P> {
    /// Opens a session; the stick has to answer.
    pub(super) async fn begin(port: P, profile: &'static Profile) -> Result<Self, SessionError> {
        let mut session = Self {
            port,
            profile,
            engine: Engine::new(),
            begin: Instant::now(),
            buffer: [0; READ_MAX],
            unparsed: 0..0,
            unsolicited: Deque::new(),
        };
        let mut tries = 1;
        // Echo, verbose results.
        while let Err(error) = session.run_for_ok("ATE1 Q0 V1", HANDSHAKE_MS).await {
            match error {
                SessionError::NoAnswer { .. } | SessionError::Refused { .. }
                    if tries < HANDSHAKE_TRIES =>
                {
                    tries += 1;
                }
                error => return Err(error),
            }
        }
        // Numeric error codes. Some sticks support neither this nor URC suppression.
        session.set_if_known("AT+CMEE=1").await?;
        if let Some(urc_suppression) = &profile.urc_suppression {
            session.set_if_known(urc_suppression.command).await?;
        }
        session.unsolicited.clear();
        Ok(session)
    }

    /// Queries a value: `let signal: Signal = session.ask().await?`.
    ///
    /// # Errors
    /// The stick does not answer, refuses, or its answer cannot be parsed.
    pub async fn ask<Q: Query>(&mut self) -> Result<Q, SessionError> {
        let command = self.query_command::<Q>()?;
        let mut answer = None;
        let mut wrong = None;
        self.ask_each(|value: Result<Q, _>| match value {
            Ok(value) => {
                answer.get_or_insert(value);
            }
            Err(error) => {
                wrong.get_or_insert(error);
            }
        })
        .await?;
        match (answer, wrong) {
            (Some(answer), _) => Ok(answer),
            (None, Some(source)) => Err(SessionError::Reply {
                command: command_name(command.text),
                source,
            }),
            (None, None) => Err(SessionError::Empty {
                command: command_name(command.text),
            }),
        }
    }

    /// Queries values that come one per line, as [contexts](crate::modem::Context) do.
    ///
    /// # Errors
    /// The stick does not answer or refuses.
    pub async fn ask_each<Q: Query>(
        &mut self,
        mut on_value: impl FnMut(Result<Q, crate::modem::ReplyError>),
    ) -> Result<(), SessionError> {
        let command = self.query_command::<Q>()?;
        let mut answered = false;
        let done = self
            .run(&command, |line| {
                answered = true;
                on_value(Q::parse(line));
            })
            .await;
        match done {
            // Some firmware ends such an answer without `OK`.
            Err(SessionError::NoAnswer { .. }) if answered => Ok(()),
            done => done,
        }
    }

    /// Executes a set command: `session.execute(&Function::Flight).await?`.
    ///
    /// # Errors
    /// The stick does not answer or refuses.
    pub async fn execute<C: SetCommand>(&mut self, command: &C) -> Result<(), SessionError> {
        let text = command_text(command)?;
        self.run_for_ok(&text, C::TIMEOUT_MS).await
    }

    /// Sends a command verbatim, and passes every line up to the final result to `on_line`.
    ///
    /// # Errors
    /// The stick does not answer or refuses.
    pub async fn raw_command(
        &mut self,
        text: &str,
        timeout_ms: u64,
        on_line: impl FnMut(&str),
    ) -> Result<(), SessionError> {
        let command = Command {
            text,
            answer: Answer::Prefixed(""),
            timeout_ms,
        };
        self.run(&command, on_line).await
    }

    /// Sends a USSD code such as `*100#`, or a reply to the network; returns the network's answer.
    ///
    /// # Errors
    /// The stick refuses, at once or after its `OK`, or the network does not answer.
    pub async fn ussd(&mut self, code: &str) -> Result<Ussd, SessionError> {
        let request = UssdRequest::new(code, self.profile)?;
        self.unsolicited.clear();
        self.execute(&request).await?;
        let until = Instant::now() + USSD_LIMIT;
        let limit = || until.saturating_duration_since(Instant::now());
        while let Some(line) = self.listen(limit()).await? {
            if line.starts_with("+CUSD:") {
                return Ussd::parse(&line).map_err(|source| SessionError::Reply {
                    command: command_name("AT+CUSD="),
                    source,
                });
            }
            // The `OK` before it meant only that the code was sent.
            if let Some(got) = Final::parse(&line).filter(Final::is_error) {
                let command = command_name("AT+CUSD=");
                return Err(SessionError::Refused { command, got });
            }
        }
        Err(SessionError::NoAnswer {
            command: command_name("AT+CUSD="),
        })
    }

    /// Reads all received messages from the [storage](crate::modem::UseStorage) in use.
    ///
    /// # Errors
    /// The stick does not answer or refuses. An unreadable message is passed on as an error, and
    /// the others are read.
    pub async fn messages(
        &mut self,
        form: MessageForm,
        mut on_message: impl FnMut(Result<Message, MessageError>),
    ) -> Result<(), SessionError> {
        self.execute(&form).await?;
        let mut listing = Listing::new(form);
        self.run(&ListMessages::command(form), |line| {
            if let Some(message) = listing.hear(line).transpose() {
                on_message(message);
            }
        })
        .await?;
        if let Some(last) = listing.finish() {
            on_message(Ok(last));
        }
        Ok(())
    }

    /// Returns the next unsolicited line, such as `RING` or `+CREG: 1`, or `None` if none comes in time.
    /// A few that came during commands are queued and returned first.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn listen(&mut self, limit: Duration) -> Result<Option<Line>, SessionError> {
        let until = self
            .now()
            .saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        loop {
            if let Some(line) = self.unsolicited.pop_front() {
                return Ok(Some(line));
            }
            if self.next(until).await?.is_none() {
                return Ok(None);
            }
        }
    }

    /// Returns counters of lines that could not be parsed.
    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    /// Returns the port, for instance to dial on.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn into_tty(self) -> io::Result<OwnedFd> {
        self.port.into_tty().map(|tty: File| tty.into())
    }

    fn query_command<Q: Query>(&self) -> Result<Command<'static>, SessionError> {
        let name = self.profile.name;
        Q::command(self.profile).ok_or(SessionError::Unknown { name })
    }

    async fn run_for_ok(&mut self, text: &str, timeout_ms: u64) -> Result<(), SessionError> {
        let command = Command {
            text,
            answer: Answer::Nothing,
            timeout_ms,
        };
        self.run(&command, |_| {}).await
    }

    async fn set_if_known(&mut self, text: &str) -> Result<(), SessionError> {
        match self.run_for_ok(text, SETTING_MS).await {
            Err(SessionError::Refused { .. } | SessionError::NoAnswer { .. }) => Ok(()),
            done => done,
        }
    }

    /// Runs one command to its final result.
    async fn run(
        &mut self,
        command: &Command<'_>,
        mut on_line: impl FnMut(&str),
    ) -> Result<(), SessionError> {
        while self.engine.is_busy() {
            self.next(u64::MAX).await?;
        }
        let now = self.now();
        let bytes = self.engine.start(command, now)?;
        let written = self
            .port
            .within(WRITE_LIMIT, write_all(&self.port, bytes))
            .await;
        // A stick that accepts no bytes counts as one that does not answer.
        written.unwrap_or(Ok(())).map_err(SessionError::Io)?;
        loop {
            match self.next(u64::MAX).await? {
                Some(Event::Information(line)) => on_line(&line),
                Some(Event::Result(Final::Ok)) => return Ok(()),
                Some(Event::Result(got)) => {
                    let command = command_name(command.text);
                    return Err(SessionError::Refused { command, got });
                }
                Some(Event::TimedOut) => {
                    let command = command_name(command.text);
                    return Err(SessionError::NoAnswer { command });
                }
                Some(Event::Unsolicited(_)) | None => {}
            }
        }
    }

    /// Returns the next event, or `None` if none comes until `until`. Unsolicited lines are queued, too.
    async fn next(&mut self, until: u64) -> Result<Option<Event>, SessionError> {
        loop {
            let mut input = self.buffer.get(self.unparsed.clone()).unwrap_or_default();
            let event = self.engine.receive(&mut input);
            self.unparsed.start = self.unparsed.end - input.len();
            let now = self.now();
            if let Some(event) = event.or_else(|| self.engine.tick(now)) {
                if let Event::Unsolicited(line) = &event {
                    self.queue_unsolicited(line.clone());
                }
                return Ok(Some(event));
            }
            let until = self
                .engine
                .deadline()
                .map_or(until, |deadline| deadline.min(until));
            if now >= until {
                return Ok(None);
            }
            let limit = Duration::from_millis(until - now);
            let read = read_some(&self.port, &mut self.buffer);
            let length = self.port.within(limit, read).await.unwrap_or(Ok(0));
            self.unparsed = 0..length.map_err(SessionError::Io)?;
        }
    }

    /// Queues a line for [`Session::listen`], except URCs to suppress: a flood would displace the others.
    fn queue_unsolicited(&mut self, line: Line) {
        let urc_suppression = self.profile.urc_suppression.as_ref();
        let is_flood =
            |line: &Line| urc_suppression.is_some_and(|urc| line.starts_with(urc.prefix));
        if is_flood(&line) {
            return;
        }
        if self.unsolicited.is_full() {
            self.unsolicited.pop_front();
        }
        // There is room now.
        let _ = self.unsolicited.push_back(line);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn command_text(command: &impl fmt::Display) -> Result<String<COMMAND_MAX>, SessionError> {
    let mut text = String::new();
    write!(text, "{command}").map_err(|_| crate::at::StartError::TooLong)?;
    Ok(text)
}

fn command_name(command: &str) -> CommandName {
    let mut name = CommandName::new();
    for character in command.chars() {
        // Names are short; a longer one is cut.
        if name.push(character).is_err() || character == '=' {
            break;
        }
    }
    name
}
