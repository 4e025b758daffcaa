//! The running command, and classification of each line by it.

use heapless::String;

use super::{
    Answer, COMMAND_MAX, Command, Counters, Event, Final, Line, StartError,
    counters::count,
    form::{
        is_bare, is_command, is_open, is_result, is_unsolicited, is_unsolicited_in_text, is_word,
    },
    line::{End, Raw},
};

/// Shortest argument that is guarded: that of the shortest PIN. Shorter ones stand in many lines.
const GUARD_MIN: usize = 4;

/// Shortest part of an echo that is recognised, in bytes.
const ECHO_MIN: usize = 3;

/// Time from a doubtful result until it counts, in milliseconds. A stick echoes a command before it
/// runs it, within milliseconds of its output before.
const DOUBT_MS: u64 = 500;

/// Dialogue state: the running command, and what earlier ones have shown about the stick.
#[derive(Default)]
pub(super) struct Dialogue {
    running: Option<Running>,
    mode: Mode,
    /// Whether the stick echoes, as far as is known.
    echoes: bool,
    /// A command timed out and its result may still come.
    late_result_possible: bool,
    /// Data mode was left, and the stick may still report the end of the call.
    call_left: bool,
    /// Argument of the last command until its result: lines that contain it are dropped, for it may be a
    /// secret and the line a torn echo.
    redaction_guard: String<COMMAND_MAX>,
    pub(super) counters: Counters,
}

struct Running {
    /// The command with its carriage return.
    wire: String<{ COMMAND_MAX + 1 }>,
    answer: Answer,
    deadline: u64,
    echoed: bool,
    /// The first line of an [`Answer::Text`] was received.
    headed: bool,
    /// A line of the answer was received.
    answered: bool,
    doubtful: Option<Doubtful>,
}

/// A result that may belong to an earlier command.
struct Doubtful {
    result: Final,
    /// When it counts, in milliseconds; set by the first tick after it.
    until: Option<u64>,
}

#[derive(Default)]
pub(super) enum Mode {
    #[default]
    Command,
    /// `CONNECT` was received, its line feed may follow.
    Connecting(Final),
    Data,
}

impl Dialogue {
    pub(super) fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Returns whether the stick is known to echo.
    pub(super) fn echoes(&self) -> bool {
        self.echoes
    }

    pub(super) fn start(&mut self, command: &Command<'_>, now: u64) -> Result<&[u8], StartError> {
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
            && argument.trim_matches('"').len() >= GUARD_MIN
        {
            // It fits: it is part of a command.
            self.redaction_guard = String::try_from(argument.trim_matches('"')).unwrap_or_default();
        }
        let running = self.running.insert(Running {
            wire,
            answer: command.answer,
            deadline: now.saturating_add(command.timeout_ms),
            echoed: false,
            headed: false,
            answered: false,
            doubtful: None,
        });
        Ok(running.wire.as_bytes())
    }

    /// Times the running command out, or ends it with a doubtful result that now counts.
    pub(super) fn tick(&mut self, now: u64) -> Option<Event> {
        let running = self.running.as_mut()?;
        if let Some(doubtful) = &mut running.doubtful {
            let until = *doubtful
                .until
                .get_or_insert(now.saturating_add(DOUBT_MS).min(running.deadline));
            let result = running.doubtful.take_if(|_| now >= until)?.result;
            return Some(self.accept(result));
        }
        if now < running.deadline {
            return None;
        }
        if matches!(self.mode, Mode::Connecting(_)) {
            return self.connected();
        }
        self.running = None;
        self.late_result_possible = true;
        Some(Event::TimedOut)
    }

    /// Returns when [`Dialogue::tick`] is due, in milliseconds; 0 if it has to start a time.
    pub(super) fn deadline(&self) -> Option<u64> {
        let running = self.running.as_ref()?;
        let doubtful = running.doubtful.as_ref();
        Some(doubtful.map_or(running.deadline, |doubtful| doubtful.until.unwrap_or(0)))
    }

