//! Options of LCP (RFC 1661, section 6; RFC 1662, section 7).

use super::config::{AuthProtocol, Config, Role};
use super::control_protocol::{ControlProtocol, OptionVerdict, Request};
use super::negotiated::{Direction, LcpOptions};
use super::packet::{Body, ConfigOption, put_option};
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;

const MRU: u8 = 1;
const ACCM: u8 = 2;
const AUTH: u8 = 3;
const MAGIC: u8 = 5;
const PFC: u8 = 7;
const ACFC: u8 = 8;

const DEFAULT_MRU: u16 = 1500;
/// Smallest MRU accepted in either direction, in bytes: below it our own packets would not fit.
const MIN_MRU: u16 = 128;
/// Algorithm number of MD5 in CHAP (RFC 1994, section 3).
const CHAP_MD5: u8 = 5;
/// Consecutive frames with our own magic number after which the line counts as looped. Two ends may
/// draw the same random number once, hardly twice.
pub(super) const LOOP_LIMIT: u8 = 5;

/// Options of both ends.
#[derive(Clone, Debug)]
pub(super) struct Lcp {
    wish: RequestedOptions,
    /// Options of our next request.
    ours: RequestedOptions,
    magic: Option<u32>,
    allow_pap: bool,
    allow_chap: bool,
    peer: Direction,
    /// Authentication that the peer demands from us.
    demanded: Option<AuthProtocol>,
    loops: u8,
    fault: Option<Reason>,
}

#[derive(Clone, Copy, Debug)]
struct RequestedOptions {
    mru: u16,
    accm: Option<u32>,
    pfc: bool,
    acfc: bool,
    auth: Option<AuthProtocol>,
}

impl Lcp {
    pub(super) fn new(config: &Config) -> Self {
        let client = matches!(config.role, Role::Client);
        let wish = RequestedOptions {
            mru: config.mru.clamp(MIN_MRU, DEFAULT_MRU),
            accm: Some(config.accm),
            pfc: config.pfc,
            acfc: config.acfc,
            auth: match &config.role {
                Role::Client => None,
                Role::Server(offer) => offer.auth,
            },
        };
        Self {
            wish,
            ours: wish,
            magic: None,
            allow_pap: client && config.allow_pap,
            allow_chap: client && config.allow_chap,
            peer: Direction::default(),
            demanded: None,
            loops: 0,
            fault: None,
        }
    }

    /// Returns the negotiated options, once LCP is open.
    pub(super) fn agreed(&self) -> LcpOptions {
        let receive = Direction {
            mru: self.ours.mru,
            accm: self.ours.accm.unwrap_or(u32::MAX),
            pfc: self.ours.pfc,
            acfc: self.ours.acfc,
            magic: self.magic,
        };
        LcpOptions {
            receive,
            send: self.peer,
            auth: self.demanded.or(self.ours.auth),
        }
    }

    /// Returns the largest information field to send, in bytes: the peer may accept more, but nothing here
    /// is longer.
    pub(super) fn peer_mru(&self) -> u16 {
        self.peer.mru.min(DEFAULT_MRU)
    }

    /// Returns our magic number for echo packets: 0 without one.
    pub(super) fn magic(&self) -> u32 {
        self.magic.unwrap_or(0)
    }

    /// Returns the authentication that the peer demands from us.
    pub(super) fn demanded(&self) -> Option<AuthProtocol> {
        self.demanded
    }

    /// Returns the authentication that we demand from the peer.
    pub(super) fn required(&self) -> Option<AuthProtocol> {
        self.ours.auth
    }

    /// Returns whether a magic number is ours.
    pub(super) fn is_ours(&self, magic: u32) -> bool {
        Some(magic) == self.magic
    }

    fn looped(&mut self) {
        self.loops = self.loops.saturating_add(1);
        if self.loops >= LOOP_LIMIT {
            self.fault = Some(Reason::LoopDetected);
        }
    }

    fn judge_auth(&mut self, value: &[u8], naks: &mut Body) -> OptionVerdict {
        let asked = parse_auth(value);
        if asked.is_some_and(|asked| self.allows(asked)) {
            self.demanded = asked;
            return OptionVerdict::Accept;
        }
        let mut better = [AuthProtocol::ChapMd5, AuthProtocol::Pap].into_iter();
        match better.find(|other| self.allows(*other)) {
            Some(other) => {
                put_auth(naks, other);
                OptionVerdict::Nak
            }
            None => OptionVerdict::Reject,
        }
    }

    fn allows(&self, auth: AuthProtocol) -> bool {
        match auth {
            AuthProtocol::Pap => self.allow_pap,
            AuthProtocol::ChapMd5 => self.allow_chap,
        }
    }
}

fn parse_auth(value: &[u8]) -> Option<AuthProtocol> {
    let (number, data) = value.split_first_chunk()?;
    match (Protocol(u16::from_be_bytes(*number)), data) {
        (Protocol::PAP, []) => Some(AuthProtocol::Pap),
        (Protocol::CHAP, [CHAP_MD5]) => Some(AuthProtocol::ChapMd5),
        _ => None,
    }
}

