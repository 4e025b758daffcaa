//! State machine of the DHCP client (RFC 2131, section 4.4). Pure.

use std::net::Ipv4Addr;

use failberry_state::BootMillis;

use super::{Kind, Lease, Message, Op, Options, Random, options::PARAMETER_REQUEST};

/// Pause before the first retransmission, in milliseconds. The RFC's 4 s are for networks of its
/// time; half of it halves the wait if the switch dropped the first request.
const RETRY_FIRST_MS: u64 = 2_000;
/// Longest pause between retransmissions, in milliseconds: a restarted router should receive a
/// request soon.
const RETRY_CAP_MS: u64 = 32_000;
/// Number of requests for an offered address before the search starts again, as in the RFC's
/// example.
const MAX_REQUESTS: u32 = 4;
/// Number of requests for the former address before the search: some servers do not answer (2 + 4
/// s).
const MAX_REBOOT_REQUESTS: u32 = 2;
/// Shortest pause between requests to extend a lease, in milliseconds (RFC 2131, 4.4.5).
const RENEW_PAUSE_MS: u64 = 60_000;
/// Longest message accepted, in bytes: what fits into one Ethernet frame.
const MAX_SIZE: u16 = 1_500;

/// Identity of the client.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Ethernet address of the interface.
    pub mac: [u8; 6],
    /// The host's name.
    pub hostname: String,
}

/// Input of [`Client::step`].
#[derive(Clone, Debug)]
pub enum Event {
    /// The cable was plugged in, possibly after a short disconnect.
    CableIn,
    /// The cable was unplugged.
    CableOut,
    /// A message was received.
    Answer(Box<Message>),
    /// A deadline may have passed.
    Tick,
}

/// Output of [`Client::step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this message.
    Send(Message, Destination),
    /// Use this lease from now on.
    Use(Lease),
    /// Stop using the lease, for this reason.
    Drop(String),
    /// Log that a server's message was invalid.
    Refuse(String),
}

/// Destination of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Broadcast, from this address of ours or from none.
    Broadcast(Ipv4Addr),
    /// Unicast to this server.
    Server(Ipv4Addr),
}

#[derive(Clone, Debug)]
enum State {
    /// No cable.
    Off,
    /// Requesting the former lease again.
    Rebooting(Retry),
    /// Searching for a server.
    Selecting(Retry),
    /// Requesting the offered address.
    Requesting(Lease, Retry),
    /// Lease in use; nothing to request.
    Bound,
    /// Requesting an extension from the lease's server.
    Renewing(Retry),
    /// Requesting an extension from any server.
    Rebinding(Retry),
}

#[derive(Clone, Copy, Debug)]
struct Retry {
    sent: u32,
    /// When the first request was sent.
    began: BootMillis,
    /// When the last request was sent.
    last_sent: BootMillis,
    next: BootMillis,
}

/// DHCP client. A lease stays in use until it ends, is refused or is replaced, whatever is being
/// requested meanwhile.
#[derive(Clone, Debug)]
pub struct Client {
    identity: Identity,
    random: Random,
    state: State,
    lease: Option<Lease>,
    xid: u32,
    /// Refusals since the last grant: a server that alternately offers and refuses is not hurried.
    refusals: u32,
}

impl Client {
    /// Creates a client without a cable; `lease` is that of an earlier process.
    pub const fn new(identity: Identity, lease: Option<Lease>, random: Random) -> Self {
        Self {
            identity,
            random,
            state: State::Off,
            lease,
            xid: 0,
            refusals: 0,
        }
    }

    /// Returns the lease in use.
    pub const fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// Returns when [`Event::Tick`] is due.
    pub fn deadline(&self) -> Option<BootMillis> {
        let lease = self.lease.as_ref();
        let next = match &self.state {
            State::Off => None,
            State::Bound => lease.and_then(Lease::renew_at),
            State::Rebooting(retry)
            | State::Selecting(retry)
            | State::Requesting(_, retry)
            | State::Renewing(retry)
            | State::Rebinding(retry) => Some(retry.next),
        };
        let end = lease.and_then(Lease::ends_at);
        next.into_iter().chain(end).min()
    }