    pub(super) fn is_expired(&self, now: u64) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| now >= running.deadline)
    }

    pub(super) fn leave_data(&mut self) {
        self.mode = Mode::Command;
        self.call_left = true;
    }

    /// Completes `CONNECT`: what follows is data.
    pub(super) fn connected(&mut self) -> Option<Event> {
        self.running = None;
        match core::mem::replace(&mut self.mode, Mode::Data) {
            Mode::Connecting(result) => Some(Event::Result(result)),
            Mode::Command | Mode::Data => None,
        }
    }

    /// Returns whether `line` cannot be the rest of a quoted text.
    pub(super) fn begins(&self, line: &str) -> bool {
        let is_running = self.running.as_ref().is_some_and(|running| {
            running.is_echo(line) || (running.answer.expects_lines() && running.answer.begins(line))
        });
        is_running
            || is_result(line)
            || is_word(line)
            || is_command(line)
            || Final::parse(line).is_some()
    }

    /// Returns whether `line` has an open quote that a later line may close. Headers of messages have
    /// none: the text is not quoted.
    pub(super) fn opens(&self, line: &str) -> bool {
        if !is_open(line) {
            return false;
        }
        let answer = self.running.as_ref().map(|running| running.answer);
        let is_answer = answer.is_some_and(|answer| answer.expects_lines() && answer.begins(line));
        let is_message = is_answer && matches!(answer, Some(Answer::Text(_)));
        (is_answer || is_unsolicited(line)) && !is_message && Final::parse(line).is_none()
    }

    /// Returns whether a line without a name may still be the answer.
    pub(super) fn awaits_bare(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| matches!(running.answer, Answer::Bare(_)) && !running.answered)
    }

    /// Classifies a line: echo, result, answer, unsolicited or noise.
    pub(super) fn classify(&mut self, raw: Raw<'_>) -> Option<Event> {
        let line = raw.text;
        if self.is_echo_line(raw) {
            return None;
        }
        let has_guard = |line: &str| line.contains(self.redaction_guard.as_str());
        // A line with a wrong byte may be an echo that the comparison misses.
        if !self.redaction_guard.is_empty()
            && (has_guard(line) || (raw.noisy && line.contains('=')))
        {
            self.drop_line(raw);
            return None;
        }
        if let Some(result) = Final::parse(line) {
            return self.on_result(result, raw);
        }
        if self.belongs(raw) {
            return Some(Event::Information(owned(line)));
        }
        let is_torn_echo = self
            .running
            .as_ref()
            .is_some_and(|running| running.wire.trim_end().ends_with(line));
        if is_unsolicited(line) && !is_torn_echo {
            return Some(Event::Unsolicited(owned(line)));
        }
        self.drop_line(raw);
        None
    }

    fn drop_line(&mut self, raw: Raw<'_>) {
        count(if raw.noisy {
            &mut self.counters.noisy
        } else {
            &mut self.counters.unmatched
        });
    }

    /// Returns whether the line is the echo of the running command. Parts of an echo are recorded as
    /// one, and cause no event later.
    fn is_echo_line(&mut self, raw: Raw<'_>) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        let whole = running.is_echo(raw.text);
        if !whole && (running.echoed || !running.is_piece_of_echo(raw.text)) {
            return false;
        }
        running.echoed = true;
        self.echoes = true;
        if running.doubtful.take().is_some() {
            count(&mut self.counters.stray);
            self.late_result_possible = false;
        }
        whole
    }

    /// Returns whether the line belongs to the answer to the running command.
    fn belongs(&mut self, raw: Raw<'_>) -> bool {
        let line = raw.text;
        let Some(running) = &mut self.running else {
            return false;
        };
        let named = running.answer.begins(line);
        let belongs = match running.answer {
            Answer::Bare(_) => {
                // A line without a name does not show which command it answers.
                let may_be_late = self.late_result_possible && self.echoes && !running.echoed;
                named || (is_bare(line) && !raw.noisy && !may_be_late && !running.is_tail(line))
            }
            Answer::Text(_) => {
                running.headed |= named;
                running.headed && (named || !is_unsolicited_in_text(line))
            }
            _ => named,
        };
        if belongs {
            running.answered = true;
            if running.doubtful.take().is_some() {
                count(&mut self.counters.stray);
                self.late_result_possible = false;
            }
        }
        belongs
    }

    fn on_result(&mut self, result: Final, raw: Raw<'_>) -> Option<Event> {
        let answer = self.running.as_ref().map(|running| running.answer);
        if result.is_about_a_call() && answer != Some(Answer::Call) {
            self.call_left = false;
            return Some(Event::Unsolicited(owned(raw.text)));
        }
        let connects = matches!(result, Final::Connect(_));
        let Some(running) = &mut self.running else {
            return self.on_stray_result(&result, raw);
        };
        if connects && running.answer != Answer::Call {
            count(&mut self.counters.stray);
            return None;
        }
        let is_second = running.doubtful.take().is_some();
        if is_second {
            count(&mut self.counters.stray);
            self.late_result_possible = false;
        }
        if connects {
            self.mode = Mode::Connecting(result);
            return match raw.end {
                End::Feed => self.connected(),
                End::Return => None,
            };
        }
        let is_doubtful = if running.echoed {
            self.late_result_possible && running.answer.expects_lines() && !running.answered
        } else {
            let was_left = self.call_left && result.is_about_a_call();
            let is_answered = running.answered && !self.late_result_possible;
            (self.echoes || self.late_result_possible || was_left) && !is_answered
        };
        if is_doubtful {
            running.doubtful = Some(Doubtful {
                result,
                until: None,
            });
            return None;
        }
        Some(self.accept(result))
    }

    /// Handles a result while no command runs. An error may belong to what an earlier `OK` only began,
    /// as in a USSD dialogue.
    fn on_stray_result(&mut self, result: &Final, raw: Raw<'_>) -> Option<Event> {
        let is_late = core::mem::take(&mut self.late_result_possible);
        if result.is_error() && !is_late {
            return Some(Event::Unsolicited(owned(raw.text)));
        }
        count(&mut self.counters.stray);
        None
    }

    /// Ends the running command with this result.
    fn accept(&mut self, result: Final) -> Event {
        if let Some(running) = self.running.take() {
            self.echoes &= running.echoed;
            if result == Final::Ok && changes_echo(running.wire.trim_end()) {
                self.echoes = false;
            }
        }
        self.late_result_possible = false;
        self.call_left = false;
        self.redaction_guard.clear();
        Event::Result(result)
    }
}

