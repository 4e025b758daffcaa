//! Connections that have not proven a key yet: how many there may be, and which one makes room.
//! Pure.

use std::{collections::VecDeque, net::IpAddr};

/// Handshakes at once. Each takes a thread for three seconds at most.
const HANDSHAKES: usize = 8;

/// Connections at once that have proven a key; one of them can write.
const PROVEN: usize = 4;

/// Names a connection.
pub(crate) type Id = u64;

/// The connections, each with what is needed to close it.
pub(crate) struct Door<T> {
    next: Id,
    /// In the order in which they came.
    unproven: VecDeque<(Id, IpAddr, T)>,
    proven: usize,
}

impl<T> Door<T> {
    /// Starts without a connection.
    pub(crate) const fn new() -> Self {
        Self {
            next: 0,
            unproven: VecDeque::new(),
            proven: 0,
        }
    }

    /// Takes a connection from `source`. Returns its name, and the connection to close for it where
    /// there is no room: the oldest of the source with the most, so that one host that is silent on
    /// all of them keeps out nothing but itself.
    pub(crate) fn admit(&mut self, source: IpAddr, connection: T) -> (Id, Option<T>) {
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

    /// Place of the oldest connection of the source with the most; of those with equally many, the
    /// oldest of all.
    fn most_common(&self) -> Option<usize> {
        let of = |source: IpAddr| self.unproven.iter().filter(|it| it.1 == source).count();
        let places = self.unproven.iter().enumerate();
        let (at, _) = places.rev().max_by_key(|(_, it)| of(it.1))?;
        Some(at)
    }

    /// Records that the connection has proven a key. Returns false where there are too many that
    /// have, or where it had to make room: it must be closed then.
    pub(crate) fn prove(&mut self, id: Id) -> bool {
        let was_there = self.forget(id);
        let may_stay = was_there && self.proven < PROVEN;
        self.proven += usize::from(may_stay);
        may_stay
    }

    /// Records that the handshake of a connection has failed. Returns whether it was still there.
    pub(crate) fn forget(&mut self, id: Id) -> bool {
        let before = self.unproven.len();
        self.unproven.retain(|it| it.0 != id);
        self.unproven.len() < before
    }

    /// Records that a connection that had proven a key is closed.
    pub(crate) const fn leave(&mut self) {
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
    fn silent_host_keeps_out_nothing_but_itself() {
        let mut door = Door::new();
        for n in 0..HANDSHAKES {
            assert_eq!(door.admit(host(66), n).1, None);
        }
        let (owner, evicted) = door.admit(host(10), 1000);
        assert_eq!(evicted, Some(0));
        for n in 1..50 {
            let (_, evicted) = door.admit(host(66), 100 + n);
            assert_ne!(evicted, Some(1000));
            assert!(evicted.is_some());
        }
        assert!(door.prove(owner));
    }

    #[test]
    fn oldest_makes_room_where_all_hosts_have_as_many() {
        let mut door = Door::new();
        for n in 0..HANDSHAKES {
            door.admit(host(u8::try_from(n).unwrap()), n);
        }
        let (_, evicted) = door.admit(host(200), 1000);
        assert_eq!(evicted, Some(0));
    }

    #[test]
    fn connection_that_made_room_cannot_prove_itself() {
        let mut door = Door::new();
        let (first, _) = door.admit(host(1), 0);
        for n in 1..=HANDSHAKES {
            door.admit(host(1), n);
        }
        assert!(!door.prove(first));
        assert!(!door.forget(first));
    }

    #[test]
    fn proven_connections_are_bounded_and_leave_room() {
        let mut door = Door::new();
        for _ in 0..PROVEN {
            let (id, _) = door.admit(host(1), ());
            assert!(door.prove(id));
        }
        let (id, _) = door.admit(host(1), ());
        assert!(!door.prove(id));
        door.leave();
        let (id, _) = door.admit(host(1), ());
        assert!(door.prove(id));
    }
}
