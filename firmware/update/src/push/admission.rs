//! Admission of connections that have not proven a key yet: their limit, and which one is evicted.
//! Pure.

use std::{collections::VecDeque, net::IpAddr};

/// Concurrent handshakes. Each takes a thread for three seconds at most.
const HANDSHAKES: usize = 8;

/// Concurrent connections that have proven a key; one of them can write.
const PROVEN: usize = 4;

/// Identifies a connection.
pub(crate) type ConnectionId = u64;

/// Connection table, with what is needed to close each of them.
pub(crate) struct Admission<T> {
    next: ConnectionId,
    /// In the order in which they came.
    unproven: VecDeque<(ConnectionId, IpAddr, T)>,
    proven: usize,
}

impl<T> Admission<T> {
    /// Starts without a connection.
    pub(crate) const fn new() -> Self {
        Self {
            next: 0,
            unproven: VecDeque::new(),
            proven: 0,
        }
    }

    /// Adds a connection from `source`. Returns its identifier, and the connection to close if the
    /// table is full: the oldest of the source with the most, so that one host that is silent on
    /// all of them keeps out nothing but itself.
    pub(crate) fn admit(&mut self, source: IpAddr, connection: T) -> (ConnectionId, Option<T>) {
        let id = self.next;
        self.next += 1;
        self.unproven.push_back((id, source, connection));
        let evicted = (self.unproven.len() > HANDSHAKES)
            .then(|| self.most_common())
            .flatten()
            .and_then(|at| self.unproven.remove(at))
            .map(|(_, _, connection)| connection);
        (id, evicted)
    }

    /// Returns the index of the oldest connection of the source with the most; of those with
    /// equally many, the oldest of all.
    fn most_common(&self) -> Option<usize> {
        let of = |source: IpAddr| self.unproven.iter().filter(|it| it.1 == source).count();
        let places = self.unproven.iter().enumerate();
        let (at, _) = places.rev().max_by_key(|(_, it)| of(it.1))?;
        Some(at)
    }

    /// Records that the connection has proven a key. Returns false if there are too many that have,
    /// or if it was evicted: it must be closed then.
    pub(crate) fn on_proven(&mut self, id: ConnectionId) -> bool {
        let was_present = self.remove(id);
        let is_admitted = was_present && self.proven < PROVEN;
        self.proven += usize::from(is_admitted);
        is_admitted
    }

    /// Records that the handshake of a connection has failed. Returns whether it was still there.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> bool {
        let before = self.unproven.len();
        self.unproven.retain(|it| it.0 != id);
        self.unproven.len() < before
    }

    /// Records that a connection that had proven a key is closed.
    pub(crate) const fn release(&mut self) {
        self.proven = self.proven.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> IpAddr {
        [192, 168, 88, last].into()
    }

    #[test]
    fn silent_host_evicts_only_its_own_connections() {
        let mut admission = Admission::new();
        for n in 0..HANDSHAKES {
            assert_eq!(admission.admit(host(66), n).1, None);
        }
        let (owner, evicted) = admission.admit(host(10), 1000);
        assert_eq!(evicted, Some(0));
        for n in 1..50 {
            let (_, evicted) = admission.admit(host(66), 100 + n);
            assert_ne!(evicted, Some(1000));
            assert!(evicted.is_some());
        }
        assert!(admission.on_proven(owner));
    }

    #[test]
    fn oldest_is_evicted_if_all_hosts_have_as_many() {
        let mut admission = Admission::new();
        for n in 0..HANDSHAKES {
            admission.admit(host(u8::try_from(n).unwrap()), n);
        }
        let (_, evicted) = admission.admit(host(200), 1000);
        assert_eq!(evicted, Some(0));
    }

    #[test]
    fn evicted_connection_is_not_admitted() {
        let mut admission = Admission::new();
        let (first, _) = admission.admit(host(1), 0);
        for n in 1..=HANDSHAKES {
            admission.admit(host(1), n);
        }
        assert!(!admission.on_proven(first));
        assert!(!admission.remove(first));
    }

    #[test]
    fn proven_connections_are_bounded_and_released() {
        let mut admission = Admission::new();
        for _ in 0..PROVEN {
            let (id, _) = admission.admit(host(1), ());
            assert!(admission.on_proven(id));
        }
        let (id, _) = admission.admit(host(1), ());
        assert!(!admission.on_proven(id));
        admission.release();
        let (id, _) = admission.admit(host(1), ());
        assert!(admission.on_proven(id));
    }
}
