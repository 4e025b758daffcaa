//! What becomes of each connection to one port: admission, request, answer, end. Pure: a state
//! machine on milliseconds since boot; sockets are the driver's.
//!
//! ```text
//! admit ─ Reading ─ received ─ Sending ─ sent ─ Lingering ─ ended
//!            │         └─ Asking ─┘                 │
//!            └ evicted, expired            evicted, expired
//! ```
//!
//! A request is answered in the turn in which its last byte is read, so a complete one is never
//! evicted. Nothing here allocates once the table has been full.

mod places;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use failberry_state::BootMillis;

pub(crate) use self::places::Id;
use self::places::{Places, Worth};
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

/// Bytes that are read and dropped behind a request before its connection is ended all the same.
const MAX_DROPPED: usize = 64 * 1024;

/// Whom a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// The open internet, which learns that the box lives.
    Public,
    /// The LAN, which gets the pages.
    Lan,
}

/// What the driver has to do about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Next {
    /// Wait for the next event.
    Wait,
    /// Send this, then report [`Gate::sent`].
    Reply(Reply),
    /// Ask the pages' server; then report [`Gate::page`] or [`Gate::unavailable`].
    Ask,
    /// Shut down the sending side and go on reading.
    Finish,
    /// Close. The connection is no longer in the table.
    Close,
    /// Close with a reset: nothing was promised, and nothing of it shall stay in the kernel. The
    /// connection is no longer in the table.
    Reset,
}

/// What a new connection needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Its place.
    Place(Id),
    /// No place is left. Read what this connection has sent, [`Gate::evict`] it, and ask again.
    Full(Id),
    /// No place is left, and none can be had: reset it.
    Refused,
}

/// Requests counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) malformed: u64,
    /// Why the latest malformed one was so.
    pub(crate) fault: Option<&'static str>,
}

/// The connections of one port.
#[derive(Debug)]
pub(crate) struct Gate {
    site: Site,
    places: Places<Visit>,
    tally: Tally,
    /// No deadline lies before this.
    wake: Option<BootMillis>,
}

/// One connection.
#[derive(Debug)]
struct Visit {
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
    /// The pages' server is asked.
    Asking,
    /// The answer is being sent.
    Sending,
    /// The answer is sent; so many bytes behind the request were dropped.
    Lingering { dropped: usize },
}

impl Gate {
    /// A gate of at most `most` connections.
    pub(crate) fn new(site: Site, most: usize) -> Self {
        Self {
            site,
            places: Places::new(most),
            tally: Tally::default(),
            wake: None,
        }
    }

    /// Returns what was counted.
    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// Returns the request line of a connection for which [`Next::Ask`] came.
    pub(crate) fn line(&self, id: Id) -> Option<&[u8]> {
        Some(self.places.get(id)?.head.line())
    }

    /// Returns whether bytes of this connection are to be read.
    pub(crate) fn reads(&self, id: Id) -> bool {
        (self.places.get(id))
            .is_some_and(|visit| matches!(visit.stage, Stage::Reading | Stage::Lingering { .. }))
    }

    /// Admits a connection from `peer`.
    pub(crate) fn admit(&mut self, peer: IpAddr, now: BootMillis) -> Admission {
        let deadline = now.plus(DEADLINE_MS);
        if self.places.is_full() {
            if let Some(victim) = self.places.victim(Some(peer), worth) {
                return Admission::Full(victim);
            }
            self.count(Some("too many connections"));
            return Admission::Refused;
        }
        let visit = Visit {
            head: Head::new(),
            stage: Stage::Reading,
            deadline,
            ended: false,
        };
        let Some(id) = self.places.insert(peer, visit) else {
            return Admission::Refused;
        };
        self.wake_at(deadline);
        Admission::Place(id)
    }

    /// Returns the connection that has to go where descriptors run out.
    pub(crate) fn spare(&self) -> Option<Id> {
        self.places.victim(None, worth)
    }

    /// Ends a connection that has to make room, unless its request has arrived meanwhile.
    pub(crate) fn evict(&mut self, id: Id) -> Next {
        match self.places.get(id).map(|visit| visit.stage) {
            Some(Stage::Reading) => self.fail(id, "too many connections"),
            Some(Stage::Lingering { .. }) => self.leave(id),
            _ => Next::Wait,
        }
    }

