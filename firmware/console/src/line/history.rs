//! History of lines entered in one session.

use std::collections::VecDeque;

/// Number of lines stored.
const LINES_MAX: usize = 50;

/// Lines, the newest last, without duplicates.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
    /// Number of lines back from the newest one.
    back: usize,
    /// The unfinished line from before the first step back.
    draft: String,
}

impl History {
    /// Adds an entered line and returns to the end of the history.
    pub fn push(&mut self, line: &str) {
        self.back = 0;
        self.draft.clear();
        if line.trim().is_empty() {
            return;
        }
        self.lines.retain(|known| known != line);
        self.lines.push_back(line.to_owned());
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
    }

    /// Moves one line back; `typed` is the current text.
    pub fn older(&mut self, typed: &str) -> Option<&str> {
        if self.back >= self.lines.len() {
            return None;
        }
        if self.back == 0 {
            typed.clone_into(&mut self.draft);
        }
        self.back += 1;
        self.at()
    }

    /// Moves one line forward; after the newest one comes the unfinished line.
    pub fn newer(&mut self) -> Option<&str> {
        self.back = self.back.checked_sub(1)?;
        if self.back == 0 {
            Some(&self.draft)
        } else {
            self.at()
        }
    }

    /// Returns to the end of the history.
    pub fn reset(&mut self) {
        self.back = 0;
        self.draft.clear();
    }

    fn at(&self) -> Option<&str> {
        let place = self.lines.len().checked_sub(self.back)?;
        self.lines.get(place).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_survives_browsing_and_duplicates_are_merged() {
        let mut history = History::default();
        for line in ["status", "log", " ", "status"] {
            history.push(line);
        }
        assert_eq!(history.newer(), None);
        assert_eq!(history.older("dra"), Some("status"));
        assert_eq!(history.older("status"), Some("log"));
        assert_eq!(history.older("log"), None);
        assert_eq!(history.newer(), Some("status"));
        assert_eq!(history.newer(), Some("dra"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn history_is_bounded() {
        let mut history = History::default();
        for number in 0..10 * LINES_MAX {
            history.push(&number.to_string());
        }
        assert_eq!(history.lines.len(), LINES_MAX);
        assert_eq!(history.older(""), Some("499"));
    }
}
