//! Queue of commands.

use heapless::{Deque, String};
use thiserror::Error;

use super::{Answer, COMMAND_MAX, Command, Engine, StartError};

/// Up to `N` commands that an [`Engine`] runs one after the other. The timeout of each begins when it
/// is written.
///
/// ```
/// use tokio_modem::at::{Engine, Event, Final, Queue};
/// use tokio_modem::modem::{GENERIC, Imsi, Query, Signal};
///
/// let (mut engine, mut queue) = (Engine::new(), Queue::<4>::new());
/// for command in [Signal::command(&GENERIC), Imsi::command(&GENERIC)].into_iter().flatten() {
///     queue.push(&command)?;
/// }
/// assert_eq!(queue.start(&mut engine, 0), Some(&b"AT+CSQ\r"[..]));
/// assert_eq!(queue.start(&mut engine, 0), None, "the first has no final result yet");
/// let mut read = &b"\r\nERROR\r\n"[..];
/// assert_eq!(engine.receive(&mut read), Some(Event::Result(Final::Error)));
/// assert_eq!(queue.start(&mut engine, 20), Some(&b"AT+CIMI\r"[..]));
/// # Ok::<(), tokio_modem::at::QueueError>(())
/// ```
#[derive(Default)]
pub struct Queue<const N: usize> {
    waiting: Deque<Waiting, N>,
}

struct Waiting {
    text: String<COMMAND_MAX>,
    answer: Answer,
    timeout_ms: u64,
}

/// Reason why a command was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueueError {
    /// The queue is full.
    #[error("expected fewer than {0} waiting commands, got another one")]
    Full(usize),
    /// The command is invalid.
    #[error(transparent)]
    Command(#[from] StartError),
}

impl<const N: usize> Queue<N> {
    /// Creates an empty queue.
    pub const fn new() -> Self {
        Self {
            waiting: Deque::new(),
        }
    }

    /// Appends a command.
    ///
    /// # Errors
    /// The queue is full or the command is invalid; the queue is unchanged.
    pub fn push(&mut self, command: &Command<'_>) -> Result<(), QueueError> {
        command.check()?;
        let waiting = Waiting {
            text: String::try_from(command.text).map_err(|_| StartError::TooLong)?,
            answer: command.answer,
            timeout_ms: command.timeout_ms,
        };
        self.waiting
            .push_back(waiting)
            .map_err(|_| QueueError::Full(N))
    }

    /// Starts the next command if the engine has none and is in command mode; returns the bytes
    /// to write.
    pub fn start<'e>(&mut self, engine: &'e mut Engine, now: u64) -> Option<&'e [u8]> {
        if engine.is_busy() || engine.is_data() {
            return None;
        }
        let next = self.waiting.pop_front()?;
        let command = Command {
            text: &next.text,
            answer: next.answer,
            timeout_ms: next.timeout_ms,
        };
        // It was checked by `push`.
        engine.start(&command, now).ok()
    }

    /// Returns the number of waiting commands.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns whether no command waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Removes all waiting commands, for instance after the failure of one that they depend on.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}
