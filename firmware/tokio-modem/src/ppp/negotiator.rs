//! Option negotiation of one control protocol: automaton, restart timer, counters, packets.
//!
//! LCP, IPCP and IPv6CP differ only in their options, which a [`ControlProtocol`] handles.

use super::acknowledged::Acknowledged;
use super::automaton::{Actions, State, Trigger};
use super::control_protocol::{ControlProtocol, OptionVerdict, Request};
use super::counters::{Fault, Malformed};
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

/// Parts of the engine that a step uses besides the layer.
pub(super) struct Context<'a> {
    pub(super) now: u64,
    pub(super) out: &'a mut Outbox,
    pub(super) random: &'a mut Random,
    /// Largest information field the peer takes.
    pub(super) peer_mru: u16,
}

/// Effect of a step on the layers above and below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Up,
    Down,
    Finished(EndCause),
}

/// Reason why a layer finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndCause {
    /// The time limit of the phase has passed.
    Timeout,
    /// The peer rejected the protocol or an essential code.
    Rejected,
    /// Either end requested it.
    Terminated,
}

/// Reply to a packet from the peer.
#[derive(Clone, Copy)]
struct Reply<'a> {
    code: u8,
    id: u8,
    data: &'a [u8],
}

/// Negotiation of one control protocol.
#[derive(Clone, Debug)]
pub(super) struct Negotiator<L> {
    pub(super) layer: L,
    state: State,
    /// Identifier of our latest packet.
    id: u8,
    /// Options of the latest Configure-Request, and its identifier.
    request: Request,
    request_id: u8,
    /// Whether that request was answered.
    answered: bool,
    /// Time from a request to its copy, in milliseconds.
    period: u64,
    /// Longest time from the first request to agreement, in milliseconds.
    limit: u64,
    /// When the timer expires for the last time (TO-), in milliseconds.
    until: u64,
    deadline: Option<u64>,
    naks_sent: u8,
    /// Naks and Rejects received since the negotiation began.
    refusals: u8,
    /// Number of them that the next request followed without a pause.
    unpaced: u8,
    acked: Acknowledged,
    /// Text of the peer's Terminate-Request.
    terminate_text: Option<Text>,
}

impl<L: ControlProtocol> Negotiator<L> {
    /// Creates a negotiation that takes at most `limit` milliseconds.
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
            unpaced: 0,
            acked: Acknowledged::default(),
            terminate_text: None,
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

    /// Returns whether the peer refused so many requests that the cause is disagreement, not silence.
    pub(super) fn is_rejecting(&self) -> bool {
        self.refusals > MAX_FAILURE
    }

    /// Returns the time from a request to its copy, in milliseconds, as adapted to the peer so far.
    pub(super) fn period(&self) -> u64 {
        self.period
    }

    /// Sets the time from a request to its copy, in milliseconds, for a line whose delay is known.
    pub(super) fn set_period(&mut self, period: u64) {
        self.period = period;
    }

    pub(super) fn terminate_text(&self) -> Option<&Text> {
        self.terminate_text.as_ref()
    }

    /// Returns an identifier for a packet that has no reply.
    pub(super) fn next_id(&mut self) -> u8 {
        self.id = self.id.wrapping_add(1);
        self.id
    }

    /// Handles an event that carries no packet.
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

    /// Handles an Echo-Request; the reply is sent if the automaton allows it.
    pub(super) fn echo(&mut self, id: u8, data: &[u8], cx: &mut Context<'_>) -> Option<Signal> {
        self.step(
            Trigger::Echo,
            Some(Reply {
                code: code::ECHO_REPLY,
                id,
                data,
            }),
            cx,
        )
    }

    /// Handles a packet with a code common to all control protocols.
    pub(super) fn receive(
        &mut self,
        packet: &Packet<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Option<Signal>, Malformed> {
        let bare = Reply {
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
                self.terminate_text = Some(Text::sanitise(packet.data));
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
                // The link works without an orderly end, and without our own Code-Rejects.
                Some(code::CONFIGURE_REQUEST..=code::CONFIGURE_REJECT) => {
                    self.step(Trigger::FatalReject, None, cx)
                }
                Some(_) => self.step(Trigger::NonFatalReject, None, cx),
            },
            _ => {
                let id = self.next_id();
                let room = usize::from(cx.peer_mru).saturating_sub(HEADER_LEN);
                let data = packet.whole.get(..room).unwrap_or(packet.whole);
                self.step(
                    Trigger::UnknownCode,
                    Some(Reply {
                        code: code::CODE_REJECT,
                        id,
                        data,
                    }),
                    cx,
                )
            }
        })
    }

    /// Returns whether the packet answers the pending request. Others answer earlier requests or
    /// copies: the peer needs more time than the restart timer allows, so the timer is extended.
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
            let dropped = self.is_rejecting() && self.layer.is_optional(option);
            if code == code::CONFIGURE_NAK && !dropped {
                self.layer.naked(option, cx.random);
            } else {
                self.layer.rejected(option);
            }
        }
    }

    fn configure_request(&mut self, packet: &Packet<'_>, cx: &mut Context<'_>) -> Option<Signal> {
        if matches!(self.state, State::Closed | State::Closing | State::Stopping) {
            let answer = Reply {
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
            let verdict = self.layer.judge(option, &mut naks, cx.random);
            let hardened = verdict == OptionVerdict::Nak && self.naks_sent >= MAX_FAILURE;
            // A part of the peer's own packet always fits.
            if (verdict == OptionVerdict::Reject || hardened)
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
            Some(Reply {
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
        answer: Option<Reply<'_>>,
        cx: &mut Context<'_>,
    ) -> Option<Signal> {
        let Some(step) = self.state.step(trigger) else {
            cx.out.counters.discarded += 1;
            return None;
        };
        let from = core::mem::replace(&mut self.state, step.next);
        let does = |action| step.actions.has(action);
        // The restart counter is a time here. That of Configure-Requests is not reset where the RFC
        // resets its counter, which would let a peer that answers prolong the negotiation forever.
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
            (self.refusals, self.unpaced) = (0, 0);
            self.terminate_text = None;
            Some(Signal::Up)
        } else if does(Actions::TLD) {
            Some(Signal::Down)
        } else if does(Actions::TLF) {
            Some(Signal::Finished(match (trigger, from) {
                (Trigger::LastTimeout, State::ReqSent | State::AckRcvd | State::AckSent) => {
                    EndCause::Timeout
                }
                (Trigger::FatalReject, _) => EndCause::Rejected,
                _ => EndCause::Terminated,
            }))
        } else {
            None
        }
    }

    /// Sends a Configure-Request: a copy after a timeout, else a new one.
    fn configure(&mut self, trigger: Trigger, from: State, cx: &mut Context<'_>) {
        if !matches!(from, State::ReqSent | State::AckRcvd | State::AckSent) {
            self.naks_sent = 0;
            (self.refusals, self.unpaced) = (0, 0);
            self.terminate_text = None;
            self.until = cx.now.saturating_add(self.limit);
            self.acked = Acknowledged::default();
            self.layer.restart(cx.random);
        } else if trigger == Trigger::Nak {
            let pause = self.layer.pace(cx.now).or_else(|| {
                self.unpaced = self.unpaced.saturating_add(1);
                (self.unpaced > MAX_FAILURE).then_some(PACE)
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

    /// Sets the timer to `period` after `from`, at most to the end of the time limit.
    fn arm(&mut self, from: u64, period: u64) {
        self.deadline = Some(from.saturating_add(period).min(self.until));
    }
}
