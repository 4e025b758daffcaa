//! Authentication of the peer, by PAP or CHAP.

use super::authenticatee::Verdict;
use super::chap::{self, VALUE_LEN};
use super::config::{AuthProtocol, Credentials};
use super::counters::Malformed;
use super::negotiator::RESTART;
use super::outbox::Outbox;
use super::packet::Packet;
use super::pap;
use super::protocol::Protocol;
use super::random::Random;
use super::text::Text;

/// State of the peer's authentication.
#[derive(Clone, Debug)]
pub(super) struct Authenticator {
    protocol: Option<AuthProtocol>,
    challenge: [u8; VALUE_LEN],
    id: u8,
    verdict: Option<bool>,
    deadline: Option<u64>,
    /// End of the phase's time limit, in milliseconds.
    until: u64,
}

impl Authenticator {
    pub(super) fn new() -> Self {
        Self {
            protocol: None,
            challenge: [0; VALUE_LEN],
            id: 0,
            verdict: None,
            deadline: None,
            until: 0,
        }
    }

    /// Demands an authentication that must succeed until `until`.
    pub(super) fn begin(
        &mut self,
        protocol: Option<AuthProtocol>,
        random: &mut Random,
        (now, until): (u64, u64),
        out: &mut Outbox,
    ) {
        *self = Self {
            protocol,
            id: self.id,
            until,
            ..Self::new()
        };
        match protocol {
            None => {}
            Some(AuthProtocol::Pap) => self.deadline = Some(until),
            Some(AuthProtocol::ChapMd5) => {
                for half in self.challenge.chunks_mut(8) {
                    half.copy_from_slice(&random.next_u64().to_be_bytes());
                }
                self.id = self.id.wrapping_add(1);
                self.send_challenge(now, out);
            }
        }
    }

    /// Resets the state; the link is down.
    pub(super) fn reset(&mut self) {
        *self = Self {
            id: self.id,
            ..Self::new()
        };
    }

    /// Returns whether an authentication by this protocol is pending.
    pub(super) fn waits_for(&self, protocol: Protocol) -> bool {
        let demanded = match self.protocol {
            Some(AuthProtocol::Pap) => protocol == Protocol::PAP,
            Some(AuthProtocol::ChapMd5) => protocol == Protocol::CHAP,
            None => false,
        };
        demanded && self.verdict.is_none()
    }

    pub(super) fn is_done(&self) -> bool {
        self.protocol.is_none() || self.verdict == Some(true)
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    pub(super) fn tick(&mut self, now: u64, out: &mut Outbox) -> Option<Verdict> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return None;
        }
        self.deadline = None;
        if now >= self.until {
            return Some(Verdict::Timeout);
        }
        self.send_challenge(now, out);
        None
    }

    /// Sends the challenge. A copy has the same identifier, so that the answer to any of them counts.
    fn send_challenge(&mut self, now: u64, out: &mut Outbox) {
        chap::send_value(out, chap::CHALLENGE, self.id, &self.challenge, b"");
        self.deadline = Some(now.saturating_add(RESTART).min(self.until));
    }

    /// Handles a packet from the peer. The first verdict stands: a copy of the answer gets a
    /// copy of the verdict.
    pub(super) fn receive(
        &mut self,
        packet: &Packet<'_>,
        credentials: &Credentials,
        out: &mut Outbox,
    ) -> Result<Option<Verdict>, Malformed> {
        let first = self.verdict.is_none();
        let protocol = match (packet.protocol, packet.code, self.protocol) {
            (Protocol::PAP, pap::REQUEST, Some(AuthProtocol::Pap)) => {
                let (user, password) = pap::parse_request(packet)?;
                let good = same(user, credentials.user()) & same(password, credentials.password());
                pap::send_verdict(out, packet.id, *self.verdict.get_or_insert(good));
                AuthProtocol::Pap
            }
            (Protocol::CHAP, chap::RESPONSE, Some(AuthProtocol::ChapMd5))
                if packet.id == self.id =>
            {
                let (value, name) = chap::parse_value(packet)?;
                let expected = chap::response(self.id, credentials.password(), &self.challenge);
                let good = same(name, credentials.user()) & same(value, &expected);
                let good = *self.verdict.get_or_insert(good);
                let code = if good { chap::SUCCESS } else { chap::FAILURE };
                out.packet(Protocol::CHAP, code, packet.id, &[]);
                AuthProtocol::ChapMd5
            }
            _ => {
                out.counters.discarded += 1;
                return Ok(None);
            }
        };
        self.deadline = None;
        Ok(first.then(|| match self.verdict {
            Some(true) => Verdict::Accepted(protocol),
            _ => Verdict::Refused(Text::default()),
        }))
    }
}

/// Compares in constant time.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}
