//! When to say what to whom, and which lease holds (RFC 2131, section 4.4).

use std::net::Ipv4Addr;

use failberry_state::BootMillis;

use super::{Kind, Lease, Message, Op, Options, Random, options::WANTED};

/// First pause before a question is repeated. The RFC's 4 s are for networks of its time; half of
/// it halves the wait where the switch swallowed the first question.
const RETRY_FIRST_MS: u64 = 2_000;
/// Longest pause: a router that starts anew should find us waiting.
const RETRY_CAP_MS: u64 = 32_000;
/// Questions for an offered address before the search begins anew, as in the RFC's example.
const REQUESTS: u32 = 4;
/// Questions for the former address before the search: some servers stay silent (2 + 4 s).
const REBOOT_REQUESTS: u32 = 2;
/// Shortest pause between questions to prolong a lease (RFC 2131, 4.4.5).
const RENEW_PAUSE_MS: u64 = 60_000;
/// Longest message taken: what fits into one Ethernet frame.
const MAX_SIZE: u16 = 1_500;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The interface's Ethernet address.
    pub mac: [u8; 6],
    /// The host's name.
    pub hostname: String,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The cable is in, now or again.
    CableIn,
    /// The cable is out.
    CableOut,
    /// A message came in.
    Answer(Box<Message>),
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this.
    Send(Message, Destination),
    /// Use this lease from now on.
    Use(Lease),
    /// Use the lease no more, for this reason.
    Drop(String),
    /// Tell that a server's message made no sense.
    Refuse(String),
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Every station, from this address of ours or from none.
    Everybody(Ipv4Addr),
    /// This server.
    Server(Ipv4Addr),
}

#[derive(Clone, Debug)]
enum State {
    /// No cable.
    Off,
    /// Asking to keep the lease of before.
    Rebooting(Retry),
    /// Looking for a server.
    Selecting(Retry),
    /// Asking for the address offered.
    Requesting(Lease, Retry),
    /// Nothing to ask.
    Bound,
    /// Asking the lease's server to prolong it.
    Renewing(Retry),
    /// Asking any server to.
    Rebinding(Retry),
}

#[derive(Clone, Copy, Debug)]
struct Retry {
    sent: u32,
    /// When the first question was sent.
    began: BootMillis,
    /// When the last was.
    asked: BootMillis,
    next: BootMillis,
}

/// The state machine. A lease stays in use until it ends, is refused or another takes its place,
/// whatever is being asked meanwhile.
#[derive(Clone, Debug)]
pub struct Client {
    identity: Identity,
    random: Random,
    state: State,
    lease: Option<Lease>,
    xid: u32,
    /// Refusals since the last grant: a server that offers and refuses in turn is not hurried.
    refusals: u32,
}

impl Client {
    /// A client without a cable; `lease` is what an earlier life of it had.
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

    /// The lease in use.
    pub const fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// When [`Event::Tick`] is due.
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

    /// Takes in what happened.
    pub fn step(&mut self, event: Event, now: BootMillis) -> Vec<Action> {
        let mut actions = Vec::new();
        let ended = |lease: &Lease| lease.ends_at().is_some_and(|end| now >= end);
        if self.lease.as_ref().is_some_and(ended) {
            self.lose(
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
            Event::Answer(answer) => self.hear(&answer, now, &mut actions),
            Event::Tick => {}
        }
        self.speak(now, &mut actions);
        actions
    }

    fn search(&mut self, now: BootMillis) {
        self.xid = self.random.xid();
        self.state = State::Selecting(Retry::starting(now));
    }

    fn lose(&mut self, reason: String, actions: &mut Vec<Action>) {
        if self.lease.take().is_some() {
            actions.push(Action::Drop(reason));
        }
    }

    fn hear(&mut self, answer: &Message, now: BootMillis, actions: &mut Vec<Action>) {
        let ours = answer.op == Op::Reply && answer.mac == self.identity.mac;
        if !ours || answer.xid != self.xid {
            return;
        }
        let server = answer.options.server;
        let asked = match &self.state {
            State::Selecting(retry) if answer.options.kind == Some(Kind::Offer) => {
                match Lease::from_answer(answer, retry.asked) {
                    Ok(offer) => self.state = State::Requesting(offer, Retry::starting(now)),
                    Err(error) => actions.push(Action::Refuse(format!("offer: {error}"))),
                }
                return;
            }
            // Another server's word on an offer that was not its own says nothing.
            State::Requesting(offer, retry) if server == Some(offer.server) => retry.asked,
            State::Rebooting(retry) | State::Renewing(retry) | State::Rebinding(retry) => {
                retry.asked
            }
            State::Requesting(..) | State::Off | State::Selecting(_) | State::Bound => return,
        };
        match answer.options.kind {
            Some(Kind::Ack) => match Lease::from_answer(answer, asked) {
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
                // A refused offer says nothing about the lease in use.
                let other = match &self.state {
                    State::Requesting(offer, _) => self
                        .lease
                        .as_ref()
                        .is_some_and(|lease| lease.address != offer.address),
                    _ => false,
                };
                if !other {
                    self.lose(why, actions);
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

    /// Asks what is due.
    fn speak(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
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
        retry.asked = now;
        retry.next = match limit {
            None => now.plus(self.random.around(pause(retry.sent))),
            Some(limit) => now
                .plus((limit.since(now) / 2).max(RENEW_PAUSE_MS))
                .min(limit),
        };
        let began = retry.began;
        actions.extend(self.question(now.since(began)));
    }

    /// Goes on to the next state where this one has had its time.
    fn advance(&mut self, now: BootMillis) {
        let passed = |at: Option<BootMillis>| at.is_some_and(|at| now >= at);
        let renew = passed(self.lease.as_ref().and_then(Lease::renew_at));
        let rebind = passed(self.lease.as_ref().and_then(Lease::rebind_at));
        match &self.state {
            State::Rebooting(retry) if retry.sent >= REBOOT_REQUESTS && now >= retry.next => {
                self.search(now);
            }
            State::Requesting(_, retry) if retry.sent >= REQUESTS && now >= retry.next => {
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

    /// What the present state asks, and whom.
    fn question(&self, elapsed_ms: u64) -> Option<Action> {
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
                parameters: WANTED.to_vec(),
                max_size: Some(MAX_SIZE),
                // Type Ethernet, then the address.
                client_id: [&[1][..], &self.identity.mac].concat(),
                ..Options::default()
            },
        };
        let mut to = Destination::Everybody(Ipv4Addr::UNSPECIFIED);
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
                    _ => Destination::Everybody(lease.address),
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
            asked: now,
            next: now,
        }
    }
}

/// The pause after question number `sent`.
fn pause(sent: u32) -> u64 {
    const DOUBLINGS: u32 = (RETRY_CAP_MS / RETRY_FIRST_MS).ilog2();
    RETRY_FIRST_MS << sent.saturating_sub(1).min(DOUBLINGS)
}
