//! Engine of one port: commands one at a time, answers, results and unsolicited lines.

use super::{
    Command, Counters, Final, Line, StartError,
    counters::count,
    dialogue::{Dialogue, Mode},
    line::{Assembler, End, Raw},
    open_quote::{Joined, PendingLines},
};

/// Event of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A line of the answer to the running command.
    Information(Line),
    /// Final result of the running command.
    Result(Final),
    /// Unsolicited line. Includes errors, such as `+CME ERROR: 132`, when no command runs: they belong to
    /// what an earlier `OK` began.
    Unsolicited(Line),
    /// The running command got no final result in time, and is aborted.
    TimedOut,
}

/// AT engine of one port.
#[derive(Default)]
pub struct Engine {
    assembler: Assembler,
    pending: PendingLines,
    dialogue: Dialogue,
}

impl Engine {
    /// Creates an engine in command mode.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a command; returns the bytes to write.
    ///
    /// # Errors
    /// The command is invalid, or cannot be sent now; the state is unchanged.
    pub fn start(&mut self, command: &Command<'_>, now: u64) -> Result<&[u8], StartError> {
        let is_sealed = !self.dialogue.echoes();
        let wire = self.dialogue.start(command, now)?;
        if is_sealed {
            self.pending.seal();
        }
        Ok(wire)
    }

    /// Takes bytes off the front of `input` up to the next event. `None`: all of it was consumed, or the
    /// port is in data mode and the rest is data.
    pub fn receive(&mut self, input: &mut &[u8]) -> Option<Event> {
        loop {
            match self.dialogue.mode() {
                Mode::Data => return None,
                Mode::Connecting(_) => {
                    let (&byte, rest) = input.split_first()?;
                    if byte == b'\n' {
                        *input = rest;
                    }
                    return self.dialogue.connected();
                }
                Mode::Command => {}
            }
            let event = if let Some((line, end, noisy)) = self.pending.ready() {
                let text = line.as_str();
                on_raw_line(
                    &mut self.pending,
                    &mut self.dialogue,
                    Raw { text, end, noisy },
                )
            } else {
                let counters = &mut self.dialogue.counters;
                let raw = self.assembler.take(input, counters)?;
                on_raw_line(&mut self.pending, &mut self.dialogue, raw)
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// Handles timeouts: ends a line whose closing quote does not come, accepts a doubtful result for the
    /// running command, times the command out.
    pub fn tick(&mut self, now: u64) -> Option<Event> {
        if self.pending.has_expired(now)
            || (self.pending.is_open() && self.dialogue.is_expired(now))
        {
            let event = release(&mut self.pending, &mut self.dialogue, None);
            if event.is_some() {
                return event;
            }
        }
        self.dialogue.tick(now)
    }

    /// Returns when [`Engine::tick`] is due, in milliseconds; 0 is at once.
    pub fn deadline(&self) -> Option<u64> {
        let (pending, dialogue) = (self.pending.deadline(), self.dialogue.deadline());
        [pending, dialogue].into_iter().flatten().min()
    }

    /// Returns whether a command waits for its final result.
    pub fn is_busy(&self) -> bool {
        self.dialogue.is_busy()
    }

    /// Returns whether the port is in data mode, after `CONNECT`.
    pub fn is_data(&self) -> bool {
        matches!(self.dialogue.mode(), Mode::Data)
    }

    /// Returns to command mode after a call. The rest of the last frame is not taken for a line.
    pub fn leave_data(&mut self) {
        self.pending.clear();
        self.dialogue.leave_data();
        self.assembler.resync();
    }

    /// Returns counters of input that could not be parsed.
    pub fn counters(&self) -> &Counters {
        &self.dialogue.counters
    }
}

/// Joins a line to the open one before it, stores it, or passes it to the dialogue.
fn on_raw_line(pending: &mut PendingLines, dialogue: &mut Dialogue, raw: Raw<'_>) -> Option<Event> {
    if pending.is_open() {
        if !pending.accepts(raw.text) || dialogue.begins(raw.text) {
            return release(pending, dialogue, Some(raw));
        }
        match pending.join(raw) {
            Joined::Open => return None,
            Joined::Closed => {
                let (line, noisy) = pending.take();
                let (text, end) = (line.as_str(), raw.end);
                return dialogue.classify(Raw { text, end, noisy });
            }
            Joined::TooLong => count(&mut dialogue.counters.overlong),
        }
    }
    if dialogue.opens(raw.text) {
        pending.open(raw);
        return None;
    }
    dialogue.classify(raw)
}

/// Passes the open line to the dialogue as it is, and queues the `next` one.
fn release(
    pending: &mut PendingLines,
    dialogue: &mut Dialogue,
    next: Option<Raw<'_>>,
) -> Option<Event> {
    let (line, noisy) = pending.take();
    let mut text = line.as_str();
    if let Some(next) = next {
        // An answer without a name was joined: it is the last line before the final result.
        let is_final = Final::parse(next.text).is_some();
        let mut answer = "";
        if let Some((before, last)) = text.rsplit_once('\n')
            && is_final
            && dialogue.awaits_bare()
        {
            (text, answer) = (before, last);
        }
        if !pending.keep(answer, next) {
            count(&mut dialogue.counters.overlong);
        }
    }
    let end = End::Feed;
    dialogue.classify(Raw { text, end, noisy })
}
