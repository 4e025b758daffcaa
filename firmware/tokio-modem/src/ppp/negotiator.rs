//! Option negotiation: the automaton with its timer, its counters and the packets it exchanges.
//!
//! LCP, IPCP and IPv6CP differ only in their options, which a [`Layer`] knows.

use super::acknowledged::Acknowledged;
use super::automaton::{Actions, State, Trigger};
use super::counters::{Fault, Malformed};
use super::layer::{Layer, Opinion, Request};
use super::outbox::Outbox;
use super::packet::{Body, HEADER_LEN, Options, Packet, code};
use super::random::Random;
use super::text::Text;

/// Time from a request to its first copy, in milliseconds (RFC 1661, section 4.6: the restart
/// timer, 3 s by default).
pub(super) const RESTART: u64 = 3_000;
/// Longest time from a Configure-Request to its copy, in milliseconds. A peer that takes longer to
/// answer than [`RESTART`] gets more time, up to this, so that it is not flooded with copies.
const SLOWEST_RESTART: u64 = 12_000;
/// Time from the first Terminate-Request to the end without an answer, in milliseconds: two
/// requests (RFC 1661, section 4.6: Max-Terminate).
const TERMINATE_LIMIT: u64 = 2 * RESTART;
/// Configure-Naks sent before they become Rejects (RFC 1661, section 4.6: Max-Failure, 5 by
/// default). After as many refusals received, requests are paced and options given up.
const MAX_FAILURE: u8 = 5;
/// Time from a refusal to the next request once [`MAX_FAILURE`] requests followed one at once, in
/// milliseconds. The negotiation ends by time, and must not fill the line until then.
const PACE: u64 = 1_000;
/// How long a Terminate-Ack may take to the peer before the layer is down, in milliseconds. The
/// peer repeats its request only after 3 s, but sticks drop the line at once.
const LINGER: u64 = 1_000;
/// What a step may touch besides the layer.
pub(super) struct Context<'a> {
    pub(super) now: u64,
    pub(super) out: &'a mut Outbox,
    pub(super) random: &'a mut Random,
    /// Largest information field the peer takes.
    pub(super) peer_mru: u16,
}

/// What a step means to the layers around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Up,
    Down,
    Finished(Ending),
}

/// How a layer came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The time of the phase is over.
    Timeout,
    /// The peer rejected the protocol or an essential code.
    Rejected,
    /// Either end asked for it.
    Terminated,
}

/// A packet that answers one from the peer.
#[derive(Clone, Copy)]
struct Answer<'a> {
    code: u8,
    id: u8,
    data: &'a [u8],
}

/// One protocol's negotiation.
#[derive(Clone, Debug)]
pub(super) struct Negotiator<L> {
    pub(super) layer: L,
    state: State,
    /// Identifier of the latest packet of our own.
    id: u8,
    /// Options of the latest Configure-Request, and its identifier.
    request: Request,
    request_id: u8,
    /// Whether it got its answer.
    answered: bool,
    /// Time from a request to its copy.
    period: u64,
    /// Longest time from the first request to agreement.
    limit: u64,
    /// When the timer expires for the last time (TO-).
    until: u64,
    deadline: Option<u64>,
    naks_sent: u8,
    /// Naks and Rejects received since the negotiation began.
    refusals: u8,
    /// How many of them the next request followed at once.
    at_once: u8,
    acked: Acknowledged,
    /// The peer's words at its Terminate-Request.
    farewell: Option<Text>,
}

