//! Lines typed before, for as long as the person stays.

use std::collections::VecDeque;

/// More than anybody goes back.
const MOST: usize = 50;

/// Lines, the newest last, none twice.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
    /// Steps back from the present.
    back: usize,
    /// What was being typed before the first step.
    draft: String,
}

impl History {
    /// Keeps a line that was entered; the present is after it.
    pub fn push(&mut self, line: &str) {
        self.back = 0;
        self.draft.clear();
        if line.trim().is_empty() {
            return;
        }
        self.lines.retain(|known| known != line);
        self.lines.push_back(line.to_owned());
        if self.lines.len() > MOST {
            self.lines.pop_front();
        }
    }

    /// One line further back; `typed` is what stands there now.
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

    /// One line towards the present, which is what was being typed.
    pub fn newer(&mut self) -> Option<&str> {
        self.back = self.back.checked_sub(1)?;
        if self.back == 0 {
            Some(&self.draft)
        } else {
            self.at()
        }
    }

    /// Begins at the present again.
    pub fn leave(&mut self) {
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
    fn back_and_forth_with_the_draft_kept_and_no_line_twice() {
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
    fn it_is_bounded() {
        let mut history = History::default();
        for number in 0..10 * MOST {
            history.push(&number.to_string());
        }
        assert_eq!(history.lines.len(), MOST);
        assert_eq!(history.older(""), Some("499"));
    }
}
