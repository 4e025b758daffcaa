//! Our LCP echo requests, and detection of looped lines.

use super::config::Echo;
use super::lcp::LOOP_LIMIT;
use super::outbox::{Outbox, Output};
use super::packet::code;
use super::protocol::Protocol;

/// Time from a request that came back to the next one, in milliseconds: a looped line is detected
/// after a few of them, without waiting for the usual interval.
const PROBE: u64 = 1_000;

/// Timer and state of our echo requests.
#[derive(Clone, Debug)]
pub(super) struct Echoes {
    config: Option<Echo>,
    next: Option<u64>,
    /// Identifiers of the oldest and the latest unanswered request; those of the others are between
    /// them. A reply to any of them shows that the peer is there.
    waiting_for: Option<(u8, u8)>,
    unanswered: u32,
    /// The latest request that came back as a request, and how many did consecutively.
    returned: (Option<u8>, u8),
    latest: Option<u8>,
}

impl Echoes {
    pub(super) fn new(config: Option<Echo>) -> Self {
        Self {
            config,
            next: None,
            waiting_for: None,
            unanswered: 0,
            returned: (None, 0),
            latest: None,
        }
    }

    /// Starts the requests; LCP is open.
    pub(super) fn start(&mut self, now: u64) {
        *self = Self::new(self.config);
        self.next = self.config.map(|echo| echo.after(now));
    }

    /// Stops the requests; LCP is down.
    pub(super) fn stop(&mut self) {
        self.next = None;
        self.waiting_for = None;
        self.latest = None;
    }

    /// Stops the requests for good; the peer does not support the code.
    pub(super) fn give_up(&mut self) {
        self.stop();
        self.config = None;
        self.unanswered = 0;
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.next
    }

    pub(super) fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// Sends the request that is due. Returns the number of unanswered requests if it reached the limit.
    pub(super) fn tick(&mut self, id: u8, magic: u32, now: u64, out: &mut Outbox) -> Option<u32> {
        let echo = self.config?;
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        if self.waiting_for.is_some() {
            self.unanswered = self.unanswered.saturating_add(1);
            out.notify(Output::EchoUnanswered(self.unanswered));
            if echo.limit.is_some_and(|limit| self.unanswered >= limit) {
                self.stop();
                return Some(self.unanswered);
            }
        }
        out.packet(
            Protocol::LCP,
            code::ECHO_REQUEST,
            id,
            &[&magic.to_be_bytes()],
        );
        let oldest = self.waiting_for.map_or(id, |(oldest, _)| oldest);
        self.waiting_for = Some((oldest, id));
        self.latest = Some(id);
        self.next = Some(echo.after(now));
        None
    }

    /// Handles a reply. Returns whether it was expected. One without our own magic number is from a
    /// peer, so the line is not looped.
    pub(super) fn reply(&mut self, id: u8, has_our_magic: bool) -> bool {
        let Some((oldest, latest)) = self.waiting_for else {
            return false;
        };
        let expected = id.wrapping_sub(oldest) <= latest.wrapping_sub(oldest);
        if expected {
            self.waiting_for = (id != latest).then(|| (id.wrapping_add(1), latest));
            self.unanswered = 0;
            if !has_our_magic {
                self.returned = (None, 0);
            }
        }
        expected
    }

    /// Handles an Echo-Request with our own magic number. Returns whether the line is looped.
    ///
    /// A peer may put our number into its own requests by mistake, so only requests of ours that
    /// come back count, each once.
    pub(super) fn came_back(&mut self, id: u8, now: u64) -> bool {
        let (last, count) = self.returned;
        if self.latest != Some(id) || last == Some(id) {
            return false;
        }
        self.returned = (Some(id), count.saturating_add(1));
        let probe = now.saturating_add(PROBE);
        self.next = self.next.map(|next| next.min(probe));
        count.saturating_add(1) >= LOOP_LIMIT
    }
}
