//! Detection of late copies of an acknowledged Configure-Request.

use super::control_protocol::Request;
use super::negotiator::RESTART;
use super::packet::Packet;

/// Time from our Configure-Ack in which the same request with the same identifier is a late copy,
/// in milliseconds. Copies are as far apart as an answer is late; a peer that restarts within this
/// time repeats its request after it, and is handled then.
const COPY_WINDOW: u64 = 4 * RESTART;

/// The peer's request that we acknowledged last.
///
/// A request keeps its identifier only until the peer has the answer (RFC 1661, section 5.1). The
/// same one on an open link was sent before, and begins no negotiation.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged(Option<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    id: u8,
    options: Request,
    /// Until when the same request is a copy, in milliseconds.
    until: u64,
}

impl Acknowledged {
    /// Records that a request was acknowledged. One longer than any of ours is never recognised.
    pub(super) fn note(&mut self, packet: &Packet<'_>, now: u64) {
        // Copies do not extend the time, or a peer that restarts would be ignored.
        if !self.is_copy(packet, now) {
            self.0 = Request::from_slice(packet.data).ok().map(|options| Entry {
                id: packet.id,
                options,
                until: now.saturating_add(COPY_WINDOW),
            });
        }
    }

    /// Returns whether a request is a copy of the one that was acknowledged.
    pub(super) fn is_copy(&self, packet: &Packet<'_>, now: u64) -> bool {
        self.0.as_ref().is_some_and(|entry| {
            entry.id == packet.id && entry.options == packet.data && now < entry.until
        })
    }
}