impl Running {
    /// Returns whether the line is the whole command, maybe after something that lost its end.
    fn is_echo(&self, line: &str) -> bool {
        let wire = self.wire.trim();
        line == wire || (!self.echoed && wire.len() > ECHO_MIN && line.ends_with(wire))
    }

    fn is_tail(&self, line: &str) -> bool {
        line.len() >= ECHO_MIN && self.wire.trim().ends_with(line)
    }

    fn is_piece_of_echo(&self, line: &str) -> bool {
        let is_head = line.len() >= ECHO_MIN && self.wire.trim().starts_with(line);
        is_head || self.is_tail(line) || (line.starts_with("AT") && !line.is_ascii())
    }
}

/// Returns whether a command switches the echo off or loads settings that may (V.250, 6.2.4 and
/// 6.1.1). That it is on is known from the next echo.
fn changes_echo(command: &str) -> bool {
    let basic = command.get(2..).unwrap_or_default();
    let end = basic.find(['+', '^', '%', '*', '$', '_', '#', '!', '&', 'D', 'S']);
    let basic = basic.get(..end.unwrap_or(basic.len())).unwrap_or_default();
    let echo = basic.split_once('E').map(|(_, value)| value);
    basic.contains('Z') || echo.is_some_and(|value| !value.starts_with('1'))
}

/// Copies a line for an event.
fn owned(line: &str) -> Line {
    // It fits: it was a line.
    Line::try_from(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_may_end_the_echo_are_recognised() {
        for command in [
            "ATE0",
            "ATE",
            "ATQ0V1E0",
            "ATQ0 V1 E0",
            "ATZ",
            "ATE0+CMEE=1",
        ] {
            assert!(changes_echo(command), "{command}");
        }
        for command in [
            "AT",
            "ATE1",
            "ATQ0 V1 E1",
            "AT+CEREG?",
            "ATD*99#",
            "AT+CGMM",
            "ATH",
            "A",
        ] {
            assert!(!changes_echo(command), "{command}");
        }
    }
}
