//! Queue of an engine's outputs.

use heapless::{Deque, Vec};

use super::MAX_FRAME;
use super::config::AuthProtocol;
use super::counters::Counters;
use super::negotiated::{Ipv4, Ipv6, LcpOptions};
use super::packet::HEADER_LEN;
use super::protocol::Protocol;
use super::reason::Reason;

/// Space for the frames of one event, in bytes: two of the largest (a reply and a rejection) and
/// several small ones.
const ARENA_LEN: usize = 2 * MAX_FRAME + 512;
/// Capacity of the queue. One event causes at most eight outputs.
const QUEUE_LEN: usize = 32;
/// Queue places reserved for notifications: a lost frame is sent again, a lost notification is not.
const NOTIFICATIONS_ROOM: usize = 16;

/// Destination of a frame in `/dev/ppp`; on a plain line both are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// LCP and authentication: protocol numbers from 0xc000.
    Channel,
    /// Network control protocols.
    Unit,
}

impl Via {
    fn of(protocol: Protocol) -> Self {
        if protocol.0 >= 0xc000 {
            Self::Channel
        } else {
            Self::Unit
        }
    }
}

/// Output of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Send this frame: protocol number and information field.
    Send(&'a [u8], Via),
    /// LCP is open. Its options apply from the next frame on.
    LcpOpened(LcpOptions),
    /// LCP is no longer open. The default framing applies.
    LcpDown,
    /// The peer accepted us, or we accepted the peer.
    Authenticated(AuthProtocol),
    /// IPCP is open: IPv4 packets may pass.
    Ipv4Up(Ipv4),
    /// IPCP is no longer open.
    Ipv4Down,
    /// IPv6CP is open: IPv6 packets may pass.
    Ipv6Up(Ipv6),
    /// IPv6CP is no longer open.
    Ipv6Down,
    /// Number of consecutive unanswered echo requests.
    EchoUnanswered(u32),
    /// The link has ended. Reported once each time the line was up.
    Finished(Reason),
}

#[derive(Clone, Debug)]
enum Item {
    Frame {
        start: usize,
        end: usize,
        via: Via,
    },
    /// Anything that is not a frame.
    Notification(Output<'static>),
}

/// Queue of outputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    queue: Deque<Item, QUEUE_LEN>,
    arena: Vec<u8, ARENA_LEN>,
    pub(super) counters: Counters,
}

impl Outbox {
    pub(super) fn notify(&mut self, notification: Output<'static>) {
        self.reclaim();
        if self
            .queue
            .push_back(Item::Notification(notification))
            .is_err()
        {
            self.counters.lost_outputs += 1;
        }
    }

    /// Queues a packet whose data is the concatenation of `parts`.
    pub(super) fn packet(&mut self, protocol: Protocol, code: u8, id: u8, parts: &[&[u8]]) {
        self.reclaim();
        let start = self.arena.len();
        if self.queue.len() + NOTIFICATIONS_ROOM > QUEUE_LEN
            || self.write(protocol, code, id, parts).is_none()
        {
            self.arena.truncate(start);
            self.counters.lost_outputs += 1;
            return;
        }
        let item = Item::Frame {
            start,
            end: self.arena.len(),
            via: Via::of(protocol),
        };
        if self.queue.push_back(item).is_ok() {
            self.counters.sent += 1;
        }
    }

    /// Frees the arena once the queue is empty. The last frame returned borrows from the arena, so this
    /// happens before the next output of any kind, not after the last.
    fn reclaim(&mut self) {
        if self.queue.is_empty() {
            self.arena.clear();
        }
    }

    fn write(&mut self, protocol: Protocol, code: u8, id: u8, parts: &[&[u8]]) -> Option<()> {
        let length = HEADER_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
        let length = u16::try_from(length).ok()?;
        self.arena
            .extend_from_slice(&protocol.0.to_be_bytes())
            .ok()?;
        self.arena.extend_from_slice(&[code, id]).ok()?;
        self.arena.extend_from_slice(&length.to_be_bytes()).ok()?;
        for part in parts {
            self.arena.extend_from_slice(part).ok()?;
        }
        Some(())
    }

    pub(super) fn poll(&mut self) -> Option<Output<'_>> {
        Some(match self.queue.pop_front()? {
            Item::Frame { start, end, via } => {
                Output::Send(self.arena.get(start..end).unwrap_or_default(), via)
            }
            Item::Notification(notification) => notification,
        })
    }
}
