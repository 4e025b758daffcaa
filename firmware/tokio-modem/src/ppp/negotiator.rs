//! Option negotiation: the automaton with its timer, its counters and the packets it exchanges.
//!
//! LCP, IPCP and IPv6CP differ only in their options, which a [`Layer`] knows.

use heapless::Vec;

use super::automaton::{Actions, State, Trigger};
use super::counters::{Fault, Malformed};
use super::outbox::Outbox;
use super::packet::{Body, ConfigOption, HEADER_LEN, Options, Packet, code};
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;
use super::text::Text;

/// Restart timer in milliseconds (RFC 1661, section 4.6: 3 s by default).
pub(super) const RESTART: u64 = 3_000;
/// Configure-Requests without answer (RFC 1661, section 4.6: 10 by default).
pub(super) const MAX_CONFIGURE: u8 = 10;
/// Terminate-Requests without answer (RFC 1661, section 4.6: 2 by default).
const MAX_TERMINATE: u8 = 2;
/// Configure-Naks sent before they become Rejects (RFC 1661, section 4.6: 5 by default).
const MAX_FAILURE: u8 = 5;
/// Configure-Naks and Rejects received before we believe that there will be no agreement. The
/// RFC sets no bound; ten are left to paced requests for a resolver, the rest to real haggling.
const MAX_NAKS_RECEIVED: u8 = 20;
/// How long a Terminate-Ack may take to the peer before the layer is down, in milliseconds. The
/// peer repeats its request only after 3 s, but sticks drop the line at once.
const LINGER: u64 = 1_000;
/// Longest options of any request of ours: LCP with everything has 25 bytes.
const REQUEST_LEN: usize = 32;

/// The options of our Configure-Request.
pub(super) type Request = Vec<u8, REQUEST_LEN>;

/// What a layer thinks of one option of the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    Accept,
    /// Not with this value; a better one was put into the Nak.
    Nak,
    /// Not known, or not wanted.
    Reject,
}

/// What is particular to one protocol.
pub(super) trait Layer {
    const PROTOCOL: Protocol;

    /// A negotiation begins: wish for everything again.
    fn restart(&mut self, random: &mut Random);
    /// Writes the options we ask for.
    fn request(&self, out: &mut Request);
    /// The peer's options will follow, all of them.
    fn begin_peer(&mut self);
    /// Judges one of them; a Nak's replacement goes to `naks`.
    fn judge(&mut self, option: ConfigOption<'_>, naks: &mut Body, random: &mut Random) -> Opinion;
    /// The peer wants another value for one of our options.
    fn naked(&mut self, option: ConfigOption<'_>, random: &mut Random);
    /// The peer does not take one of our options.
    fn rejected(&mut self, option: ConfigOption<'_>);
    /// Milliseconds to wait before the next request, after a Nak.
    fn pace(&mut self) -> Option<u64> {
        None
    }
    /// What makes it impossible to go on.
    fn take_fault(&mut self) -> Option<Reason>;
}

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
    /// The peer never answered.
    Silence,
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
    tries_left: u8,
    deadline: Option<u64>,
    naks_sent: u8,
    naks_received: u8,
    fault: Option<Reason>,
    /// The peer's words at its Terminate-Request.
    farewell: Option<Text>,
}

impl<L: Layer> Negotiator<L> {
    pub(super) fn new(layer: L) -> Self {
        Self {
            layer,
            state: State::Initial,
            id: 0,
            request: Vec::new(),
            request_id: 0,
            answered: true,
            tries_left: 0,
            deadline: None,
            naks_sent: 0,
            naks_received: 0,
            fault: None,
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

    pub(super) fn take_fault(&mut self) -> Option<Reason> {
        self.fault.take().or_else(|| self.layer.take_fault())
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
        let trigger = if self.tries_left > 0 {
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
            code::CONFIGURE_REQUEST => self.configure_request(packet, &packet.options()?, cx),
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
                Some(code::CONFIGURE_REQUEST..=code::CODE_REJECT) => {
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

    /// Whether the packet answers the request that is under way; others are late copies.
    fn is_answer(&self, packet: &Packet<'_>, cx: &mut Context<'_>) -> bool {
        let fits = !self.answered && packet.id == self.request_id;
        if !fits {
            cx.out.counters.discarded += 1;
        }
        fits
    }

    fn refused(&mut self, code: u8, options: Options<'_>, cx: &mut Context<'_>) {
        for option in options {
            if code == code::CONFIGURE_NAK {
                self.layer.naked(option, cx.random);
            } else {
                self.layer.rejected(option);
            }
        }
        self.naks_received = self.naks_received.saturating_add(1);
        if self.naks_received >= MAX_NAKS_RECEIVED {
            self.fault = Some(Reason::NoAgreement {
                protocol: L::PROTOCOL,
            });
        }
    }

    fn configure_request(
        &mut self,
        packet: &Packet<'_>,
        options: &Options<'_>,
        cx: &mut Context<'_>,
    ) -> Option<Signal> {
        if matches!(self.state, State::Closed | State::Closing | State::Stopping) {
            let answer = Answer {
                code: code::TERMINATE_ACK,
                id: packet.id,
                data: &[],
            };
            return self.step(Trigger::GoodRequest, Some(answer), cx);
        }
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
        if does(Actions::IRC) {
            self.tries_left = if does(Actions::STR) {
                MAX_TERMINATE
            } else {
                MAX_CONFIGURE
            };
        }
        if does(Actions::ZRC) {
            self.tries_left = 0;
            self.deadline = Some(cx.now + LINGER);
        }
        if does(Actions::SCR) {
            self.configure(trigger, from, cx);
        }
        if does(Actions::STR) {
            let id = self.next_id();
            cx.out.packet(L::PROTOCOL, code::TERMINATE_REQUEST, id, &[]);
            self.arm(cx.now);
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
            self.naks_received = 0;
            self.farewell = None;
            Some(Signal::Up)
        } else if does(Actions::TLD) {
            Some(Signal::Down)
        } else if does(Actions::TLF) {
            Some(Signal::Finished(match (trigger, from) {
                (Trigger::LastTimeout, State::ReqSent | State::AckRcvd | State::AckSent) => {
                    Ending::Silence
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
            self.naks_received = 0;
            self.farewell = None;
            self.layer.restart(cx.random);
        } else if trigger == Trigger::Nak
            && let Some(pause) = self.layer.pace()
        {
            self.deadline = Some(cx.now + pause);
            return;
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
        self.arm(cx.now);
    }

    fn arm(&mut self, now: u64) {
        self.tries_left = self.tries_left.saturating_sub(1);
        self.deadline = Some(now + RESTART);
    }
}