fn put_auth<const N: usize, Len: heapless::LenType>(
    out: &mut heapless::Vec<u8, N, Len>,
    auth: AuthProtocol,
) {
    let [pap_high, pap_low] = Protocol::PAP.0.to_be_bytes();
    let [chap_high, chap_low] = Protocol::CHAP.0.to_be_bytes();
    match auth {
        AuthProtocol::Pap => put_option(out, AUTH, &[pap_high, pap_low]),
        AuthProtocol::ChapMd5 => put_option(out, AUTH, &[chap_high, chap_low, CHAP_MD5]),
    }
}

impl ControlProtocol for Lcp {
    const PROTOCOL: Protocol = Protocol::LCP;

    fn restart(&mut self, random: &mut Random) {
        self.ours = self.wish;
        self.magic = Some(random.magic());
    }

    fn request(&self, out: &mut Request) {
        if self.ours.mru != DEFAULT_MRU {
            put_option(out, MRU, &self.ours.mru.to_be_bytes());
        }
        if let Some(accm) = self.ours.accm {
            put_option(out, ACCM, &accm.to_be_bytes());
        }
        if let Some(auth) = self.ours.auth {
            put_auth(out, auth);
        }
        if let Some(magic) = self.magic {
            put_option(out, MAGIC, &magic.to_be_bytes());
        }
        if self.ours.pfc {
            put_option(out, PFC, &[]);
        }
        if self.ours.acfc {
            put_option(out, ACFC, &[]);
        }
    }

    fn begin_peer(&mut self) {
        self.peer = Direction::default();
        self.demanded = None;
    }

    fn judge(
        &mut self,
        option: ConfigOption<'_>,
        naks: &mut Body,
        random: &mut Random,
    ) -> OptionVerdict {
        match (option.kind, option.value) {
            (MRU, &[high, low]) => {
                let mru = u16::from_be_bytes([high, low]);
                if mru < MIN_MRU {
                    put_option(naks, MRU, &MIN_MRU.to_be_bytes());
                    return OptionVerdict::Nak;
                }
                self.peer.mru = mru;
                OptionVerdict::Accept
            }
            (ACCM, &[a, b, c, d]) => {
                self.peer.accm = u32::from_be_bytes([a, b, c, d]);
                OptionVerdict::Accept
            }
            (AUTH, value) => self.judge_auth(value, naks),
            (MAGIC, &[a, b, c, d]) => {
                let magic = u32::from_be_bytes([a, b, c, d]);
                if magic == 0 || Some(magic) == self.magic {
                    if magic != 0 {
                        self.looped();
                    }
                    put_option(naks, MAGIC, &random.magic().to_be_bytes());
                    return OptionVerdict::Nak;
                }
                self.loops = 0;
                self.peer.magic = Some(magic);
                OptionVerdict::Accept
            }
            (PFC, []) if self.wish.pfc => {
                self.peer.pfc = true;
                OptionVerdict::Accept
            }
            (ACFC, []) if self.wish.acfc => {
                self.peer.acfc = true;
                OptionVerdict::Accept
            }
            // Among them multilink: there is only one channel.
            _ => OptionVerdict::Reject,
        }
    }

    fn naked(&mut self, option: ConfigOption<'_>, random: &mut Random) {
        match (option.kind, option.value) {
            (MRU, &[high, low]) => {
                let mru = u16::from_be_bytes([high, low]);
                self.ours.mru = mru.clamp(MIN_MRU, self.wish.mru);
            }
            (ACCM, &[a, b, c, d]) => {
                if let Some(ours) = &mut self.ours.accm {
                    *ours |= u32::from_be_bytes([a, b, c, d]);
                }
            }
            (MAGIC, _) if self.magic.is_some() => self.magic = Some(random.magic()),
            (AUTH, value) => match (self.ours.auth, parse_auth(value)) {
                // The only alternative, and the better one.
                (Some(AuthProtocol::Pap), Some(AuthProtocol::ChapMd5)) => {
                    self.ours.auth = Some(AuthProtocol::ChapMd5);
                }
                (Some(_), _) => self.rejected(option),
                (None, _) => {}
            },
            _ => self.rejected(option),
        }
    }

    fn rejected(&mut self, option: ConfigOption<'_>) {
        match option.kind {
            MRU => self.ours.mru = DEFAULT_MRU,
            ACCM => self.ours.accm = None,
            MAGIC => self.magic = None,
            PFC => self.ours.pfc = false,
            ACFC => self.ours.acfc = false,
            AUTH if self.ours.auth.is_some() => {
                self.fault = Some(Reason::Refused {
                    protocol: Protocol::LCP,
                    option: Some(AUTH),
                });
            }
            _ => {}
        }
    }

    /// Returns true for all options but the magic number, which detects a looped line, and the
    /// authentication that we demand.
    fn is_optional(&self, option: ConfigOption<'_>) -> bool {
        matches!(option.kind, MRU | ACCM | PFC | ACFC)
    }

    fn take_fault(&mut self) -> Option<Reason> {
        self.fault.take()
    }
}
