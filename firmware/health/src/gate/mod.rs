//! Bounded reverse proxy of one port: admission, request, answer and end of each connection. Pure:
//! a state machine on milliseconds since boot; the driver owns the sockets.
//!
//! ```text
//! admit ─ Reading ─ received ─ Sending ─ sent ─ Lingering ─ ended
//!            │         └─ Asking ─┘                 │
//!            └ evicted, expired            evicted, expired
//! ```
//!
//! A request is answered in the turn in which its last byte is read, so a complete one is never
//! evicted. Nothing here allocates once the table has been full.

mod connection_table;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use failberry_state::BootMillis;

pub(crate) use self::connection_table::Id;
use self::connection_table::{ConnectionTable, EvictionLoss};
use crate::{
    head::{Head, Progress},
    reply::Reply,
    request::{Method, Request},
};

/// Time from accept to the complete request, in milliseconds; Route 53 gives up after 4 s.
pub(crate) const DEADLINE_MS: u64 = 6_000;

/// Shortest time from the answer to the end of the connection, in milliseconds. Closing while the
/// peer still sends is a reset, which can overtake the answer (RFC 9112, section 9.6).
pub(crate) const LINGER_MS: u64 = 2_000;

/// Largest number of bytes that are read and dropped behind a request before its connection is
/// ended.
const MAX_DROPPED: usize = 64 * 1024;

/// Audience of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The open internet, which gets nothing but "ok".
    Public,
    /// The LAN, which gets the pages.
    Lan,
}

/// Next operation of the driver on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Next {
    /// Wait for the next event.
    Wait,
    /// Send this, then report [`Gate::sent`].
    Reply(Reply),
    /// Send the request to the pages' server; then report [`Gate::page`] or [`Gate::unavailable`].
    Ask,
    /// Shut down the sending side and go on reading.
    Finish,
    /// Close. The connection is no longer in the table.
    Close,
    /// Close with a reset: no answer is pending, and nothing of it shall stay in the kernel. The
    /// connection is no longer in the table.
    Reset,
}

/// Decision on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Admitted, with this identifier.
    Place(Id),
    /// The table is full. Read what this connection has sent, [`Gate::evict`] it, and try again.
    Full(Id),
    /// The table is full and no connection may be evicted: reset the new one.
    Refused,
}

/// Requests counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestCounters {
    pub(crate) answered: u64,
    pub(crate) malformed: u64,
    /// Why the latest malformed one was so.
    pub(crate) fault: Option<&'static str>,
}

/// State of all connections of one port.
#[derive(Debug)]
pub(crate) struct Gate {
    audience: Audience,
    connections: ConnectionTable<ConnectionState>,
    tally: RequestCounters,
    /// Earliest possible deadline.
    wake: Option<BootMillis>,
}

/// One connection.
#[derive(Debug)]
struct ConnectionState {
    head: Head,
    stage: Stage,
    deadline: BootMillis,
    /// The peer has shut down its sending side.
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The request has not arrived yet.
    Reading,
    /// The pages' server has the request.
    Asking,
    /// The answer is being sent.
    Sending,
    /// The answer is sent; this many bytes behind the request were dropped.
    Lingering { dropped: usize },
}

impl Gate {
    /// Creates a gate of at most `most` connections.
    pub(crate) fn new(audience: Audience, most: usize) -> Self {
        Self {
            audience,
            connections: ConnectionTable::new(most),
            tally: RequestCounters::default(),
            wake: None,
        }
    }

    /// Returns the counters.
    pub(crate) const fn tally(&self) -> RequestCounters {
        self.tally
    }

    /// Returns the request line of a connection for which [`Next::Ask`] came.
    pub(crate) fn line(&self, id: Id) -> Option<&[u8]> {
        Some(self.connections.get(id)?.head.line())
    }

    /// Returns whether bytes of this connection are to be read.
    pub(crate) fn reads(&self, id: Id) -> bool {
        (self.connections.get(id)).is_some_and(|connection| {
            matches!(connection.stage, Stage::Reading | Stage::Lingering { .. })
        })
    }

