//! How many requests the pages' server has at a time, and which wait. Pure.

use std::collections::VecDeque;

use crate::gate::Id;

/// Requests that the pages' server has at a time. `tiny_http` keeps four threads and adds one
/// where all are busy, so half of them leaves room for those that are about to become idle.
pub(crate) const AT_ONCE: usize = 2;

/// Requests that wait for that; further ones are refused at once.
pub(crate) const WAITING: usize = 16;

/// The requests under way.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    running: usize,
    waiting: VecDeque<Id>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Hand it over now.
    Run,
    /// It is handed over when another has ended.
    Wait,
    /// Too many wait.
    Refuse,
}

impl Errands {
    /// Takes in a request of `client`.
    pub(crate) fn add(&mut self, client: Id) -> Errand {
        if self.running < AT_ONCE {
            self.running += 1;
            Errand::Run
        } else if self.waiting.len() < WAITING {
            self.waiting.push_back(client);
            Errand::Wait
        } else {
            Errand::Refuse
        }
    }

    /// Takes in that one has ended. Returns the one to be handed over instead.
    pub(crate) fn ended(&mut self) -> Option<Id> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running = self.running.saturating_sub(1);
        }
        next
    }

    /// Forgets a client that waits no more.
    pub(crate) fn forget(&mut self, client: Id) {
        self.waiting.retain(|waiting| *waiting != client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: usize) -> Id {
        Id {
            index: u32::try_from(index).unwrap(),
            generation: 0,
        }
    }

    #[test]
    fn requests_run_wait_in_order_or_are_refused() {
        let mut errands = Errands::default();
        for index in 0..AT_ONCE {
            assert_eq!(errands.add(id(index)), Errand::Run);
        }
        let waiting = AT_ONCE..AT_ONCE + WAITING;
        for index in waiting.clone() {
            assert_eq!(errands.add(id(index)), Errand::Wait);
        }
        assert_eq!(errands.add(id(99)), Errand::Refuse);
        errands.forget(id(AT_ONCE));
        for index in waiting.skip(1) {
            assert_eq!(errands.ended(), Some(id(index)));
        }
        for _ in 0..AT_ONCE {
            assert_eq!(errands.ended(), None);
        }
        for index in 0..AT_ONCE {
            assert_eq!(errands.add(id(index)), Errand::Run);
        }
        assert_eq!(errands.add(id(9)), Errand::Wait);
    }
}
