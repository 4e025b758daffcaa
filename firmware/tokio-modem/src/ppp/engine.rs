//! Engine of one PPP link: phase transitions (RFC 1661, section 3.2), time limits, outputs.

use super::authenticatee::{Authenticatee, Verdict};
use super::authenticator::Authenticator;
use super::automaton::{State, Trigger};
use super::config::Config;
use super::counters::Counters;
use super::echo::Echoes;
use super::ipcp::Ipcp;
use super::ipv6cp::Ipv6cp;
use super::lcp::Lcp;
use super::negotiator::{Context, EndCause, Negotiator, RESTART, Signal};
use super::outbox::{Outbox, Output};
use super::phase::Phase;
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;

/// Input of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Opens the link.
    Open,
    /// Closes the link. [`Output::Finished`] follows within 6 seconds.
    Close,
    /// The lower layer is up: `CONNECT`.
    LowerUp,
    /// The lower layer is down.
    LowerDown,
    /// Received frame: protocol number and information field.
    Frame(&'a [u8]),
    /// Time has passed; due at [`Engine::next_deadline`], harmless at any other time.
    Tick,
}

/// One end of a PPP link.
///
/// After each [`Self::handle`] take the outputs by [`Self::poll_output`] until there are none.
/// Times are milliseconds of any clock that never steps back.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) config: Config,
    pub(super) phase: Phase,
    pub(super) lcp: Negotiator<Lcp>,
    pub(super) ipcp: Negotiator<Ipcp>,
    pub(super) ipv6cp: Negotiator<Ipv6cp>,
    pub(super) authenticatee: Authenticatee,
    pub(super) authenticator: Authenticator,
    pub(super) echoes: Echoes,
    pub(super) out: Outbox,
    pub(super) random: Random,
    /// End of the negotiation's time limit, in milliseconds.
    limit: Option<u64>,
    /// First reason to end the link.
    reason: Option<Reason>,
    /// Whether [`Output::Ipv4Up`] was reported and [`Output::Ipv4Down`] must follow: IPCP may open without
    /// an address, which is not reported.
    ipv4_reported: bool,
    /// Whether the link was started and [`Output::Finished`] must follow.
    started: bool,
}

/// Calls a method of one negotiator with the parts of the engine that it needs.
macro_rules! with {
    ($engine:ident, $now:expr, $layer:ident, $method:ident($($argument:expr),*)) => {{
        let peer_mru = $engine.lcp.layer.peer_mru();
        let mut cx = Context {
            now: $now,
            out: &mut $engine.out,
            random: &mut $engine.random,
            peer_mru,
        };
        $engine.$layer.$method($($argument,)* &mut cx)
    }};
}
pub(super) use with;

impl Engine {
    /// Creates an engine for one end. `seed` must differ between the ends and between calls: from
    /// it come magic numbers, interface identifiers and, on a server, challenges.
    pub fn new(config: Config, seed: u64, now: u64) -> Self {
        let mut random = Random::new(seed ^ now.rotate_left(32));
        random.next_u64();
        Self {
            phase: Phase::Dead,
            lcp: Negotiator::new(Lcp::new(&config), config.phase_limits.establish),
            ipcp: Negotiator::new(Ipcp::new(&config), config.phase_limits.network),
            ipv6cp: Negotiator::new(Ipv6cp::default(), config.phase_limits.network),
            authenticatee: Authenticatee::new(),
            authenticator: Authenticator::new(),
            echoes: Echoes::new(config.echo),
            out: Outbox::default(),
            random,
            limit: None,
            reason: None,
            ipv4_reported: false,
            started: false,
            config,
        }
    }

    /// Handles an event.
    pub fn handle(&mut self, event: Event<'_>, now: u64) {
        match event {
            Event::Open => self.lcp_trigger(Trigger::Open, now),
            Event::Close => self.end(Reason::Closed, now),
            Event::LowerUp => {
                if !self.started {
                    self.lcp.set_period(RESTART);
                }
                self.lcp_trigger(Trigger::Up, now);
            }
            Event::LowerDown => self.lower_down(now),
            Event::Frame(frame) => self.frame(frame, now),
            Event::Tick => self.tick(now),
        }
    }