    /// Admits a connection from `peer`.
    pub(crate) fn admit(&mut self, peer: IpAddr, now: BootMillis) -> Admission {
        let deadline = now.plus(DEADLINE_MS);
        if self.connections.is_full() {
            if let Some(victim) = self.connections.victim(Some(peer), eviction_loss) {
                return Admission::Full(victim);
            }
            self.count(Some("too many connections"));
            return Admission::Refused;
        }
        let connection = ConnectionState {
            head: Head::new(),
            stage: Stage::Reading,
            deadline,
            ended: false,
        };
        let Some(id) = self.connections.insert(peer, connection) else {
            return Admission::Refused;
        };
        self.wake_at(deadline);
        Admission::Place(id)
    }

    /// Returns the connection to evict when file descriptors run out.
    pub(crate) fn spare(&self) -> Option<Id> {
        self.connections.victim(None, eviction_loss)
    }

    /// Evicts a connection, unless its request has arrived meanwhile.
    pub(crate) fn evict(&mut self, id: Id) -> Next {
        match self.connections.get(id).map(|connection| connection.stage) {
            Some(Stage::Reading) => self.fail(id, "too many connections"),
            Some(Stage::Lingering { .. }) => self.leave(id),
            _ => Next::Wait,
        }
    }

    /// Processes received bytes.
    pub(crate) fn received(&mut self, id: Id, bytes: &[u8], now: BootMillis) -> Next {
        let Some(connection) = self.connections.get_mut(id) else {
            return Next::Wait;
        };
        match &mut connection.stage {
            Stage::Reading => {
                let progress = connection.head.push(bytes);
                self.judge(id, progress, now)
            }
            Stage::Lingering { dropped } => {
                *dropped = dropped.saturating_add(bytes.len());
                if *dropped > MAX_DROPPED {
                    self.connections.remove(id);
                    return Next::Reset;
                }
                Next::Wait
            }
            Stage::Asking | Stage::Sending => Next::Wait,
        }
    }

    fn judge(&mut self, id: Id, progress: Progress, now: BootMillis) -> Next {
        let reply = match progress {
            Progress::Incomplete => return Next::Wait,
            Progress::Complete => match self.decide(id) {
                Some(reply) => reply,
                None => return self.stage(id, Stage::Asking, Next::Ask),
            },
            Progress::Malformed => Reply::Malformed,
            Progress::LineTooLong => Reply::LineTooLong,
            Progress::TooLong => Reply::HeadTooLong,
        };
        self.reply(id, reply, now)
    }

    /// Returns the reply to a complete request; none if it goes to the pages' server.
    fn decide(&self, id: Id) -> Option<Reply> {
        let line = self.line(id).unwrap_or_default();
        match (self.audience, Request::parse(line)) {
            (Audience::Public, _) => Some(Reply::to_checker(line)),
            (Audience::Lan, None) => Some(Reply::Malformed),
            (Audience::Lan, Some(request)) if request.method == Method::Other => {
                Some(Reply::Method)
            }
            (Audience::Lan, Some(_)) => None,
        }
    }

    /// Records the end of the peer's data. It may still be waiting for its answer.
    pub(crate) fn ended(&mut self, id: Id, now: BootMillis) -> Next {
        let Some(connection) = self.connections.get_mut(id) else {
            return Next::Wait;
        };
        connection.ended = true;
        match connection.stage {
            Stage::Reading if connection.head.has_begun() => self.reply(id, Reply::Malformed, now),
            Stage::Reading => {
                self.count(Some("connection without a request"));
                self.leave(id)
            }
            Stage::Lingering { .. } => self.leave(id),
            Stage::Asking | Stage::Sending => Next::Wait,
        }
    }

    /// Records that the connection is lost.
    pub(crate) fn lost(&mut self, id: Id) -> Next {
        match self.connections.get(id).map(|connection| connection.stage) {
            Some(Stage::Reading) => self.fail(id, "connection lost"),
            Some(_) => self.leave(id),
            None => Next::Wait,
        }
    }