    /// Processes one event.
    pub fn step(&mut self, event: Event, now: BootMillis) -> Vec<Action> {
        let mut actions = Vec::new();
        let ended = |lease: &Lease| lease.ends_at().is_some_and(|end| now >= end);
        if self.lease.as_ref().is_some_and(ended) {
            self.drop_lease(
                "its time is over and no server has extended it".into(),
                &mut actions,
            );
            if !matches!(self.state, State::Off) {
                self.search(now);
            }
        }
        match event {
            Event::CableIn => {
                self.xid = self.random.xid();
                let retry = Retry::starting(now);
                self.state = match self.lease {
                    Some(_) => State::Rebooting(retry),
                    None => State::Selecting(retry),
                };
            }
            Event::CableOut => self.state = State::Off,
            Event::Answer(answer) => self.on_answer(&answer, now, &mut actions),
            Event::Tick => {}
        }
        self.send_due(now, &mut actions);
        actions
    }

    fn search(&mut self, now: BootMillis) {
        self.xid = self.random.xid();
        self.state = State::Selecting(Retry::starting(now));
    }

    fn drop_lease(&mut self, reason: String, actions: &mut Vec<Action>) {
        if self.lease.take().is_some() {
            actions.push(Action::Drop(reason));
        }
    }

    fn on_answer(&mut self, answer: &Message, now: BootMillis, actions: &mut Vec<Action>) {
        let ours = answer.op == Op::Reply && answer.mac == self.identity.mac;
        if !ours || answer.xid != self.xid {
            return;
        }
        let server = answer.options.server;
        let last_sent = match &self.state {
            State::Selecting(retry) if answer.options.kind == Some(Kind::Offer) => {
                match Lease::from_answer(answer, retry.last_sent) {
                    Ok(offer) => self.state = State::Requesting(offer, Retry::starting(now)),
                    Err(error) => actions.push(Action::Refuse(format!("offer: {error}"))),
                }
                return;
            }
            // The answer of another server does not concern this offer.
            State::Requesting(offer, retry) if server == Some(offer.server) => retry.last_sent,
            State::Rebooting(retry) | State::Renewing(retry) | State::Rebinding(retry) => {
                retry.last_sent
            }
            State::Requesting(..) | State::Off | State::Selecting(_) | State::Bound => return,
        };
        match answer.options.kind {
            Some(Kind::Ack) => match Lease::from_answer(answer, last_sent) {
                Ok(lease) => {
                    self.refusals = 0;
                    self.state = State::Bound;
                    self.lease = Some(lease.clone());
                    actions.push(Action::Use(lease));
                }
                Err(error) => actions.push(Action::Refuse(format!("grant: {error}"))),
            },
            Some(Kind::Nak) => {
                let by = server.map_or_else(|| "a server".into(), |server| server.to_string());
                let why = match answer.options.text.as_str() {
                    "" => format!("refused by {by}, which gave no reason"),
                    text => format!("refused by {by}, which gave the reason \"{text}\""),
                };
                // A refused offer does not affect the lease in use.
                let other = match &self.state {
                    State::Requesting(offer, _) => self
                        .lease
                        .as_ref()
                        .is_some_and(|lease| lease.address != offer.address),
                    _ => false,
                };
                if !other {
                    self.drop_lease(why, actions);
                }
                self.search(now);
                if let State::Selecting(retry) = &mut self.state
                    && self.refusals > 0
                {
                    retry.next = now.plus(self.random.around(pause(self.refusals)));
                }
                self.refusals = self.refusals.saturating_add(1);
            }
            _ => {}
        }
    }