    /// Takes in what the peer sent.
    pub(crate) fn received(&mut self, id: Id, bytes: &[u8], now: BootMillis) -> Next {
        let Some(visit) = self.places.get_mut(id) else {
            return Next::Wait;
        };
        match &mut visit.stage {
            Stage::Reading => {
                let progress = visit.head.push(bytes);
                self.judge(id, progress, now)
            }
            Stage::Lingering { dropped } => {
                *dropped = dropped.saturating_add(bytes.len());
                if *dropped > MAX_DROPPED {
                    self.places.remove(id);
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

    /// The answer to a complete request; none where the pages' server has it.
    fn decide(&self, id: Id) -> Option<Reply> {
        let line = self.line(id).unwrap_or_default();
        match (self.site, Request::parse(line)) {
            (Site::Public, _) => Some(Reply::to_checker(line)),
            (Site::Lan, None) => Some(Reply::Malformed),
            (Site::Lan, Some(request)) if request.method == Method::Other => Some(Reply::Method),
            (Site::Lan, Some(_)) => None,
        }
    }

    /// Takes in that the peer sends nothing more. It may still be waiting for its answer.
    pub(crate) fn ended(&mut self, id: Id, now: BootMillis) -> Next {
        let Some(visit) = self.places.get_mut(id) else {
            return Next::Wait;
        };
        visit.ended = true;
        match visit.stage {
            Stage::Reading if visit.head.has_begun() => self.reply(id, Reply::Malformed, now),
            Stage::Reading => {
                self.count(Some("connection without a request"));
                self.leave(id)
            }
            Stage::Lingering { .. } => self.leave(id),
            Stage::Asking | Stage::Sending => Next::Wait,
        }
    }

    /// Takes in that the connection is lost.
    pub(crate) fn lost(&mut self, id: Id) -> Next {
        match self.places.get(id).map(|visit| visit.stage) {
            Some(Stage::Reading) => self.fail(id, "connection lost"),
            Some(_) => self.leave(id),
            None => Next::Wait,
        }
    }

    /// Takes in that the pages' server has answered. Returns whether the connection still waits
    /// for that; then the answer is to be sent and [`Gate::sent`] reported.
    pub(crate) fn page(&mut self, id: Id, now: BootMillis) -> bool {
        let visit = self.places.get_mut(id);
        let Some(visit) = visit.filter(|visit| visit.stage == Stage::Asking) else {
            return false;
        };
        visit.stage = Stage::Sending;
        self.count(None);
        self.extend(id, now);
        true
    }

    /// Takes in that the pages' server does not answer.
    pub(crate) fn unavailable(&mut self, id: Id, now: BootMillis) -> Next {
        match self.places.get(id).map(|visit| visit.stage) {
            Some(Stage::Asking) => self.reply(id, Reply::Unavailable, now),
            _ => Next::Wait,
        }
    }

    /// Takes in that all of the answer is in the kernel's hands.
    pub(crate) fn sent(&mut self, id: Id) -> Next {
        match self.places.get(id) {
            Some(visit) if visit.stage != Stage::Sending => Next::Wait,
            Some(visit) if visit.ended => self.leave(id),
            Some(_) => self.stage(id, Stage::Lingering { dropped: 0 }, Next::Finish),
            None => Next::Wait,
        }
    }

    /// Returns when [`overdue`](Self::overdue) has to be called next.
    pub(crate) const fn wake(&self) -> Option<BootMillis> {
        self.wake
    }

    /// Adds to `all` the connections whose time is over, each to be handed to
    /// [`expire`](Self::expire).
    pub(crate) fn overdue(&mut self, now: BootMillis, all: &mut Vec<Id>) {
        if self.wake.is_none_or(|wake| now < wake) {
            return;
        }
        self.wake = None;
        let mut next: Option<BootMillis> = None;
        for (id, visit) in self.places.iter() {
            if visit.deadline <= now {
                all.push(id);
            } else {
                next = Some(next.map_or(visit.deadline, |next| next.min(visit.deadline)));
            }
        }
        self.wake = next;
    }

    /// Ends a connection whose time is over.
    pub(crate) fn expire(&mut self, id: Id, now: BootMillis) -> Next {
        match self.places.get(id).map(|visit| visit.stage) {
            Some(Stage::Reading) => self.fail(id, "no complete request in time"),
            Some(Stage::Asking) => self.reply(id, Reply::Unavailable, now),
            Some(Stage::Sending) => {
                self.places.remove(id);
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
        if let Some(visit) = self.places.get_mut(id) {
            visit.deadline = visit.deadline.max(now.plus(LINGER_MS));
            let deadline = visit.deadline;
            self.wake_at(deadline);
        }
    }

    fn wake_at(&mut self, deadline: BootMillis) {
        self.wake = Some(self.wake.map_or(deadline, |wake| wake.min(deadline)));
    }

    fn stage(&mut self, id: Id, stage: Stage, next: Next) -> Next {
        if let Some(visit) = self.places.get_mut(id) {
            visit.stage = stage;
        }
        next
    }

    fn leave(&mut self, id: Id) -> Next {
        self.places.remove(id);
        Next::Close
    }

    fn fail(&mut self, id: Id, why: &'static str) -> Next {
        self.count(Some(why));
        self.places.remove(id);
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

/// What is lost where this connection makes room. One that waits for its answer is kept.
const fn worth(visit: &Visit) -> Option<Worth> {
    match visit.stage {
        Stage::Reading => Some(Worth::Waiting),
        Stage::Lingering { .. } => Some(Worth::Done),
        Stage::Asking | Stage::Sending => None,
    }
}