impl<L: Layer> Negotiator<L> {
    /// A negotiation that takes at most `limit` milliseconds.
    pub(super) fn new(layer: L, limit: u64) -> Self {
        Self {
            layer,
            limit,
            state: State::Initial,
            id: 0,
            request: Request::new(),
            request_id: 0,
            answered: true,
            period: RESTART,
            until: 0,
            deadline: None,
            naks_sent: 0,
            refusals: 0,
            at_once: 0,
            acked: Acknowledged::default(),
            farewell: None,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Opened
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Whether the peer refused so many requests that silence is not what keeps the ends apart.
    pub(super) fn disagrees(&self) -> bool {
        self.refusals > MAX_FAILURE
    }

    /// Time from a request to its copy, as the peer's answers have it so far.
    pub(super) fn period(&self) -> u64 {
        self.period
    }

    /// Sets the time from a request to its copy, for a line of which that is known already.
    pub(super) fn set_period(&mut self, period: u64) {
        self.period = period;
    }

    pub(super) fn farewell(&self) -> Option<&Text> {
        self.farewell.as_ref()
    }

    /// A number for a packet that nothing answers.
    pub(super) fn next_id(&mut self) -> u8 {
        self.id = self.id.wrapping_add(1);
        self.id
    }

    /// An event that carries no packet.
    pub(super) fn trigger(&mut self, trigger: Trigger, cx: &mut Context<'_>) -> Option<Signal> {
        self.step(trigger, None, cx)
    }

    pub(super) fn tick(&mut self, cx: &mut Context<'_>) -> Option<Signal> {
        if self.deadline.is_none_or(|deadline| deadline > cx.now) {
            return None;
        }
        self.deadline = None;
        let trigger = if cx.now < self.until {
            Trigger::Timeout
        } else {
            Trigger::LastTimeout
        };
        self.step(trigger, None, cx)
    }

    /// Takes in an Echo-Request; the answer goes out if the table says so.
    pub(super) fn echo(&mut self, id: u8, data: &[u8], cx: &mut Context<'_>) -> Option<Signal> {
        self.step(
            Trigger::Echo,
            Some(Answer {
                code: code::ECHO_REPLY,
                id,
                data,
            }),
            cx,
        )
    }

    /// Takes in any packet of the codes that all these protocols have.
    pub(super) fn receive(
        &mut self,
        packet: &Packet<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Option<Signal>, Malformed> {
        let bare = Answer {
            code: code::TERMINATE_ACK,
            id: packet.id,
            data: &[],
        };
        Ok(match packet.code {
            code::CONFIGURE_REQUEST => self.configure_request(packet, cx),
            code::CONFIGURE_ACK => {
                if self.is_answer(packet, cx) {
                    if packet.data != self.request.as_slice() {
                        return Err(packet.fault(0, Fault::ForeignAck));
                    }
                    self.answered = true;
                    self.step(Trigger::Ack, Some(bare), cx)
                } else {
                    None
                }
            }
            code::CONFIGURE_NAK | code::CONFIGURE_REJECT => {
                let options = packet.options()?;
                if self.is_answer(packet, cx) {
                    self.answered = true;
                    self.refused(packet.code, options, cx);
                    self.step(Trigger::Nak, Some(bare), cx)
                } else {
                    None
                }
            }
            code::TERMINATE_REQUEST => {
                self.farewell = Some(Text::sanitise(packet.data));
                self.step(Trigger::TerminateRequest, Some(bare), cx)
            }
            code::TERMINATE_ACK => self.step(Trigger::TerminateAck, None, cx),
            code::CODE_REJECT => match packet.data.first() {
                None => {
                    let fault = Fault::Truncated {
                        expected: HEADER_LEN,
                        got: 0,
                    };
                    return Err(packet.fault(0, fault));
                }
                // The link can live without an orderly end, and without our own Code-Rejects.
                Some(code::CONFIGURE_REQUEST..=code::CONFIGURE_REJECT) => {
                    self.step(Trigger::FatalReject, None, cx)
                }
                Some(_) => self.step(Trigger::BearableReject, None, cx),
            },
            _ => {
                let id = self.next_id();
                let room = usize::from(cx.peer_mru).saturating_sub(HEADER_LEN);
                let data = packet.whole.get(..room).unwrap_or(packet.whole);
                self.step(
                    Trigger::UnknownCode,
                    Some(Answer {
                        code: code::CODE_REJECT,
                        id,
                        data,
                    }),
                    cx,
                )
            }
        })
    }

    /// Whether the packet answers the request that is under way. Others are answers to requests
    /// from before, or to copies: the peer needs more time than the restart timer gives it.
    fn is_answer(&mut self, packet: &Packet<'_>, cx: &mut Context<'_>) -> bool {
        let fits = !self.answered && packet.id == self.request_id;
        if !fits {
            cx.out.counters.discarded += 1;
            let longer = (2 * self.period).min(SLOWEST_RESTART) - self.period;
            self.period += longer;
            if !self.answered && matches!(self.state, State::ReqSent | State::AckSent) {
                self.deadline = self
                    .deadline
                    .map(|at| at.saturating_add(longer).min(self.until));
            }
        }
        fits
    }

    fn refused(&mut self, code: u8, options: Options<'_>, cx: &mut Context<'_>) {
        self.refusals = self.refusals.saturating_add(1);
        for option in options {
            let given_up = self.disagrees() && self.layer.is_optional(option);
            if code == code::CONFIGURE_NAK && !given_up {
                self.layer.naked(option, cx.random);
            } else {
                self.layer.rejected(option);
            }
        }
    }

    fn configure_request(&mut self, packet: &Packet<'_>, cx: &mut Context<'_>) -> Option<Signal> {
        if matches!(self.state, State::Closed | State::Closing | State::Stopping) {
            let answer = Answer {
                code: code::TERMINATE_ACK,
                id: packet.id,
                data: &[],
            };
            return self.step(Trigger::GoodRequest, Some(answer), cx);
        }
        if self.state == State::Opened && self.acked.is_copy(packet, cx.now) {
            let (code, id) = (code::CONFIGURE_ACK, packet.id);
            cx.out.packet(L::PROTOCOL, code, id, &[packet.data]);
            return None;
        }
        let (options, broken) = packet.readable_options();
        let (mut naks, mut rejects) = (Body::new(), Body::new());
        self.layer.begin_peer();
        for option in options.clone() {
            let opinion = self.layer.judge(option, &mut naks, cx.random);
            let hardened = opinion == Opinion::Nak && self.naks_sent >= MAX_FAILURE;
            // A part of the peer's own packet always fits.
            if (opinion == Opinion::Reject || hardened)
                && rejects.extend_from_slice(option.whole).is_err()
            {
                break;
            }
        }
        if let Some((rest, malformed)) = broken {
            cx.out.counters.malformed(malformed);
            // Parts of one packet, and no part twice.
            let fits = rejects.extend_from_slice(rest).is_ok();
            debug_assert!(fits, "a refusal is no longer than its request");
        }
        let (code, data) = if !rejects.is_empty() {
            (code::CONFIGURE_REJECT, rejects.as_slice())
        } else if !naks.is_empty() {
            (code::CONFIGURE_NAK, naks.as_slice())
        } else {
            (code::CONFIGURE_ACK, options.bytes())
        };
        let trigger = match code {
            code::CONFIGURE_ACK => Trigger::GoodRequest,
            _ => Trigger::BadRequest,
        };
        let signal = self.step(
            trigger,
            Some(Answer {
                code,
                id: packet.id,
                data,
            }),
            cx,
        );
        if code == code::CONFIGURE_NAK {
            self.naks_sent = self.naks_sent.saturating_add(1);
        } else if matches!(self.state, State::AckSent | State::Opened) {
            self.acked.note(packet, cx.now);
        }
        signal
    }

    fn step(
        &mut self,
        trigger: Trigger,
        answer: Option<Answer<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Signal> {
        let Some(step) = self.state.step(trigger) else {
            cx.out.counters.discarded += 1;
            return None;
        };
        let from = core::mem::replace(&mut self.state, step.next);
        let does = |action| step.actions.has(action);
        // The restart counter is a time here. That of Configure-Requests runs on when the RFC would
        // begin to count again, which would let a peer that answers have the negotiation endless.
        if does(Actions::IRC) && does(Actions::STR) {
            self.until = cx.now.saturating_add(TERMINATE_LIMIT);
        }
        if does(Actions::ZRC) {
            self.until = cx.now;
            self.deadline = Some(cx.now.saturating_add(LINGER));
        }
        if does(Actions::SCR) {
            self.configure(trigger, from, cx);
        }
        if does(Actions::STR) {
            let id = self.next_id();
            cx.out.packet(L::PROTOCOL, code::TERMINATE_REQUEST, id, &[]);
            self.arm(cx.now, RESTART);
        }
        if let Some(answer) = answer {
            if does(Actions::STA) {
                cx.out
                    .packet(L::PROTOCOL, code::TERMINATE_ACK, answer.id, &[]);
            } else if does(Actions::SCA)
                || does(Actions::SCN)
                || does(Actions::SCJ)
                || does(Actions::SER)
            {
                cx.out
                    .packet(L::PROTOCOL, answer.code, answer.id, &[answer.data]);
            }
        }
        if !matches!(
            self.state,
            State::Closing | State::Stopping | State::ReqSent | State::AckRcvd | State::AckSent
        ) {
            self.deadline = None;
        }
        if does(Actions::TLU) {
            self.naks_sent = 0;
            (self.refusals, self.at_once) = (0, 0);
            self.farewell = None;
            Some(Signal::Up)
        } else if does(Actions::TLD) {
            Some(Signal::Down)
        } else if does(Actions::TLF) {
            Some(Signal::Finished(match (trigger, from) {
                (Trigger::LastTimeout, State::ReqSent | State::AckRcvd | State::AckSent) => {
                    Ending::Timeout
                }
                (Trigger::FatalReject, _) => Ending::Rejected,
                _ => Ending::Terminated,
            }))
        } else {
            None
        }
    }

    /// Sends a Configure-Request: the same again after a timeout, else a new one.
    fn configure(&mut self, trigger: Trigger, from: State, cx: &mut Context<'_>) {
        if !matches!(from, State::ReqSent | State::AckRcvd | State::AckSent) {
            self.naks_sent = 0;
            (self.refusals, self.at_once) = (0, 0);
            self.farewell = None;
            self.until = cx.now.saturating_add(self.limit);
            self.acked = Acknowledged::default();
            self.layer.restart(cx.random);
        } else if trigger == Trigger::Nak {
            let pause = self.layer.pace(cx.now).or_else(|| {
                self.at_once = self.at_once.saturating_add(1);
                (self.at_once > MAX_FAILURE).then_some(PACE)
            });
            if let Some(pause) = pause {
                self.arm(cx.now, pause);
                return;
            }
        }
        if trigger != Trigger::Timeout || self.answered {
            self.request_id = self.next_id();
            self.request.clear();
            self.layer.request(&mut self.request);
            self.answered = false;
        }
        cx.out.packet(
            L::PROTOCOL,
            code::CONFIGURE_REQUEST,
            self.request_id,
            &[&self.request],
        );
        self.arm(cx.now, self.period);
    }

    /// Sets the timer to `period` after `from`, or to where the time is over.
    fn arm(&mut self, from: u64, period: u64) {
        self.deadline = Some(from.saturating_add(period).min(self.until));
    }
}
