//! Keeps the books on an engine: whatever it says must follow from what it heard.

use std::collections::BTreeSet;

use tokio_modem::ppp::{
    AuthProtocol, Config, Engine, Ipv4, LcpOptions, MAX_FRAME, Output, Phase, Role, Via,
};

use super::{
    agreed,
    frame::{CHAP, IPCP, IPV6CP, LCP, PAP, Packet, auth, code, read},
    proof,
    settings::SECRET,
};

/// Two goodbyes of three seconds each.
const GOODBYE_MS: u64 = 6_000;

/// The requests of both sides in one protocol.
#[derive(Default)]
pub(super) struct Talk {
    /// Our latest request: identifier and options.
    pub(super) ours: Option<(u8, Vec<u8>)>,
    /// The peer acknowledged it.
    acked: bool,
    /// It came to an agreement: the next one may have any number, as all have been used by then.
    settled: bool,
    /// The peer's latest request, if we acknowledged it.
    theirs: Option<Vec<u8>>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Ledger {
    limit_ms: u64,
    serves: bool,
    pub(super) lcp: Talk,
    pub(super) ipcp: Talk,
    pub(super) ipv6cp: Talk,
    /// LCP is open.
    pub(super) link: Option<LcpOptions>,
    /// Nobody has to prove anything any more.
    proven: bool,
    pub(super) ipv4: Option<Ipv4>,
    ipv6: bool,
    /// The line was up and its end was not told.
    pub(super) live: bool,
    /// Since when it has been live without an address.
    waits: Option<u64>,
    heard_secret: bool,
    /// Our latest PAP request and CHAP response.
    pub(super) pap_id: u8,
    pub(super) response_id: u8,
    /// All of either since LCP opened or a proof was accepted.
    pap_ids: BTreeSet<u8>,
    response_ids: BTreeSet<u8>,
    /// Our latest challenge.
    pub(super) challenge: (u8, Vec<u8>),
}

impl Ledger {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            limit_ms: config.negotiation_limit,
            serves: matches!(config.role, Role::Server(_)),
            lcp: Talk::default(),
            ipcp: Talk::default(),
            ipv6cp: Talk::default(),
            link: None,
            proven: false,
            ipv4: None,
            ipv6: false,
            live: false,
            waits: None,
            heard_secret: false,
            pap_id: 0,
            response_id: 0,
            pap_ids: BTreeSet::new(),
            response_ids: BTreeSet::new(),
            challenge: (0, Vec::new()),
        }
    }

    pub(super) fn talk(&mut self, protocol: u16) -> Option<&mut Talk> {
        match protocol {
            LCP => Some(&mut self.lcp),
            IPCP => Some(&mut self.ipcp),
            IPV6CP => Some(&mut self.ipv6cp),
            _ => None,
        }
    }

    /// Longest time until a live link has an address or is over.
    pub(super) fn patience_ms(&self) -> u64 {
        self.limit_ms + GOODBYE_MS
    }

    pub(super) fn heard(&mut self, frame: &[u8]) {
        self.heard_secret |= has_secret(frame);
        let Some(packet) = read(frame) else { return };
        if packet.code == code::ACK
            && let Some(talk) = self.talk(packet.protocol)
            && let Some((id, options)) = &talk.ours
        {
            talk.acked |= *id == packet.id && options == packet.data;
        }
    }

    /// An output that came of hearing `cause`.
    pub(super) fn said(&mut self, output: &Output<'_>, cause: Option<Packet<'_>>, now: u64) {
        match output {
            Output::Send(frame, via) => self.sent(frame, *via, now),
            Output::LcpOpened(options) => {
                assert!(self.link.is_none() && self.lcp.acked);
                assert_eq!(*options, self.lcp.agreed(agreed::lcp));
                self.lcp.settled = true;
                self.proven = options.auth.is_none();
                self.pap_ids.clear();
                self.response_ids.clear();
                self.link = Some(*options);
            }
            Output::LcpDown => {
                assert!(self.ipv4.is_none() && !self.ipv6);
                assert!(self.link.take().is_some());
            }
            Output::Authenticated(protocol) => {
                assert!(self.is_proof(*protocol, cause.expect("a packet that proves it")));
                assert!(!core::mem::replace(&mut self.proven, true));
                self.pap_ids.clear();
                self.response_ids.clear();
            }
            Output::Ipv4Up(ipv4) => {
                assert!(self.is_ready() && self.ipcp.acked && self.ipv4.is_none());
                assert_eq!(*ipv4, self.ipcp.agreed(agreed::ipv4));
                self.ipcp.settled = true;
                self.ipv4 = Some(*ipv4);
                self.waits = None;
            }
            Output::Ipv4Down => {
                assert!(self.ipv4.take().is_some());
                self.waits = Some(now);
            }
            Output::Ipv6Up(ipv6) => {
                assert!(self.is_ready() && self.ipv6cp.acked && !self.ipv6);
                assert_eq!(*ipv6, self.ipv6cp.agreed(agreed::ipv6));
                self.ipv6cp.settled = true;
                self.ipv6 = true;
            }
            Output::Ipv6Down => assert!(core::mem::take(&mut self.ipv6)),
            Output::EchoUnanswered(count) => assert!(self.link.is_some() && *count > 0),
            Output::Finished(reason) => {
                assert!(core::mem::take(&mut self.live), "ended twice: {reason}");
                assert!(self.link.is_none(), "{reason}");
                assert!(!reason.to_string().is_empty());
                self.waits = None;
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.link.is_some() && self.proven
    }

    fn is_proof(&self, protocol: AuthProtocol, packet: Packet<'_>) -> bool {
        let link = self.link.expect("an open link");
        assert_eq!(link.auth, Some(protocol));
        match (protocol, self.serves) {
            (AuthProtocol::Pap, true) => proof::pap(packet),
            (AuthProtocol::Pap, false) => {
                (packet.protocol, packet.code) == (PAP, auth::PAP_ACK)
                    && self.pap_ids.contains(&packet.id)
            }
            (AuthProtocol::ChapMd5, true) => proof::chap(packet, &self.challenge),
            (AuthProtocol::ChapMd5, false) => {
                (packet.protocol, packet.code) == (CHAP, auth::SUCCESS)
                    && self.response_ids.contains(&packet.id)
            }
        }
    }

    fn sent(&mut self, frame: &[u8], via: Via, now: u64) {
        let packet = read(frame).expect("a packet");
        assert_eq!(packet.data.len() + 6, frame.len());
        assert!(frame.len() <= MAX_FRAME);
        assert_eq!(via == Via::Channel, packet.protocol >= 0xc000);
        match packet.protocol {
            LCP => {}
            PAP | CHAP => assert!(self.link.is_some()),
            IPCP | IPV6CP => assert!(self.is_ready()),
            other => panic!("said something in protocol {other:#06x}"),
        }
        let shows = packet.protocol == PAP && packet.code == auth::PAP_REQUEST;
        let asked = || self.link.and_then(|link| link.auth) == Some(AuthProtocol::Pap);
        assert!(!shows || asked(), "the password shown to nobody who asked");
        assert!(
            shows || !has_secret(frame) || self.heard_secret,
            "{frame:x?}"
        );
        match (packet.protocol, packet.code) {
            (PAP, auth::PAP_REQUEST) => {
                self.pap_id = packet.id;
                self.pap_ids.insert(packet.id);
            }
            (CHAP, auth::RESPONSE) => {
                self.response_id = packet.id;
                self.response_ids.insert(packet.id);
            }
            (CHAP, auth::CHALLENGE) => {
                let length = usize::from(packet.data[0]);
                self.challenge = (packet.id, packet.data[1..=length].into());
            }
            (LCP | IPCP | IPV6CP, code::CODE_REJECT) | (LCP, code::PROTOCOL_REJECT) => {
                let mru = self.link.map_or(1500, |link| link.send.mru);
                assert!(frame.len() - 2 <= mru.into(), "longer than the peer takes");
            }
            (LCP, code::REQUEST) if !self.live => {
                self.live = true;
                self.waits = Some(now);
            }
            _ => {}
        }
        if let Some(talk) = self.talk(packet.protocol) {
            talk.sent(packet);
        }
    }

    /// Holds whenever the engine has said all.
    pub(super) fn check(&self, engine: &Engine, now: u64) {
        let phase = engine.phase();
        assert_eq!(engine.counters().lost_outputs, 0);
        assert_eq!(
            self.link.is_some(),
            matches!(phase, Phase::Authenticate | Phase::Network)
        );
        assert!(self.ipv4.is_none() || phase == Phase::Network);
        if phase == Phase::Dead {
            assert!(!self.live && engine.next_deadline().is_none());
        }
        if let Some(since) = self.waits {
            assert!(
                now <= since + self.patience_ms(),
                "no end, in phase {phase}"
            );
        }
    }
}

impl Talk {
    fn sent(&mut self, packet: Packet<'_>) {
        match packet.code {
            code::REQUEST => {
                if let Some((id, options)) = &self.ours
                    && *id == packet.id
                    && !self.settled
                {
                    assert_eq!(options, packet.data, "another request by the same number");
                }
                self.ours = Some((packet.id, packet.data.into()));
                (self.acked, self.settled) = (false, false);
            }
            code::ACK => self.theirs = Some(packet.data.into()),
            code::NAK | code::REJECT => self.theirs = None,
            _ => {}
        }
    }

    fn agreed<T>(&self, of: impl FnOnce(&[u8], &[u8]) -> T) -> T {
        let (_, ours) = self.ours.as_ref().expect("a request of ours");
        of(ours, self.theirs.as_ref().expect("a request of the peer's"))
    }
}

fn has_secret(frame: &[u8]) -> bool {
    let secret = SECRET.as_bytes();
    frame.windows(secret.len()).any(|window| window == secret)
}
