//! Queue of the requests to the pages' server: how many run at a time, and which wait. Pure.

use std::collections::VecDeque;

use crate::gate::Id;

/// Largest number of requests given to the pages' server at a time. `tiny_http` keeps four threads
/// and adds one when all are busy, so half of them leaves room for those that are about to become
/// idle.
pub(crate) const MAX_RUNNING: usize = 2;

/// Largest number of waiting requests; further ones are refused at once.
pub(crate) const MAX_WAITING: usize = 16;

/// Running and waiting requests.
#[derive(Debug, Default)]
pub(crate) struct RequestQueue {
    running: usize,
    waiting: VecDeque<Id>,
}

/// Decision on a new request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueDecision {
    /// Send it to the server now.
    Run,
    /// It waits until another has ended.
    Wait,
    /// Too many are waiting.
    Refuse,
}

impl RequestQueue {
    /// Adds a request of `client`.
    pub(crate) fn add(&mut self, client: Id) -> QueueDecision {
        if self.running < MAX_RUNNING {
            self.running += 1;
            QueueDecision::Run
        } else if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(client);
            QueueDecision::Wait
        } else {
            QueueDecision::Refuse
        }
    }

    /// Records that a request has ended. Returns the client whose request is sent next.
    pub(crate) fn ended(&mut self) -> Option<Id> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running = self.running.saturating_sub(1);
        }
        next
    }

    /// Removes a client that waits no more.
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
        let mut request_queue = RequestQueue::default();
        for index in 0..MAX_RUNNING {
            assert_eq!(request_queue.add(id(index)), QueueDecision::Run);
        }
        let waiting = MAX_RUNNING..MAX_RUNNING + MAX_WAITING;
        for index in waiting.clone() {
            assert_eq!(request_queue.add(id(index)), QueueDecision::Wait);
        }
        assert_eq!(request_queue.add(id(99)), QueueDecision::Refuse);
        request_queue.forget(id(MAX_RUNNING));
        for index in waiting.skip(1) {
            assert_eq!(request_queue.ended(), Some(id(index)));
        }
        for _ in 0..MAX_RUNNING {
            assert_eq!(request_queue.ended(), None);
        }
        for index in 0..MAX_RUNNING {
            assert_eq!(request_queue.add(id(index)), QueueDecision::Run);
        }
        assert_eq!(request_queue.add(id(9)), QueueDecision::Wait);
    }
}
