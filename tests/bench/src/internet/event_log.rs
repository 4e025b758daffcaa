//! Event log of a service: tests read it and wait for entries.

use std::{
    fmt::Debug,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Timeout of an expected event.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected} within {bound:?}, saw {seen}")]
pub struct TimedOut {
    expected: String,
    bound: Duration,
    seen: String,
}

/// Log entries in order of arrival.
#[derive(Debug)]
pub(crate) struct EventLog<T> {
    entries: Mutex<Vec<T>>,
    grown: Condvar,
}

impl<T: Clone + Debug> EventLog<T> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Mutex::new(Vec::new()),
            grown: Condvar::new(),
        }
    }

    pub(crate) fn push(&self, entry: T) {
        self.lock().push(entry);
        self.grown.notify_all();
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Returns the first entry accepted by `wanted`, past or future.
    pub(crate) fn wait(
        &self,
        expected: &str,
        bound: Duration,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<T, TimedOut> {
        let end = Instant::now() + bound;
        let mut entries = self.lock();
        loop {
            if let Some(entry) = entries.iter().find(|entry| wanted(entry)) {
                return Ok(entry.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TimedOut {
                    expected: expected.to_owned(),
                    bound,
                    seen: format!("{:?}", *entries),
                });
            }
            entries = self
                .grown
                .wait_timeout(entries, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // A list stays whole whatever befell the thread that held it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn wait_returns_entry_or_error_lists_entries() {
        let journal = Arc::new(EventLog::new());
        let writer = Arc::clone(&journal);
        let handle = thread::spawn(move || (1..=3).for_each(|n| writer.push(n)));
        let found = journal.wait("three", Duration::from_secs(10), |n| *n == 3);
        assert_eq!(found.unwrap(), 3);
        handle.join().unwrap();
        let error = journal.wait("a four", Duration::from_millis(1), |n| *n == 4);
        assert_eq!(
            error.unwrap_err().to_string(),
            "expected a four within 1ms, saw [1, 2, 3]"
        );
    }
}