    /// Returns the next output, in order.
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        self.out.poll()
    }

    /// Returns when an [`Event::Tick`] is due, in milliseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        [
            self.lcp.deadline(),
            self.ipcp.deadline(),
            self.ipv6cp.deadline(),
            self.authenticatee.deadline(),
            self.authenticator.deadline(),
            self.echoes.deadline(),
            self.limit,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Returns the phase of the link.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns counters of malformed and unexpected frames.
    pub fn counters(&self) -> &Counters {
        &self.out.counters
    }

    /// Returns the number of consecutive unanswered Echo-Requests.
    pub fn echo_unanswered(&self) -> u32 {
        self.echoes.unanswered()
    }

    fn lower_down(&mut self, now: u64) {
        if let Some(signal) = with!(self, now, lcp, trigger(Trigger::Down)) {
            self.lcp_signal(signal, now);
        }
        self.finish(Reason::LowerDown, now);
    }

    fn tick(&mut self, now: u64) {
        if let Some(signal) = with!(self, now, lcp, tick()) {
            self.lcp_signal(signal, now);
        }
        let credentials = &self.config.credentials;
        if let Some(verdict) = self.authenticatee.tick(credentials, now, &mut self.out) {
            self.verdict(verdict, now);
        }
        if let Some(verdict) = self.authenticator.tick(now, &mut self.out) {
            self.verdict(verdict, now);
        }
        if let Some(signal) = with!(self, now, ipcp, tick()) {
            self.ipcp_signal(signal, now);
        }
        if let Some(signal) = with!(self, now, ipv6cp, tick()) {
            self.ipv6cp_signal(signal);
        }
        if self
            .echoes
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            let (id, magic) = (self.lcp.next_id(), self.lcp.layer.magic());
            if let Some(unanswered) = self.echoes.tick(id, magic, now, &mut self.out) {
                self.end(Reason::EchoTimeout { unanswered }, now);
            }
        }
        if self.limit.is_some_and(|limit| limit <= now) {
            self.end(self.timeout_reason(), now);
        }
    }

    /// Returns why the time limit was missed.
    fn timeout_reason(&self) -> Reason {
        match self.phase {
            Phase::Establish if self.lcp.terminate_text().is_some() => {
                let text = self.lcp.terminate_text().cloned().unwrap_or_default();
                Reason::PeerTerminated(text)
            }
            Phase::Establish if self.lcp.is_rejecting() => Reason::NoAgreement {
                protocol: Protocol::LCP,
            },
            Phase::Network if self.ipcp.is_rejecting() => Reason::NoAgreement {
                protocol: Protocol::IPCP,
            },
            phase => Reason::NegotiationTimeout { phase },
        }
    }

    fn lcp_trigger(&mut self, trigger: Trigger, now: u64) {
        if let Some(signal) = with!(self, now, lcp, trigger(trigger)) {
            self.lcp_signal(signal, now);
        }
        if self.lcp.state() == State::ReqSent && !self.started {
            self.started = true;
            self.reason = None;
            self.phase = Phase::Establish;
            self.limit = Some(self.negotiation_end(now));
        }
    }

    fn negotiation_end(&self, now: u64) -> u64 {
        now.saturating_add(self.config.negotiation_limit)
    }

    pub(super) fn lcp_signal(&mut self, signal: Signal, now: u64) {
        match signal {
            Signal::Up => self.lcp_up(now),
            Signal::Down => self.lcp_down(now),
            Signal::Finished(ending) => {
                let reason = match (ending, self.lcp.terminate_text()) {
                    (EndCause::Rejected, _) => Reason::Refused {
                        protocol: Protocol::LCP,
                        option: None,
                    },
                    (_, Some(text)) => Reason::PeerTerminated(text.clone()),
                    (EndCause::Timeout, None) => self.timeout_reason(),
                    (EndCause::Terminated, None) => Reason::Closed,
                };
                self.finish(reason, now);
            }
        }
    }

    fn lcp_up(&mut self, now: u64) {
        self.phase = Phase::Authenticate;
        self.out.notify(Output::LcpOpened(self.lcp.layer.agreed()));
        self.echoes.start(now);
        let (demanded, required) = (self.lcp.layer.demanded(), self.lcp.layer.required());
        let until = now.saturating_add(self.config.phase_limits.authenticate);
        let times = (now, until);
        self.authenticatee
            .begin(demanded, &self.config.credentials, times, &mut self.out);
        self.authenticator
            .begin(required, &mut self.random, times, &mut self.out);
        self.enter_network(now);
    }

    fn lcp_down(&mut self, now: u64) {
        self.phase = match self.lcp.state() {
            State::Closing | State::Stopping => Phase::Terminate,
            State::Initial | State::Starting => Phase::Dead,
            _ => Phase::Establish,
        };
        self.limit = match self.phase {
            // A peer that restarts before the link was up gets no additional time.
            Phase::Establish => self.limit.or_else(|| Some(self.negotiation_end(now))),
            _ => None,
        };
        if self.lcp.state() == State::Stopping && self.reason.is_none() {
            self.reason = Some(match self.lcp.terminate_text() {
                Some(text) => Reason::PeerTerminated(text.clone()),
                None => Reason::Refused {
                    protocol: Protocol::LCP,
                    option: None,
                },
            });
        }
        self.authenticatee.reset();
        self.authenticator.reset();
        self.echoes.stop();
        if let Some(signal) = with!(self, now, ipcp, trigger(Trigger::Down)) {
            self.ipcp_signal(signal, now);
        }
        if let Some(signal) = with!(self, now, ipv6cp, trigger(Trigger::Down)) {
            self.ipv6cp_signal(signal);
        }
        self.out.notify(Output::LcpDown);
    }

    pub(super) fn verdict(&mut self, verdict: Verdict, now: u64) {
        match verdict {
            Verdict::Accepted(protocol) => {
                self.out.notify(Output::Authenticated(protocol));
                self.enter_network(now);
            }
            Verdict::Refused(text) => self.end(Reason::AuthFailed(text), now),
            Verdict::Timeout => self.end(self.timeout_reason(), now),
        }
    }

    fn enter_network(&mut self, now: u64) {
        let is_authenticated = self.authenticatee.is_done() && self.authenticator.is_done();
        if self.phase != Phase::Authenticate || !is_authenticated {
            return;
        }
        self.phase = Phase::Network;
        // A peer that is slow at LCP is slow at IPCP, too.
        self.ipcp.set_period(self.lcp.period());
        self.ipv6cp.set_period(self.lcp.period());
        for trigger in [Trigger::Open, Trigger::Up] {
            if let Some(signal) = with!(self, now, ipcp, trigger(trigger)) {
                self.ipcp_signal(signal, now);
            }
            if self.config.ipv6
                && let Some(signal) = with!(self, now, ipv6cp, trigger(trigger))
            {
                self.ipv6cp_signal(signal);
            }
        }
    }

    pub(super) fn ipcp_signal(&mut self, signal: Signal, now: u64) {
        match signal {
            Signal::Up => match self.ipcp.layer.agreed() {
                Ok(ipv4) => {
                    self.limit = None;
                    self.ipv4_reported = true;
                    self.out.notify(Output::Ipv4Up(ipv4));
                }
                Err(reason) => self.end(reason, now),
            },
            Signal::Down => {
                if self.phase == Phase::Network {
                    self.limit = self.limit.or_else(|| Some(self.negotiation_end(now)));
                }
                if core::mem::take(&mut self.ipv4_reported) {
                    self.out.notify(Output::Ipv4Down);
                }
            }
            Signal::Finished(ending) => {
                let protocol = Protocol::IPCP;
                let reason = match ending {
                    EndCause::Timeout => self.timeout_reason(),
                    EndCause::Rejected => Reason::Refused {
                        protocol,
                        option: None,
                    },
                    EndCause::Terminated => Reason::NetworkClosed { protocol },
                };
                self.end(reason, now);
            }
        }
    }

    pub(super) fn ipv6cp_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Up => self.out.notify(Output::Ipv6Up(self.ipv6cp.layer.agreed())),
            Signal::Down => self.out.notify(Output::Ipv6Down),
            // The link carries IPv4 without it.
            Signal::Finished(_) => {}
        }
    }

    /// Closes the link for a reason; the first reason is the one reported.
    pub(super) fn end(&mut self, reason: Reason, now: u64) {
        self.reason.get_or_insert(reason.clone());
        self.limit = None;
        if let Some(signal) = with!(self, now, lcp, trigger(Trigger::Close)) {
            self.lcp_signal(signal, now);
        }
        match self.lcp.state() {
            State::Closing | State::Stopping => self.phase = Phase::Terminate,
            _ => self.finish(reason, now),
        }
    }

    fn finish(&mut self, reason: Reason, now: u64) {
        if self.lcp.state() == State::Stopped {
            // In Stopped the peer could start a link that was not requested. Closing sends no packet.
            with!(self, now, lcp, trigger(Trigger::Close));
        }
        self.limit = None;
        self.phase = Phase::Dead;
        if core::mem::take(&mut self.started) {
            let reason = self.reason.take().unwrap_or(reason);
            self.out.notify(Output::Finished(reason));
        }
    }
}
