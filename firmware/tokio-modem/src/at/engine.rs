//! One command at a time, and everything else that a stick says meanwhile.

use heapless::String;

use super::{
    Answer, COMMAND_MAX, Command, Counters, Final, Line, StartError,
    counters::count,
    line::{Assembler, End},
};

/// What the stick said, or did not say in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A line that belongs to the running command.
    Information(Line),
    /// The running command is finished.
    Result(Final),
    /// A line that nobody asked for.
    Unsolicited(Line),
    /// The running command got no final result in its time; it is given up.
    TimedOut,
}

/// The engine of one port.
#[derive(Default)]
pub struct Engine {
    assembler: Assembler,
    running: Option<Running>,
    mode: Mode,
    /// The stick repeats what it is told.
    echoes: bool,
    /// A command was given up: its result may still come, and must not pass for the next one's.
    late_result: bool,
    /// Argument of the last command until its result is there: no line with it comes out, for it
    /// may be a secret and the line a torn echo.
    guarded: String<COMMAND_MAX>,
    counters: Counters,
}

/// Shortest argument that is guarded: that of the shortest PIN. Shorter ones stand in many lines.
const GUARDED_MIN: usize = 4;

struct Running {
    /// The command with its carriage return.
    wire: String<{ COMMAND_MAX + 1 }>,
    answer: Answer,
    deadline: u64,
    echoed: bool,
    /// The first line of an [`Answer::Text`] came.
    headed: bool,
}

#[derive(Default)]
enum Mode {
    #[default]
    Command,
    /// `CONNECT` is there, its line feed may follow.
    Connecting(Final),
    Data,
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
        if !matches!(self.mode, Mode::Command) {
            return Err(StartError::Data);
        }
        if self.running.is_some() {
            return Err(StartError::Busy);
        }
        command.check()?;
        let mut wire = String::new();
        wire.push_str(command.text)
            .and_then(|()| wire.push('\r'))
            .map_err(|_| StartError::TooLong)?;
        if let Some((_, argument)) = command.text.split_once('=')
            && argument.trim_matches('"').len() >= GUARDED_MIN
        {
            // A part of a command is not longer than one.
            self.guarded = String::try_from(argument.trim_matches('"')).unwrap_or_default();
        }
        let running = self.running.insert(Running {
            wire,
            answer: command.answer,
            deadline: now.saturating_add(command.timeout_ms),
            echoed: false,
            headed: false,
        });
        Ok(running.wire.as_bytes())
    }

    /// Takes bytes off the front of `input` up to the next event. `None`: all of it is taken, or
    /// the port carries data and the rest is the data's.
    pub fn receive(&mut self, input: &mut &[u8]) -> Option<Event> {
        while let Some((&byte, rest)) = input.split_first() {
            match self.mode {
                Mode::Data => return None,
                Mode::Connecting(_) => {
                    if byte == b'\n' {
                        *input = rest;
                    }
                    return self.connected();
                }
                Mode::Command => {}
            }
            *input = rest;
            if let Some((line, end)) = self.assembler.push(byte, &mut self.counters)
                && let Some(event) = self.sort(line, end)
            {
                return Some(event);
            }
        }
        None
    }

    /// Gives up the running command if its time is over.
    pub fn tick(&mut self, now: u64) -> Option<Event> {
        let running = self.running.as_ref()?;
        if now < running.deadline {
            return None;
        }
        if matches!(self.mode, Mode::Connecting(_)) {
            return self.connected();
        }
        self.running = None;
        self.late_result = true;
        Some(Event::TimedOut)
    }

    /// When [`Engine::tick`] has something to do.
    pub fn deadline(&self) -> Option<u64> {
        self.running.as_ref().map(|running| running.deadline)
    }

    /// A command waits for its final result.
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// The port carries data since `CONNECT`.
    pub fn is_data(&self) -> bool {
        matches!(self.mode, Mode::Data)
    }

    /// The call is over: the port listens to commands again. What is left of the last frame is
    /// not taken for a line.
    pub fn leave_data(&mut self) {
        self.mode = Mode::Command;
        self.assembler.resync();
    }

    /// Input that made no sense so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn connected(&mut self) -> Option<Event> {
        self.running = None;
        match core::mem::replace(&mut self.mode, Mode::Data) {
            Mode::Connecting(result) => Some(Event::Result(result)),
            Mode::Command | Mode::Data => None,
        }
    }

    /// Whose line it is.
    fn sort(&mut self, line: Line, end: End) -> Option<Event> {
        if let Some(running) = &mut self.running
            && line.as_str() == running.wire.trim()
        {
            running.echoed = true;
            self.echoes = true;
            self.late_result = false;
            return None;
        }
        if !self.guarded.is_empty() && line.contains(self.guarded.as_str()) {
            count(&mut self.counters.unmatched);
            return None;
        }
        if let Some(result) = Final::parse(&line) {
            return self.finish(result, line, end);
        }
        if let Some(running) = &mut self.running {
            let belongs = match running.answer {
                Answer::Prefixed(prefix) => line.starts_with(prefix),
                Answer::Bare(prefix) => line.starts_with(prefix) || is_bare(&line),
                Answer::Text(prefix) => {
                    running.headed |= line.starts_with(prefix);
                    running.headed && (line.starts_with(prefix) || !is_unsolicited(&line))
                }
                Answer::Nothing | Answer::Call => false,
            };
            if belongs {
                return Some(Event::Information(line));
            }
        }
        let is_torn_echo = self
            .running
            .as_ref()
            .is_some_and(|running| running.wire.trim().ends_with(line.as_str()));
        if is_unsolicited(&line) && !is_torn_echo {
            return Some(Event::Unsolicited(line));
        }
        count(&mut self.counters.unmatched);
        None
    }

    fn finish(&mut self, result: Final, line: Line, end: End) -> Option<Event> {
        let answer = self.running.as_ref().map(|running| running.answer);
        if result.is_about_a_call() && answer != Some(Answer::Call) {
            return Some(Event::Unsolicited(line));
        }
        let connects = matches!(result, Final::Connect(_));
        let echoed = self.running.as_ref().is_some_and(|running| running.echoed);
        let is_late = self.late_result && self.echoes && !echoed && !connects;
        if answer.is_none() || is_late || (connects && answer != Some(Answer::Call)) {
            count(&mut self.counters.stray);
            return None;
        }
        if connects {
            self.mode = Mode::Connecting(result);
            return match end {
                End::Feed => self.connected(),
                End::Return => None,
            };
        }
        self.running = None;
        self.guarded.clear();
        Some(Event::Result(result))
    }
}

/// The form of every unsolicited line known: `RING`, `+NAME:…`, `^NAME:…`, and `+ZEND` alone. An
/// echo with its start lost has it only where it has no arguments.
fn is_unsolicited(line: &str) -> bool {
    let Some(rest) = line.strip_prefix(['+', '^']) else {
        return line == "RING";
    };
    let (name, _) = rest.split_once(':').unwrap_or((rest, ""));
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Text that stands for itself, as models and serial numbers do. Commands echoed late do not.
fn is_bare(line: &str) -> bool {
    !is_unsolicited(line) && !line.starts_with("AT") && !line.contains('=')
}
