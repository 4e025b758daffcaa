//! Configuration of an engine.

use core::fmt;
use core::net::Ipv4Addr;

use heapless::Vec;

/// Longest user name or password in bytes: the length octet of PAP (RFC 1334, section 2.2.1).
const CREDENTIAL_LEN: usize = 255;

/// Configuration of one end of a link.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Config {
    /// Name and password: a client authenticates with them, a server demands them.
    pub credentials: Credentials,
    /// Largest information field we receive in bytes, 128 to 1500.
    pub mru: u16,
    /// Control characters that the peer must escape. A USB line needs none.
    pub accm: u32,
    /// Whether either direction may omit the first octet of the protocol number.
    pub pfc: bool,
    /// Whether either direction may omit address and control octets.
    pub acfc: bool,
    /// Whether a client accepts PAP, which reveals the password.
    pub allow_pap: bool,
    /// Whether a client accepts CHAP with MD5.
    pub allow_chap: bool,
    /// Whether to request resolvers (RFC 1877).
    pub dns: bool,
    /// Whether to negotiate IPv6CP.
    pub ipv6: bool,
    /// Whether LCP echo requests are sent, and how often.
    pub echo: Option<Echo>,
    /// Longest time from the line being up to IPCP being open, in milliseconds; after an open IPCP went
    /// down, from then to its being open again. No number of requests ends it earlier.
    pub negotiation_limit: u64,
    /// Longest time in each phase; the first limit reached counts.
    pub phase_limits: PhaseLimits,
    /// Which end we are.
    pub role: Role,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            credentials: Credentials::default(),
            mru: 1500,
            accm: 0,
            pfc: true,
            acfc: true,
            allow_pap: true,
            allow_chap: true,
            dns: true,
            ipv6: false,
            echo: Some(Echo::default()),
            // A stick may open IPCP only after the network activated the context, which is
            // allowed to take half a minute (3GPP TS 24.008, T3380), and is requested again if
            // the first request was lost; after twice that the call is dead.
            negotiation_limit: 60_000,
            phase_limits: PhaseLimits::default(),
            role: Role::Client,
        }
    }
}

/// Longest time in each phase of a negotiation, in milliseconds.
///
/// By default each phase may take what the whole negotiation may. A shorter limit detects a dead peer
/// earlier: a stick answers LCP and authentication itself, and waits for the network only in IPCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseLimits {
    /// From LCP's first request to LCP being open. It ends without a Terminate-Request.
    pub establish: u64,
    /// From LCP being open to the end of authentication.
    pub authenticate: u64,
    /// From a network protocol's first request to its being open. IPv6CP that takes longer is
    /// closed alone, IPCP with the link.
    pub network: u64,
}

impl Default for PhaseLimits {
    fn default() -> Self {
        Self {
            establish: 60_000,
            authenticate: 60_000,
            network: 60_000,
        }
    }
}

/// LCP echo requests. They test the stick, not the network, and some sticks never answer: by default
/// the count is only reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Milliseconds between requests; fewer than 100 count as 100.
    pub interval: u64,
    /// Unanswered requests after which the link is closed; `None` for never.
    pub limit: Option<u32>,
}

impl Echo {
    /// Shortest interval, in milliseconds. A request sent before the last could be answered tests
    /// nothing, and no interval at all would leave no time for anything else.
    const SHORTEST: u64 = 100;

    /// Returns when the request after one at `now` is due.
    pub(super) fn after(self, now: u64) -> u64 {
        now.saturating_add(self.interval.max(Self::SHORTEST))
    }
}

impl Default for Echo {
    fn default() -> Self {
        Self {
            interval: 15_000,
            limit: None,
        }
    }
}

/// Which end of the link we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Accepts the address and resolvers offered, authenticates on demand.
    #[default]
    Client,
    /// Offers addresses, and may demand authentication.
    Server(Offer),
}

/// Offers and demands of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Our own address.
    pub local: Ipv4Addr,
    /// The address for the peer.
    pub peer: Ipv4Addr,
    /// Resolvers for the peer: primary, secondary.
    pub dns: [Option<Ipv4Addr>; 2],
    /// Authentication that the peer must pass.
    pub auth: Option<AuthProtocol>,
}

/// An authentication protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthProtocol {
    /// Password Authentication Protocol (RFC 1334).
    Pap,
    /// Challenge Handshake with MD5 (RFC 1994).
    ChapMd5,
}

impl fmt::Display for AuthProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pap => "PAP",
            Self::ChapMd5 => "CHAP with MD5",
        })
    }
}

/// A user name and a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    user: Vec<u8, CREDENTIAL_LEN>,
    password: Vec<u8, CREDENTIAL_LEN>,
}

/// Reason why credentials are invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The user name is too long.
    #[error("the user name has {0} bytes, PPP carries at most {CREDENTIAL_LEN}")]
    User(usize),
    /// The password is too long.
    #[error("the password has {0} bytes, PPP carries at most {CREDENTIAL_LEN}")]
    Password(usize),
}

impl Credentials {
    /// Creates credentials; either part may be empty.
    ///
    /// # Errors
    /// One of them is longer than 255 bytes.
    pub fn new(user: &str, password: &str) -> Result<Self, CredentialsError> {
        Ok(Self {
            user: Vec::from_slice(user.as_bytes())
                .map_err(|_| CredentialsError::User(user.len()))?,
            password: Vec::from_slice(password.as_bytes())
                .map_err(|_| CredentialsError::Password(password.len()))?,
        })
    }

    pub(super) fn user(&self) -> &[u8] {
        &self.user
    }

    pub(super) fn password(&self) -> &[u8] {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field(
                "user",
                &core::str::from_utf8(&self.user).unwrap_or("not UTF-8"),
            )
            .finish_non_exhaustive()
    }
}
