//! Lines held back because a quoted field is still open.

use super::{
    Line,
    form::is_open,
    line::{End, Raw},
};

/// Time from the last line of an open quote to its end, in milliseconds. A stick writes the lines of
/// one text at once; two seconds are far more than it takes under load.
const OPEN_MS: u64 = 2_000;

/// Lines that were received but not delivered yet.
#[derive(Default)]
pub(super) struct PendingLines {
    /// Separated by line feeds.
    lines: Line,
    noisy: bool,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Empty,
    /// An open quote; more lines may be joined.
    Open {
        /// When it ends at the latest, in milliseconds; set by the first tick after its last line.
        until: Option<u64>,
        /// A command was written since that may not be echoed: only a line with a quote is joined.
        sealed: bool,
    },
    /// Lines queued while an earlier one was delivered, and the end of the last.
    Ready(End),
}

/// Result of joining a line.
pub(super) enum Joined {
    /// The quote is still open.
    Open,
    /// The quote is closed.
    Closed,
    /// Both do not fit; all were dropped.
    TooLong,
}

impl PendingLines {
    /// Stores a line with an open quote.
    pub(super) fn open(&mut self, raw: Raw<'_>) {
        self.lines.clear();
        // It fits: it is a line.
        let _ = self.lines.push_str(raw.text);
        self.noisy = raw.noisy;
        self.state = State::Open {
            until: None,
            sealed: false,
        };
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Records that a command is written whose echo is not certain.
    pub(super) fn seal(&mut self) {
        if let State::Open { sealed, .. } = &mut self.state {
            *sealed = true;
        }
    }

    /// Returns whether `line` may be joined, if its form allows it.
    pub(super) fn accepts(&self, line: &str) -> bool {
        match self.state {
            State::Open { sealed, .. } => !sealed || line.contains('"'),
            State::Empty | State::Ready(_) => false,
        }
    }

    pub(super) fn join(&mut self, raw: Raw<'_>) -> Joined {
        if self.lines.push('\n').is_err() || self.lines.push_str(raw.text).is_err() {
            self.clear();
            return Joined::TooLong;
        }
        self.noisy |= raw.noisy;
        if !is_open(&self.lines) {
            return Joined::Closed;
        }
        if let State::Open { until, .. } = &mut self.state {
            *until = None;
        }
        Joined::Open
    }

    /// Takes all lines as one.
    pub(super) fn take(&mut self) -> (Line, bool) {
        self.state = State::Empty;
        let noisy = core::mem::take(&mut self.noisy);
        (core::mem::take(&mut self.lines), noisy)
    }

    /// Queues `before`, if it is not empty, and then `next`. Returns false if both do not fit; then only
    /// `next` is queued.
    pub(super) fn keep(&mut self, before: &str, next: Raw<'_>) -> bool {
        self.clear();
        self.noisy = next.noisy;
        self.state = State::Ready(next.end);
        let both = before.len() + usize::from(!before.is_empty()) + next.text.len();
        let fits = both <= self.lines.capacity();
        if fits && !before.is_empty() {
            let _ = self.lines.push_str(before);
            let _ = self.lines.push('\n');
        }
        let _ = self.lines.push_str(next.text);
        fits
    }

    /// Takes the next queued line.
    pub(super) fn ready(&mut self) -> Option<(Line, End, bool)> {
        let State::Ready(end) = self.state else {
            return None;
        };
        let (all, noisy) = self.take();
        match all.split_once('\n') {
            Some((first, rest)) => {
                let rest = Raw {
                    text: rest,
                    end,
                    noisy,
                };
                self.keep("", rest);
                // It fits: it is part of the line.
                let first = Line::try_from(first).unwrap_or_default();
                Some((first, End::Feed, noisy))
            }
            None => Some((all, end, noisy)),
        }
    }

    /// Returns whether the open quote has timed out at `now`; starts its time if that has not begun.
    pub(super) fn has_expired(&mut self, now: u64) -> bool {
        match &mut self.state {
            State::Open { until, .. } => now >= *until.get_or_insert(now.saturating_add(OPEN_MS)),
            State::Empty | State::Ready(_) => false,
        }
    }

    /// Returns when the open quote ends, in milliseconds; 0 if its time has not begun.
    pub(super) fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Open { until, .. } => Some(until.unwrap_or(0)),
            State::Empty | State::Ready(_) => None,
        }
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.noisy = false;
        self.state = State::Empty;
    }
}
