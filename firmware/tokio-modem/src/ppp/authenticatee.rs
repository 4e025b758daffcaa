//! Authentication of this end to the peer, by PAP or CHAP.

use super::chap::{self, VALUE_LEN};
use super::config::{AuthProtocol, Credentials};
use super::counters::Malformed;
use super::ids::Ids;
use super::negotiator::RESTART;
use super::outbox::Outbox;
use super::packet::Packet;
use super::pap;
use super::protocol::Protocol;
use super::text::Text;

/// Outcome of an authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted(AuthProtocol),
    Refused(Text),
    /// The time limit of the phase has passed.
    Timeout,
}

/// State of our own authentication.
#[derive(Clone, Debug)]
pub(super) struct Authenticatee {
    stage: Stage,
    /// Identifier of the latest request or response.
    id: u8,
    /// Identifiers of all of them. The verdict has the identifier of the one that it answers, which on a
    /// slow line is not the latest (RFC 1334, section 2.2.2; RFC 1994, section 4.2).
    asked: Ids,
    deadline: Option<u64>,
    /// End of the phase's time limit, in milliseconds.
    until: u64,
}

#[derive(Clone, Debug)]
enum Stage {
    Idle,
    /// PAP request sent.
    Asking,
    /// Waiting for a CHAP challenge.
    Listening,
    /// CHAP response sent. It is repeated, because the verdict may get lost.
    Answering([u8; VALUE_LEN]),
    Accepted(AuthProtocol),
}

impl Authenticatee {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Idle,
            id: 0,
            asked: Ids::EMPTY,
            deadline: None,
            until: 0,
        }
    }

    /// Begins an authentication that must succeed until `until`.
    pub(super) fn begin(
        &mut self,
        protocol: Option<AuthProtocol>,
        credentials: &Credentials,
        (now, until): (u64, u64),
        out: &mut Outbox,
    ) {
        self.reset();
        self.until = until;
        match protocol {
            None => {}
            Some(AuthProtocol::Pap) => {
                self.stage = Stage::Asking;
                self.ask(credentials, now, out);
            }
            Some(AuthProtocol::ChapMd5) => {
                self.stage = Stage::Listening;
                self.deadline = Some(until);
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
        match self.stage {
            Stage::Idle | Stage::Accepted(_) => false,
            Stage::Asking => protocol == Protocol::PAP,
            Stage::Listening | Stage::Answering(_) => protocol == Protocol::CHAP,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Accepted(_))
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    pub(super) fn tick(
        &mut self,
        credentials: &Credentials,
        now: u64,
        out: &mut Outbox,
    ) -> Option<Verdict> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return None;
        }
        self.deadline = None;
        match self.stage {
            Stage::Idle | Stage::Accepted(_) => {}
            _ if now >= self.until => return Some(Verdict::Timeout),
            Stage::Asking => self.ask(credentials, now, out),
            Stage::Answering(value) => self.answer(value, credentials, now, out),
            Stage::Listening => {}
        }
        None
    }

    fn ask(&mut self, credentials: &Credentials, now: u64, out: &mut Outbox) {
        self.id = self.id.wrapping_add(1);
        self.asked.insert(self.id);
        pap::send_request(out, self.id, credentials.user(), credentials.password());
        self.arm(now);
    }

    fn answer(
        &mut self,
        value: [u8; VALUE_LEN],
        credentials: &Credentials,
        now: u64,
        out: &mut Outbox,
    ) {
        chap::send_value(out, chap::RESPONSE, self.id, &value, credentials.user());
        self.arm(now);
    }

    fn arm(&mut self, now: u64) {
        self.deadline = Some(now.saturating_add(RESTART).min(self.until));
    }

    /// Handles a packet from the authenticator.
    pub(super) fn receive(
        &mut self,
        packet: &Packet<'_>,
        credentials: &Credentials,
        now: u64,
        out: &mut Outbox,
    ) -> Result<Option<Verdict>, Malformed> {
        let fits = self.asked.contains(packet.id);
        match (packet.protocol, packet.code, &self.stage) {
            (Protocol::PAP, pap::ACK, Stage::Asking) if fits => {
                Ok(Some(self.accept(AuthProtocol::Pap)))
            }
            (Protocol::PAP, pap::NAK, Stage::Asking) if fits => {
                Ok(Some(Verdict::Refused(pap::message(packet))))
            }
            (Protocol::CHAP, chap::CHALLENGE, stage) if stage.speaks_chap() => {
                let (challenge, _name) = chap::parse_value(packet)?;
                let value = chap::response(packet.id, credentials.password(), challenge);
                self.id = packet.id;
                self.asked.insert(packet.id);
                if matches!(self.stage, Stage::Accepted(_)) {
                    // Challenged again while the link is up: answer, and go on.
                    chap::send_value(out, chap::RESPONSE, self.id, &value, credentials.user());
                } else {
                    self.stage = Stage::Answering(value);
                    self.answer(value, credentials, now, out);
                }
                Ok(None)
            }
            (Protocol::CHAP, chap::SUCCESS, Stage::Answering(_)) if fits => {
                Ok(Some(self.accept(AuthProtocol::ChapMd5)))
            }
            (
                Protocol::CHAP,
                chap::FAILURE,
                Stage::Answering(_) | Stage::Accepted(AuthProtocol::ChapMd5),
            ) if fits => Ok(Some(Verdict::Refused(Text::sanitise(packet.data)))),
            _ => {
                out.counters.discarded += 1;
                Ok(None)
            }
        }
    }

    fn accept(&mut self, protocol: AuthProtocol) -> Verdict {
        self.stage = Stage::Accepted(protocol);
        // Verdicts on the other copies are void now.
        self.asked = Ids::EMPTY;
        self.deadline = None;
        Verdict::Accepted(protocol)
    }
}

impl Stage {
    fn speaks_chap(&self) -> bool {
        matches!(
            self,
            Self::Listening | Self::Answering(_) | Self::Accepted(AuthProtocol::ChapMd5)
        )
    }
}
