//! Proving who we are, by PAP or CHAP.

use super::chap::{self, VALUE_LEN};
use super::config::{AuthProtocol, Credentials};
use super::counters::Malformed;
use super::negotiator::{MAX_CONFIGURE, RESTART};
use super::outbox::Outbox;
use super::packet::Packet;
use super::pap;
use super::protocol::Protocol;
use super::text::Text;

/// How long the peer may take to its first challenge, in milliseconds: ten times its restart
/// timer, after which it has given up too.
pub(super) const FIRST_PACKET: u64 = 30_000;

/// What became of an authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted(AuthProtocol),
    Refused(Text),
    Silence,
}

/// Where our own authentication stands.
#[derive(Clone, Debug)]
pub(super) struct Authenticatee {
    stage: Stage,
    id: u8,
    deadline: Option<u64>,
    tries_left: u8,
}

#[derive(Clone, Debug)]
enum Stage {
    Idle,
    /// PAP request sent.
    Asking,
    /// Waiting for a CHAP challenge.
    Listening,
    /// CHAP response sent. The verdict may get lost, so it is repeated.
    Answering([u8; VALUE_LEN]),
    Accepted(AuthProtocol),
}

impl Authenticatee {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Idle,
            id: 0,
            deadline: None,
            tries_left: 0,
        }
    }

    pub(super) fn begin(
        &mut self,
        protocol: Option<AuthProtocol>,
        credentials: &Credentials,
        now: u64,
        out: &mut Outbox,
    ) {
        self.tries_left = MAX_CONFIGURE;
        match protocol {
            None => {
                *self = Self {
                    id: self.id,
                    ..Self::new()
                }
            }
            Some(AuthProtocol::Pap) => {
                self.stage = Stage::Asking;
                self.ask(credentials, now, out);
            }
            Some(AuthProtocol::ChapMd5) => {
                self.stage = Stage::Listening;
                self.deadline = Some(now + FIRST_PACKET);
            }
        }
    }

    /// Forgets everything: the link below is gone.
    pub(super) fn reset(&mut self) {
        *self = Self {
            id: self.id,
            ..Self::new()
        };
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
            Stage::Asking if self.tries_left > 0 => self.ask(credentials, now, out),
            Stage::Answering(value) if self.tries_left > 0 => {
                self.answer(value, credentials, now, out);
            }
            Stage::Asking | Stage::Answering(_) | Stage::Listening => {
                return Some(Verdict::Silence);
            }
            Stage::Idle | Stage::Accepted(_) => {}
        }
        None
    }

    fn ask(&mut self, credentials: &Credentials, now: u64, out: &mut Outbox) {
        self.id = self.id.wrapping_add(1);
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
        self.tries_left = self.tries_left.saturating_sub(1);
        self.deadline = Some(now + RESTART);
    }

    /// Takes in a packet from the authenticator.
    pub(super) fn receive(
        &mut self,
        packet: &Packet<'_>,
        credentials: &Credentials,
        now: u64,
        out: &mut Outbox,
    ) -> Result<Option<Verdict>, Malformed> {
        match (packet.protocol, packet.code, &self.stage) {
            (Protocol::PAP, pap::ACK, Stage::Asking) if packet.id == self.id => {
                Ok(Some(self.accept(AuthProtocol::Pap)))
            }
            (Protocol::PAP, pap::NAK, Stage::Asking) if packet.id == self.id => {
                Ok(Some(Verdict::Refused(pap::message(packet))))
            }
            (Protocol::CHAP, chap::CHALLENGE, stage) if stage.speaks_chap() => {
                let (challenge, _name) = chap::parse_value(packet)?;
                let value = chap::response(packet.id, credentials.password(), challenge);
                self.id = packet.id;
                if matches!(self.stage, Stage::Accepted(_)) {
                    // Asked again while the link is up: answer, and go on.
                    chap::send_value(out, chap::RESPONSE, self.id, &value, credentials.user());
                } else {
                    self.tries_left = MAX_CONFIGURE;
                    self.stage = Stage::Answering(value);
                    self.answer(value, credentials, now, out);
                }
                Ok(None)
            }
            (Protocol::CHAP, chap::SUCCESS, Stage::Answering(_)) if packet.id == self.id => {
                Ok(Some(self.accept(AuthProtocol::ChapMd5)))
            }
            (
                Protocol::CHAP,
                chap::FAILURE,
                Stage::Answering(_) | Stage::Accepted(AuthProtocol::ChapMd5),
            ) if packet.id == self.id => Ok(Some(Verdict::Refused(Text::sanitise(packet.data)))),
            _ => {
                out.counters.discarded += 1;
                Ok(None)
            }
        }
    }

    fn accept(&mut self, protocol: AuthProtocol) -> Verdict {
        self.stage = Stage::Accepted(protocol);
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
