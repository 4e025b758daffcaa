//! The phases of a link (RFC 1661, section 3.2).

use core::fmt;

use super::authenticatee::{Authenticatee, Verdict};
use super::authenticator::Authenticator;
use super::automaton::{State, Trigger};
use super::config::Config;
use super::counters::Counters;
use super::echo::Echoes;
use super::ipcp::Ipcp;
use super::ipv6cp::Ipv6cp;
use super::lcp::Lcp;
use super::negotiator::{Context, Ending, Negotiator, RESTART, Signal};
use super::outbox::{Outbox, Output};
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;

/// What happens to an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The link is wanted.
    Open,
    /// The link is no longer wanted. [`Output::Finished`] follows within 6 seconds.
    Close,
    /// The line is there: `CONNECT`.
    LowerUp,
    /// The line is gone.
    LowerDown,
    /// A frame came in: protocol number and information field.
    Frame(&'a [u8]),
    /// Time has passed; wanted at [`Engine::next_deadline`], harmless at any other time.
    Tick,
}

/// How far a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No line, or a link that is over.
    Dead,
    /// LCP is negotiating.
    Establish,
    /// LCP is open, the authentication runs.
    Authenticate,
    /// The network protocols are negotiating or open.
    Network,
    /// LCP is closing.
    Terminate,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dead => "dead",
            Self::Establish => "establish",
            Self::Authenticate => "authenticate",
            Self::Network => "network",
            Self::Terminate => "terminate",
        })
    }
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
    /// When the negotiation has taken too long.
    limit: Option<u64>,
    reason: Option<Reason>,
    /// Whether [`Output::Ipv4Down`] is owed: IPCP may open without an address, and is not told then.
    told_ipv4: bool,
    /// Whether [`Output::Finished`] is still owed.
    live: bool,
}

/// Runs a method of one negotiator, lending it the engine's other parts.
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
    /// Makes an engine for one end. `seed` must differ between the ends and between calls: from
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
            told_ipv4: false,
            live: false,
            config,
        }
    }

    /// Takes in an event.
    pub fn handle(&mut self, event: Event<'_>, now: u64) {
        match event {
            Event::Open => self.lcp_trigger(Trigger::Open, now),
            Event::Close => self.end(Reason::Closed, now),
            Event::LowerUp => {
                if !self.live {
                    self.lcp.set_period(RESTART);
                }
                self.lcp_trigger(Trigger::Up, now);
            }
            Event::LowerDown => self.lower_down(now),
            Event::Frame(frame) => self.frame(frame, now),
            Event::Tick => self.tick(now),
        }
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        self.out.poll()
    }

    /// When the engine wants a [`Event::Tick`].
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

    /// How far the link is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What came in that should not have.
    pub fn counters(&self) -> &Counters {
        &self.out.counters
    }

    /// Echo requests in a row without answer.
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
            self.end(self.late(), now);
        }
    }

    /// Why there was no agreement in time.
    fn late(&self) -> Reason {
        match self.phase {
            Phase::Establish if self.lcp.farewell().is_some() => {
                let words = self.lcp.farewell().cloned().unwrap_or_default();
                Reason::PeerTerminated(words)
            }
            Phase::Establish if self.lcp.disagrees() => Reason::NoAgreement {
                protocol: Protocol::LCP,
            },
            Phase::Network if self.ipcp.disagrees() => Reason::NoAgreement {
                protocol: Protocol::IPCP,
            },
            phase => Reason::NegotiationTimeout { phase },
        }
    }

    fn lcp_trigger(&mut self, trigger: Trigger, now: u64) {
        if let Some(signal) = with!(self, now, lcp, trigger(trigger)) {
            self.lcp_signal(signal, now);
        }
        if self.lcp.state() == State::ReqSent && !self.live {
            self.live = true;
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
                let reason = match (ending, self.lcp.farewell()) {
                    (Ending::Rejected, _) => Reason::Refused {
                        protocol: Protocol::LCP,
                        option: None,
                    },
                    (_, Some(words)) => Reason::PeerTerminated(words.clone()),
                    (Ending::Timeout, None) => self.late(),
                    (Ending::Terminated, None) => Reason::Closed,
                };
                self.finish(reason, now);
            }
        }
    }

    fn lcp_up(&mut self, now: u64) {
        self.phase = Phase::Authenticate;
        self.out.news(Output::LcpOpened(self.lcp.layer.agreed()));
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
            // A peer that begins anew before the link was up gets no more time by it.
            Phase::Establish => self.limit.or_else(|| Some(self.negotiation_end(now))),
            _ => None,
        };
        if self.lcp.state() == State::Stopping && self.reason.is_none() {
            self.reason = Some(match self.lcp.farewell() {
                Some(words) => Reason::PeerTerminated(words.clone()),
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
        self.out.news(Output::LcpDown);
    }

    pub(super) fn verdict(&mut self, verdict: Verdict, now: u64) {
        match verdict {
            Verdict::Accepted(protocol) => {
                self.out.news(Output::Authenticated(protocol));
                self.enter_network(now);
            }
            Verdict::Refused(words) => self.end(Reason::AuthFailed(words), now),
            Verdict::Timeout => self.end(self.late(), now),
        }
    }

    fn enter_network(&mut self, now: u64) {
        let proven = self.authenticatee.is_done() && self.authenticator.is_done();
        if self.phase != Phase::Authenticate || !proven {
            return;
        }
        self.phase = Phase::Network;
        // A peer that is slow at LCP is slow at this too.
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
                    self.told_ipv4 = true;
                    self.out.news(Output::Ipv4Up(ipv4));
                }
                Err(reason) => self.end(reason, now),
            },
            Signal::Down => {
                if self.phase == Phase::Network {
                    self.limit = self.limit.or_else(|| Some(self.negotiation_end(now)));
                }
                if core::mem::take(&mut self.told_ipv4) {
                    self.out.news(Output::Ipv4Down);
                }
            }
            Signal::Finished(ending) => {
                let protocol = Protocol::IPCP;
                let reason = match ending {
                    Ending::Timeout => self.late(),
                    Ending::Rejected => Reason::Refused {
                        protocol,
                        option: None,
                    },
                    Ending::Terminated => Reason::NetworkClosed { protocol },
                };
                self.end(reason, now);
            }
        }
    }

    pub(super) fn ipv6cp_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Up => self.out.news(Output::Ipv6Up(self.ipv6cp.layer.agreed())),
            Signal::Down => self.out.news(Output::Ipv6Down),
            // The link carries IPv4 without it.
            Signal::Finished(_) => {}
        }
    }

    /// Closes the link for a reason; the first one is the one that is told.
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
            // There the peer could begin a link that nobody asked for. Closing says nothing more.
            with!(self, now, lcp, trigger(Trigger::Close));
        }
        self.limit = None;
        self.phase = Phase::Dead;
        if core::mem::take(&mut self.live) {
            let reason = self.reason.take().unwrap_or(reason);
            self.out.news(Output::Finished(reason));
        }
    }
}