    /// Sends the request that is due.
    fn send_due(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        self.advance(now);
        let lease_end = self.lease.as_ref().and_then(Lease::ends_at);
        let rebind = self.lease.as_ref().and_then(Lease::rebind_at);
        let (retry, limit) = match &mut self.state {
            State::Off | State::Bound => return,
            State::Rebooting(retry) | State::Selecting(retry) | State::Requesting(_, retry) => {
                (retry, None)
            }
            State::Renewing(retry) => (retry, rebind),
            State::Rebinding(retry) => (retry, lease_end),
        };
        if now < retry.next {
            return;
        }
        retry.sent = retry.sent.saturating_add(1);
        retry.last_sent = now;
        retry.next = match limit {
            None => now.plus(self.random.around(pause(retry.sent))),
            Some(limit) => now
                .plus((limit.since(now) / 2).max(RENEW_PAUSE_MS))
                .min(limit),
        };
        let began = retry.began;
        actions.extend(self.request(now.since(began)));
    }

    /// Advances to the next state if this one has timed out.
    fn advance(&mut self, now: BootMillis) {
        let passed = |at: Option<BootMillis>| at.is_some_and(|at| now >= at);
        let renew = passed(self.lease.as_ref().and_then(Lease::renew_at));
        let rebind = passed(self.lease.as_ref().and_then(Lease::rebind_at));
        match &self.state {
            State::Rebooting(retry) if retry.sent >= MAX_REBOOT_REQUESTS && now >= retry.next => {
                self.search(now);
            }
            State::Requesting(_, retry) if retry.sent >= MAX_REQUESTS && now >= retry.next => {
                self.search(now);
            }
            State::Bound | State::Renewing(_) if rebind => {
                self.xid = self.random.xid();
                self.state = State::Rebinding(Retry::starting(now));
            }
            State::Bound if renew => {
                self.xid = self.random.xid();
                self.state = State::Renewing(Retry::starting(now));
            }
            _ => {}
        }
    }

    /// Returns the request of the present state.
    fn request(&self, elapsed_ms: u64) -> Option<Action> {
        let former = self.lease.as_ref();
        let mut message = Message {
            op: Op::Request,
            xid: self.xid,
            secs: u16::try_from(elapsed_ms / 1000).unwrap_or(u16::MAX),
            broadcast: true,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            mac: self.identity.mac,
            options: Options {
                kind: Some(Kind::Request),
                hostname: self.identity.hostname.clone(),
                parameters: PARAMETER_REQUEST.to_vec(),
                max_size: Some(MAX_SIZE),
                // Hardware type Ethernet, then the address.
                client_id: [&[1][..], &self.identity.mac].concat(),
                ..Options::default()
            },
        };
        let mut to = Destination::Broadcast(Ipv4Addr::UNSPECIFIED);
        match &self.state {
            State::Off | State::Bound => return None,
            State::Selecting(_) => {
                message.options.kind = Some(Kind::Discover);
                message.options.requested = former.map(|lease| lease.address);
            }
            State::Requesting(offer, _) => {
                message.options.requested = Some(offer.address);
                message.options.server = Some(offer.server);
            }
            State::Rebooting(_) => message.options.requested = Some(former?.address),
            State::Renewing(_) | State::Rebinding(_) => {
                let lease = former?;
                message.broadcast = false;
                message.ciaddr = lease.address;
                to = match self.state {
                    State::Renewing(_) => Destination::Server(lease.server),
                    _ => Destination::Broadcast(lease.address),
                };
            }
        }
        Some(Action::Send(message, to))
    }
}

impl Retry {
    const fn starting(now: BootMillis) -> Self {
        Self {
            sent: 0,
            began: now,
            last_sent: now,
            next: now,
        }
    }
}

/// Returns the pause after request number `sent`, in milliseconds.
fn pause(sent: u32) -> u64 {
    const DOUBLINGS: u32 = (RETRY_CAP_MS / RETRY_FIRST_MS).ilog2();
    RETRY_FIRST_MS << sent.saturating_sub(1).min(DOUBLINGS)
}
