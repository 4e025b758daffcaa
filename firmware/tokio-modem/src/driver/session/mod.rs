//! Commands outside dialling: a stick that is asked and told, one thing after the other.

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
        ListMessages, Listing, Message, MessageError, MessageForm, Order, Profile, Query, Ussd,
        UssdRequest,
    },
};

/// Unsolicited lines kept while nobody listens; older ones make room.
const NEWS_MAX: usize = 4;

/// Bytes read at once.
const READ_MAX: usize = 256;

/// Tries to get a first `OK`, and how long each may take. More is for the dialler, which may hang
/// up a call that is left.
const HELLOS: u8 = 3;
const HELLO_MS: u64 = 1_000;

/// What nothing depends on may take.
const SETTING_MS: u64 = 3_000;

/// A network answers a USSD code in this time or not at all.
const USSD_LIMIT: Duration = Duration::from_secs(60);

/// A port with a stick behind it that is asked and told things. Get one from
/// [`smol::session`](super::smol::session) or [`tokio::session`](super::tokio::session).
///
/// One that is let go of in the middle of a command can be used again: the next command waits for
/// the end of the last.
pub struct Session<P> {
    port: P,
    profile: &'static Profile,
    engine: Engine,
    begin: Instant,
    buffer: [u8; READ_MAX],
    /// What of the buffer is not heard yet.
    unheard: Range<usize>,
    news: Deque<Line, NEWS_MAX>,
}

#[allow(
    private_bounds,
    reason = "what a runtime offers is between it and this crate"
)]
impl<P: Port> Session<P> {
    /// A session with a stick that answers.
    pub(super) async fn begin(port: P, profile: &'static Profile) -> Result<Self, SessionError> {
        let mut session = Self {
            port,
            profile,
            engine: Engine::new(),
            begin: Instant::now(),
            buffer: [0; READ_MAX],
            unheard: 0..0,
            news: Deque::new(),
        };
        let mut tries = 1;
        // Echo, results in words.
        while let Err(error) = session.set("ATE1 Q0 V1", HELLO_MS).await {
            match error {
                SessionError::NoAnswer { .. } | SessionError::Refused { .. } if tries < HELLOS => {
                    tries += 1;
                }
                error => return Err(error),
            }
        }
        // Faults with numbers. Some sticks know neither this nor how to be quiet.
        session.set_if_known("AT+CMEE=1").await?;
        if let Some(quieting) = &profile.quieting {
            session.set_if_known(quieting.command).await?;
        }
        session.news.clear();
        Ok(session)
    }