    /// Records that the pages' server has answered. Returns whether the connection still waits for
    /// that; then the answer is to be sent and [`Gate::sent`] reported.
    pub(crate) fn page(&mut self, id: Id, now: BootMillis) -> bool {
        let connection = self.connections.get_mut(id);
        let Some(connection) = connection.filter(|connection| connection.stage == Stage::Asking)
        else {
            return false;
        };
        connection.stage = Stage::Sending;
        self.count(None);
        self.extend(id, now);
        true
    }

    /// Records that the pages' server does not answer.
    pub(crate) fn unavailable(&mut self, id: Id, now: BootMillis) -> Next {
        match self.connections.get(id).map(|connection| connection.stage) {
            Some(Stage::Asking) => self.reply(id, Reply::Unavailable, now),
            _ => Next::Wait,
        }
    }

    /// Records that the kernel has taken all of the answer.
    pub(crate) fn sent(&mut self, id: Id) -> Next {
        match self.connections.get(id) {
            Some(connection) if connection.stage != Stage::Sending => Next::Wait,
            Some(connection) if connection.ended => self.leave(id),
            Some(_) => self.stage(id, Stage::Lingering { dropped: 0 }, Next::Finish),
            None => Next::Wait,
        }
    }

    /// Returns when [`overdue`](Self::overdue) has to be called next.
    pub(crate) const fn wake(&self) -> Option<BootMillis> {
        self.wake
    }

    /// Adds to `all` the connections whose deadline has passed, each to be passed to
    /// [`expire`](Self::expire).
    pub(crate) fn overdue(&mut self, now: BootMillis, all: &mut Vec<Id>) {
        if self.wake.is_none_or(|wake| now < wake) {
            return;
        }
        self.wake = None;
        let mut next: Option<BootMillis> = None;
        for (id, connection) in self.connections.iter() {
            if connection.deadline <= now {
                all.push(id);
            } else {
                next = Some(next.map_or(connection.deadline, |next| next.min(connection.deadline)));
            }
        }
        self.wake = next;
    }

    /// Ends a connection whose deadline has passed.
    pub(crate) fn expire(&mut self, id: Id, now: BootMillis) -> Next {
        match self.connections.get(id).map(|connection| connection.stage) {
            Some(Stage::Reading) => self.fail(id, "no complete request in time"),
            Some(Stage::Asking) => self.reply(id, Reply::Unavailable, now),
            Some(Stage::Sending) => {
                self.connections.remove(id);
                Next::Reset
            }
            Some(Stage::Lingering { .. }) => self.leave(id),
            None => Next::Wait,
        }
    }

    fn reply(&mut self, id: Id, reply: Reply, now: BootMillis) -> Next {
        self.count(reply.fault());
        self.extend(id, now);
        self.stage(id, Stage::Sending, Next::Reply(reply))
    }

    /// Leaves at least [`LINGER_MS`] to a connection that is answered now.
    fn extend(&mut self, id: Id, now: BootMillis) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.deadline = connection.deadline.max(now.plus(LINGER_MS));
            let deadline = connection.deadline;
            self.wake_at(deadline);
        }
    }

    fn wake_at(&mut self, deadline: BootMillis) {
        self.wake = Some(self.wake.map_or(deadline, |wake| wake.min(deadline)));
    }

    fn stage(&mut self, id: Id, stage: Stage, next: Next) -> Next {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.stage = stage;
        }
        next
    }

    fn leave(&mut self, id: Id) -> Next {
        self.connections.remove(id);
        Next::Close
    }

    fn fail(&mut self, id: Id, why: &'static str) -> Next {
        self.count(Some(why));
        self.connections.remove(id);
        Next::Reset
    }

    fn count(&mut self, fault: Option<&'static str>) {
        if fault.is_some() {
            self.tally.malformed += 1;
            self.tally.fault = fault;
        } else {
            self.tally.answered += 1;
        }
    }
}

/// Returns what evicting this connection would lose. One that waits for its answer is kept.
const fn eviction_loss(connection: &ConnectionState) -> Option<EvictionLoss> {
    match connection.stage {
        Stage::Reading => Some(EvictionLoss::Waiting),
        Stage::Lingering { .. } => Some(EvictionLoss::Done),
        Stage::Asking | Stage::Sending => None,
    }
}
