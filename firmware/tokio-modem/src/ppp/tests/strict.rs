//! A server that goes by the table of RFC 1661 alone, as pppd does: its restart timer is 3 s
//! whatever the line, and any Configure-Request on an open link begins a new negotiation.

use super::{
    link::Peer,
    stick::{offer, packet},
    *,
};
use crate::ppp::automaton::{Actions, State, Trigger};

const RESTART_MS: u64 = 3_000;

/// One protocol. It asks for no options itself.
struct Layer {
    protocol: u16,
    state: State,
    id: u8,
    answered: bool,
    deadline: Option<u64>,
}

impl Layer {
    fn new(protocol: u16) -> Self {
        Self {
            protocol,
            state: State::Initial,
            id: 0,
            answered: false,
            deadline: None,
        }
    }

    fn step(&mut self, trigger: Trigger, answer: Option<Vec<u8>>, now: u64) -> Vec<Vec<u8>> {
        let Some(step) = self.state.step(trigger) else {
            return Vec::new();
        };
        self.state = step.next;
        let mut said = Vec::new();
        if step.actions.has(Actions::SCR) {
            if trigger != Trigger::Timeout {
                self.id += 1;
            }
            self.answered = false;
            self.deadline = Some(now + RESTART_MS);
            said.push(packet(self.protocol, code::CONFIGURE_REQUEST, self.id, &[]));
        }
        if step.actions.has(Actions::SCA) || step.actions.has(Actions::SCN) {
            said.extend(answer);
        }
        if self.state == State::Opened {
            self.deadline = None;
        }
        said
    }

    fn take(&mut self, heard: &Heard, now: u64) -> Vec<Vec<u8>> {
        let wanted = offer(CLIENT, DNS);
        match heard.code {
            code::CONFIGURE_REQUEST if heard.protocol == IPCP && heard.data != wanted => {
                let nak = heard.answer(code::CONFIGURE_NAK, &wanted);
                self.step(Trigger::BadRequest, Some(nak), now)
            }
            code::CONFIGURE_REQUEST => {
                let ack = heard.answer(code::CONFIGURE_ACK, &heard.data);
                self.step(Trigger::GoodRequest, Some(ack), now)
            }
            code::CONFIGURE_ACK if heard.id == self.id && !self.answered => {
                self.answered = true;
                self.step(Trigger::Ack, None, now)
            }
            _ => Vec::new(),
        }
    }

    fn tick(&mut self, now: u64) -> Vec<Vec<u8>> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        self.deadline = None;
        self.step(Trigger::Timeout, None, now)
    }

    fn is_open(&self) -> bool {
        self.state == State::Opened
    }
}

/// The peer. The line is up from the start.
pub(super) struct Strict {
    lcp: Layer,
    ipcp: Layer,
    begun: bool,
}

impl Strict {
    pub(super) fn new() -> Self {
        Self {
            lcp: Layer::new(LCP),
            ipcp: Layer::new(IPCP),
            begun: false,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.lcp.is_open() && self.ipcp.is_open()
    }

    /// What the state of LCP means to IPCP.
    fn follow(&mut self, was_open: bool, now: u64) -> Vec<Vec<u8>> {
        let triggers: &[Trigger] = match (was_open, self.lcp.is_open()) {
            (false, true) => &[Trigger::Open, Trigger::Up],
            (true, false) => &[Trigger::Down],
            _ => &[],
        };
        let steps = triggers.iter();
        steps
            .flat_map(|trigger| self.ipcp.step(*trigger, None, now))
            .collect()
    }
}

impl Peer for Strict {
    fn take(&mut self, frame: &[u8], now: u64) -> Vec<Vec<u8>> {
        let heard = Heard::read(frame);
        let was_open = self.lcp.is_open();
        let mut said = match heard.protocol {
            LCP => self.lcp.take(&heard, now),
            IPCP if was_open => self.ipcp.take(&heard, now),
            _ => Vec::new(),
        };
        said.extend(self.follow(was_open, now));
        said
    }

    fn tick(&mut self, now: u64) -> Vec<Vec<u8>> {
        if !core::mem::replace(&mut self.begun, true) {
            self.lcp.step(Trigger::Open, None, now);
            return self.lcp.step(Trigger::Up, None, now);
        }
        [self.lcp.tick(now), self.ipcp.tick(now)].concat()
    }

    fn deadline(&self) -> Option<u64> {
        let deadlines = [self.lcp.deadline, self.ipcp.deadline];
        deadlines.into_iter().flatten().min()
    }
}
