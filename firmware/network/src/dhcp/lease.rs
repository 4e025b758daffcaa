//! DHCP lease: its data, validation and times.

use std::{fmt::Display, net::Ipv4Addr, ops::RangeInclusive};

use failberry_state::BootMillis;
use serde::{Deserialize, Serialize};

use super::Message;

/// Lease time of a lease that never ends.
const FOREVER: u32 = u32::MAX;
/// Shortest lease time accepted, in seconds: a shorter one would cause constant requests, and no
/// server means it.
const MIN_LEASE_SECONDS: u32 = 20;

/// Accepted lengths of a LAN's prefix, in bits: from the largest private network (RFC 1918) to the
/// smallest with room for a router and a host.
const PREFIXES: RangeInclusive<u8> = 8..=30;

/// Lease of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
    /// The router.
    pub gateway: Option<Ipv4Addr>,
    /// Resolvers.
    pub dns: Vec<Ipv4Addr>,
    /// DHCP server that granted it.
    pub server: Ipv4Addr,
    /// Lease time in seconds.
    pub seconds: u32,
    /// Seconds after which its server is asked to extend it (T1).
    pub renewal: u32,
    /// Seconds after which any server is asked (T2).
    pub rebinding: u32,
    /// When it was requested, which is when it began.
    pub since: BootMillis,
}

/// The offer or grant cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// The address cannot be a host's.
    #[error("address {0} cannot be a host's")]
    Address(Ipv4Addr),
    /// The mask is missing or not contiguous.
    #[error("subnet mask: expected ones followed by zeros, got {}", shown(.0.as_ref()))]
    Mask(Option<Ipv4Addr>),
    /// The network has an implausible size. A short mask would make foreign addresses appear to be
    /// on the LAN: under /1, half the internet.
    #[error(
        "subnet mask {mask}: expected a network of /{shortest} to /{longest}, got /{prefix}",
        shortest = PREFIXES.start(),
        longest = PREFIXES.end()
    )]
    Prefix {
        /// The mask.
        mask: Ipv4Addr,
        /// Length of its prefix in bits.
        prefix: u8,
    },
    /// The server identifier is missing.
    #[error("no server identifier")]
    Server,
    /// The lease time is too short or missing.
    #[error("lease time: expected {MIN_LEASE_SECONDS} seconds or more, got {}", shown(.0.as_ref()))]
    Time(Option<u32>),
}

fn shown(value: Option<&impl Display>) -> String {
    value.map_or_else(|| "none".into(), ToString::to_string)
}

impl Lease {
    /// Validates an offer or grant that was requested at `since`.
    ///
    /// # Errors
    /// What is missing or invalid.
    pub fn from_answer(answer: &Message, since: BootMillis) -> Result<Self, LeaseError> {
        let options = &answer.options;
        let address = answer.yiaddr;
        if !is_host(address) {
            return Err(LeaseError::Address(address));
        }
        let (mask, prefix) = options
            .mask
            .and_then(|mask| Some((mask, prefix(mask)?)))
            .ok_or(LeaseError::Mask(options.mask))?;
        if !PREFIXES.contains(&prefix) {
            return Err(LeaseError::Prefix { mask, prefix });
        }
        let server = options
            .server
            .filter(|server| is_host(*server))
            .ok_or(LeaseError::Server)?;
        let seconds = options
            .lease
            .filter(|seconds| *seconds >= MIN_LEASE_SECONDS)
            .ok_or(LeaseError::Time(options.lease))?;
        let (renewal, rebinding) = match (options.renewal, options.rebinding) {
            (Some(first), Some(second)) if 0 < first && first < second && second < seconds => {
                (first, second)
            }
            // RFC 2131, 4.4.5.
            _ => (seconds / 2, seconds - seconds / 8),
        };
        let gateway = options
            .routers
            .iter()
            .copied()
            .find(|a| is_host(*a) && *a != address);
        let dns = options
            .dns
            .iter()
            .copied()
            .filter(|a| is_host(*a))
            .collect();
        Ok(Self {
            address,
            prefix,
            gateway,
            dns,
            server,
            seconds,
            renewal,
            rebinding,
            since,
        })
    }

    /// Returns when its server is to be asked to extend it.
    pub(super) fn renew_at(&self) -> Option<BootMillis> {
        self.after(self.renewal)
    }

    /// Returns when any server is to be asked.
    pub(super) fn rebind_at(&self) -> Option<BootMillis> {
        self.after(self.rebinding)
    }

    /// Returns when it ends, if ever.
    pub fn ends_at(&self) -> Option<BootMillis> {
        self.after(self.seconds)
    }

    fn after(&self, seconds: u32) -> Option<BootMillis> {
        (self.seconds != FOREVER).then(|| self.since.plus(u64::from(seconds) * 1000))
    }
}

const fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    // 0/8, 127/8, and multicast and all above.
    first != 0 && first != 127 && first < 224
}

fn prefix(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let ones = bits.leading_ones();
    (ones > 0 && ones == bits.count_ones())
        .then(|| u8::try_from(ones).ok())
        .flatten()
}