    /// Asks for a value: `let signal: Signal = session.ask().await?`.
    ///
    /// # Errors
    /// The stick does not answer, refuses, or says something else.
    pub async fn ask<Q: Query>(&mut self) -> Result<Q, SessionError> {
        let command = self.question::<Q>()?;
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
                command: named(command.text),
                source,
            }),
            (None, None) => Err(SessionError::Empty {
                command: named(command.text),
            }),
        }
    }

    /// Asks for values that come one a line, as [contexts](crate::modem::Context) do.
    ///
    /// # Errors
    /// The stick does not answer or refuses.
    pub async fn ask_each<Q: Query>(
        &mut self,
        mut told: impl FnMut(Result<Q, crate::modem::ReplyError>),
    ) -> Result<(), SessionError> {
        let command = self.question::<Q>()?;
        let mut heard = false;
        let done = self
            .run(&command, |line| {
                heard = true;
                told(Q::parse(line));
            })
            .await;
        match done {
            // Some firmware ends such an answer without `OK`.
            Err(SessionError::NoAnswer { .. }) if heard => Ok(()),
            done => done,
        }
    }

    /// Tells the stick to do something: `session.order(&Function::Flight).await?`.
    ///
    /// # Errors
    /// The stick does not answer or refuses.
    pub async fn order<O: Order>(&mut self, order: &O) -> Result<(), SessionError> {
        let text = written(order)?;
        self.set(&text, O::TIMEOUT_MS).await
    }

    /// Gives the stick a command in a person's words, and hands on every line it says until the
    /// final result.
    ///
    /// # Errors
    /// The stick does not answer or refuses.
    pub async fn relay(
        &mut self,
        text: &str,
        timeout_ms: u64,
        told: impl FnMut(&str),
    ) -> Result<(), SessionError> {
        let command = Command {
            text,
            answer: Answer::Prefixed(""),
            timeout_ms,
        };
        self.run(&command, told).await
    }

    /// Sends a code such as `*100#`, or the answer to what the network asked; gives out what the
    /// network says.
    ///
    /// # Errors
    /// The stick refuses, at once or after its `OK`, or the network does not answer.
    pub async fn ussd(&mut self, code: &str) -> Result<Ussd, SessionError> {
        let request = UssdRequest::new(code, self.profile)?;
        self.news.clear();
        self.order(&request).await?;
        let until = Instant::now() + USSD_LIMIT;
        let limit = || until.saturating_duration_since(Instant::now());
        while let Some(line) = self.listen(limit()).await? {
            if line.starts_with("+CUSD:") {
                return Ussd::parse(&line).map_err(|source| SessionError::Reply {
                    command: named("AT+CUSD="),
                    source,
                });
            }
            // The `OK` of before said only that the code was sent.
            if let Some(got) = Final::parse(&line).filter(Final::is_error) {
                let command = named("AT+CUSD=");
                return Err(SessionError::Refused { command, got });
            }
        }
        Err(SessionError::NoAnswer {
            command: named("AT+CUSD="),
        })
    }

    /// Reads all messages that came in from the [storage](crate::modem::UseStorage) in use.
    ///
    /// # Errors
    /// The stick does not answer or refuses. A message that cannot be read is told as such, and
    /// the others are read.
    pub async fn messages(
        &mut self,
        form: MessageForm,
        mut told: impl FnMut(Result<Message, MessageError>),
    ) -> Result<(), SessionError> {
        self.order(&form).await?;
        let mut listing = Listing::new(form);
        self.run(&ListMessages::command(form), |line| {
            if let Some(message) = listing.hear(line).transpose() {
                told(message);
            }
        })
        .await?;
        if let Some(last) = listing.finish() {
            told(Ok(last));
        }
        Ok(())
    }

    /// The next line that nobody asked for, such as `RING` or `+CREG: 1`; nothing if none comes in
    /// time. A few that came during commands are told first.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn listen(&mut self, limit: Duration) -> Result<Option<Line>, SessionError> {
        let until = self
            .now()
            .saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        loop {
            if let Some(line) = self.news.pop_front() {
                return Ok(Some(line));
            }
            if self.next(until).await?.is_none() {
                return Ok(None);
            }
        }
    }

    /// Lines that made no sense so far.
    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    /// Gives the port back, to dial on for instance.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn into_tty(self) -> io::Result<OwnedFd> {
        self.port.into_tty().map(|tty: File| tty.into())
    }

    fn question<Q: Query>(&self) -> Result<Command<'static>, SessionError> {
        let name = self.profile.name;
        Q::command(self.profile).ok_or(SessionError::Unknown { name })
    }

    async fn set(&mut self, text: &str, timeout_ms: u64) -> Result<(), SessionError> {
        let command = Command {
            text,
            answer: Answer::Nothing,
            timeout_ms,
        };
        self.run(&command, |_| {}).await
    }

    async fn set_if_known(&mut self, text: &str) -> Result<(), SessionError> {
        match self.set(text, SETTING_MS).await {
            Err(SessionError::Refused { .. } | SessionError::NoAnswer { .. }) => Ok(()),
            done => done,
        }
    }

    /// One command to its end.
    async fn run(
        &mut self,
        command: &Command<'_>,
        mut heard: impl FnMut(&str),
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
        // A stick that takes no bytes is one that does not answer.
        written.unwrap_or(Ok(())).map_err(SessionError::Io)?;
        loop {
            match self.next(u64::MAX).await? {
                Some(Event::Information(line)) => heard(&line),
                Some(Event::Result(Final::Ok)) => return Ok(()),
                Some(Event::Result(got)) => {
                    let command = named(command.text);
                    return Err(SessionError::Refused { command, got });
                }
                Some(Event::TimedOut) => {
                    let command = named(command.text);
                    return Err(SessionError::NoAnswer { command });
                }
                Some(Event::Unsolicited(_)) | None => {}
            }
        }
    }

    /// The next event; nothing if none comes until then. Unsolicited lines are kept as well.
    async fn next(&mut self, until: u64) -> Result<Option<Event>, SessionError> {
        loop {
            let mut input = self.buffer.get(self.unheard.clone()).unwrap_or_default();
            let event = self.engine.receive(&mut input);
            self.unheard.start = self.unheard.end - input.len();
            let now = self.now();
            if let Some(event) = event.or_else(|| self.engine.tick(now)) {
                if let Event::Unsolicited(line) = &event {
                    self.keep(line.clone());
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
            self.unheard = 0..length.map_err(SessionError::Io)?;
        }
    }

    /// Keeps a line for whoever listens; a flood would only push the others out.
    fn keep(&mut self, line: Line) {
        let quieting = self.profile.quieting.as_ref();
        let is_flood = |line: &Line| quieting.is_some_and(|flood| line.starts_with(flood.flood));
        if is_flood(&line) {
            return;
        }
        if self.news.is_full() {
            self.news.pop_front();
        }
        // There is room now.
        let _ = self.news.push_back(line);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn written(order: &impl fmt::Display) -> Result<String<COMMAND_MAX>, SessionError> {
    let mut text = String::new();
    write!(text, "{order}").map_err(|_| crate::at::StartError::TooLong)?;
    Ok(text)
}

fn named(command: &str) -> CommandName {
    let mut name = CommandName::new();
    for character in command.chars() {
        // Names are short; a longer one is cut.
        if name.push(character).is_err() || character == '=' {
            break;
        }
    }
    name
}
