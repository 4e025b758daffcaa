//! One command at a time, and everything else that a stick says meanwhile.

use super::{
    Command, Counters, Final, Line, StartError,
    counters::count,
    dialogue::{Dialogue, Mode},
    held::{Held, Joined},
    line::{Assembler, End, Raw},
};

/// What the stick said, or did not say in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A line that belongs to the running command.
    Information(Line),
    /// The running command is finished.
    Result(Final),
    /// A line that belongs to no command. Errors are among them, such as `+CME ERROR: 132`, when no
    /// command runs: they belong to what an earlier `OK` began.
    Unsolicited(Line),
    /// The running command got no final result in its time; it is given up.
    TimedOut,
}

/// The engine of one port.
#[derive(Default)]
pub struct Engine {
    assembler: Assembler,
    held: Held,
    dialogue: Dialogue,
}

impl Engine {
    /// An engine in command mode that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a command; gives out the bytes to write.
    ///
    /// # Errors
    /// The command cannot be sent as it is, or not now; nothing has changed then.
    pub fn start(&mut self, command: &Command<'_>, now: u64) -> Result<&[u8], StartError> {
        let is_sealed = !self.dialogue.echoes();
        let wire = self.dialogue.start(command, now)?;
        if is_sealed {
            self.held.seal();
        }
        Ok(wire)
    }

    /// Takes bytes off the front of `input` up to the next event. `None`: all of it is taken, or
    /// the port carries data and the rest is the data's.
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
            let event = if let Some((line, end, noisy)) = self.held.ready() {
                let text = line.as_str();
                hear(&mut self.held, &mut self.dialogue, Raw { text, end, noisy })
            } else {
                let counters = &mut self.dialogue.counters;
                let raw = self.assembler.take(input, counters)?;
                hear(&mut self.held, &mut self.dialogue, raw)
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// Does what is due: ends a line whose closing quote does not come, takes a doubtful result for
    /// that of the running command, gives the command up.
    pub fn tick(&mut self, now: u64) -> Option<Event> {
        if self.held.is_over(now) || (self.held.is_open() && self.dialogue.is_expired(now)) {
            let event = release(&mut self.held, &mut self.dialogue, None);
            if event.is_some() {
                return event;
            }
        }
        self.dialogue.tick(now)
    }

    /// When [`Engine::tick`] has something to do; 0 is at once.
    pub fn deadline(&self) -> Option<u64> {
        let (held, dialogue) = (self.held.deadline(), self.dialogue.deadline());
        [held, dialogue].into_iter().flatten().min()
    }

    /// A command waits for its final result.
    pub fn is_busy(&self) -> bool {
        self.dialogue.is_busy()
    }

    /// The port carries data since `CONNECT`.
    pub fn is_data(&self) -> bool {
        matches!(self.dialogue.mode(), Mode::Data)
    }

    /// The call is over: the port listens to commands again. What is left of the last frame is
    /// not taken for a line.
    pub fn leave_data(&mut self) {
        self.held.clear();
        self.dialogue.leave_data();
        self.assembler.resync();
    }

    /// Input that made no sense so far.
    pub fn counters(&self) -> &Counters {
        &self.dialogue.counters
    }
}

/// Joins a line to the open one before it, holds it, or gives it to the dialogue.
fn hear(held: &mut Held, dialogue: &mut Dialogue, raw: Raw<'_>) -> Option<Event> {
    if held.is_open() {
        if !held.takes(raw.text) || dialogue.begins(raw.text) {
            return release(held, dialogue, Some(raw));
        }
        match held.join(raw) {
            Joined::Open => return None,
            Joined::Closed => {
                let (line, noisy) = held.take();
                let (text, end) = (line.as_str(), raw.end);
                return dialogue.sort(Raw { text, end, noisy });
            }
            Joined::TooLong => count(&mut dialogue.counters.overlong),
        }
    }
    if dialogue.opens(raw.text) {
        held.open(raw);
        return None;
    }
    dialogue.sort(raw)
}

/// Gives the open line to the dialogue as it is, and keeps the `next` one for later.
fn release(held: &mut Held, dialogue: &mut Dialogue, next: Option<Raw<'_>>) -> Option<Event> {
    let (line, noisy) = held.take();
    let mut text = line.as_str();
    if let Some(next) = next {
        // An answer without a name that was joined: the last line before the final result.
        let is_final = Final::parse(next.text).is_some();
        let mut answer = "";
        if let Some((before, last)) = text.rsplit_once('\n')
            && is_final
            && dialogue.awaits_bare()
        {
            (text, answer) = (before, last);
        }
        if !held.keep(answer, next) {
            count(&mut dialogue.counters.overlong);
        }
    }
    let end = End::Feed;
    dialogue.sort(Raw { text, end, noisy })
}
