//! LCP echo requests of our own.

use super::config::Echo;
use super::outbox::{Outbox, Output};
use super::packet::code;
use super::protocol::Protocol;

/// When the next request is due, and what became of the last.
#[derive(Clone, Debug)]
pub(super) struct Echoes {
    config: Option<Echo>,
    next: Option<u64>,
    waiting_for: Option<u8>,
    unanswered: u32,
}

impl Echoes {
    pub(super) fn new(config: Option<Echo>) -> Self {
        Self {
            config,
            next: None,
            waiting_for: None,
            unanswered: 0,
        }
    }

    /// LCP opened.
    pub(super) fn start(&mut self, now: u64) {
        *self = Self::new(self.config);
        self.next = self.config.map(|echo| echo.after(now));
    }

    /// LCP is down.
    pub(super) fn stop(&mut self) {
        self.next = None;
        self.waiting_for = None;
    }

    /// The peer does not know the code: it will be asked no more.
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

    /// The number of requests without answer, where it reached the limit.
    pub(super) fn tick(&mut self, id: u8, magic: u32, now: u64, out: &mut Outbox) -> Option<u32> {
        let echo = self.config?;
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        if self.waiting_for.is_some() {
            self.unanswered = self.unanswered.saturating_add(1);
            out.news(Output::EchoUnanswered(self.unanswered));
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
        self.waiting_for = Some(id);
        self.next = Some(echo.after(now));
        None
    }

    /// Whether the reply was waited for.
    pub(super) fn reply(&mut self, id: u8) -> bool {
        let expected = self.waiting_for == Some(id);
        if expected {
            self.waiting_for = None;
            self.unanswered = 0;
        }
        expected
    }
}
