//! Options of IPCP (RFC 1332, section 3; RFC 1877, section 1).

use core::net::Ipv4Addr;

use super::config::{Config, Offer, Role};
use super::control_protocol::{ControlProtocol, OptionVerdict, Request};
use super::negotiated::Ipv4;
use super::packet::{Body, ConfigOption, put_option};
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;

const ADDRESS: u8 = 3;
const PRIMARY_DNS: u8 = 129;
const SECONDARY_DNS: u8 = 131;

/// Resolvers that sticks offer until the network has announced the real ones.
const PLACEHOLDERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 11, 12, 13), Ipv4Addr::new(10, 11, 12, 14)];
/// Time from the first Nak with our address to the first request without resolvers that are still
/// refused, in milliseconds. With an address the context is active: a resolver that is missing ten
/// seconds later will not come, and a link without resolvers is better than none.
const RESOLVER_LIMIT: u64 = 10_000;
/// Time between requests while the peer's answers do not change them, in milliseconds.
const PACE: u64 = 1_000;

/// Options of both ends.
#[derive(Clone, Debug)]
pub(super) struct Ipcp {
    offer: Option<Offer>,
    ask_dns: bool,
    address: Ipv4Addr,
    /// Resolvers in our request: `None` is not requested, 0.0.0.0 is requested and unknown.
    dns: [Option<Ipv4Addr>; 2],
    /// When a refused resolver is omitted, in milliseconds; set once our address is known.
    resolvers_until: Option<u64>,
    /// Resolvers in the latest Nak.
    refused: [bool; 2],
    placeholder_seen: bool,
    /// Whether the latest refusal changed our request.
    moved: bool,
    peer: Option<Ipv4Addr>,
    fault: Option<Reason>,
}

impl Ipcp {
    pub(super) fn new(config: &Config) -> Self {
        let offer = match &config.role {
            Role::Client => None,
            Role::Server(offer) => Some(offer.clone()),
        };
        Self {
            ask_dns: config.dns && offer.is_none(),
            offer,
            address: Ipv4Addr::UNSPECIFIED,
            dns: [None; 2],
            resolvers_until: None,
            refused: [false; 2],
            placeholder_seen: false,
            moved: false,
            peer: None,
            fault: None,
        }
    }

    /// Returns the negotiated addresses, once IPCP is open.
    ///
    /// # Errors
    /// The peer acknowledged a request without an address.
    pub(super) fn agreed(&self) -> Result<Ipv4, Reason> {
        if !is_usable(self.address) {
            return Err(Reason::Refused {
                protocol: Protocol::IPCP,
                option: Some(ADDRESS),
            });
        }
        let dns = self
            .dns
            .map(|dns| dns.filter(|address| !address.is_unspecified()));
        Ok(Ipv4 {
            local: self.address,
            // It is used only for a route, and one to ourselves would be wrong.
            peer: self.peer.filter(|peer| *peer != self.address),
            dns,
        })
    }

    fn judge_dns(&self, which: usize, asked: Ipv4Addr, naks: &mut Body, kind: u8) -> OptionVerdict {
        let offered = self.offer.as_ref().and_then(|offer| *offer.dns.get(which)?);
        match offered {
            None => OptionVerdict::Reject,
            Some(offered) if offered == asked => OptionVerdict::Accept,
            Some(offered) => {
                put_option(naks, kind, &offered.octets());
                OptionVerdict::Nak
            }
        }
    }

    fn naked_dns(&mut self, which: usize, offered: Ipv4Addr) {
        let Some(dns) = self.dns.get_mut(which).filter(|dns| dns.is_some()) else {
            return;
        };
        if let Some(refused) = self.refused.get_mut(which) {
            *refused = true;
        }
        // No address for us yet means no context yet, and no resolvers known.
        let too_early = !is_usable(offered) && !is_usable(self.address);
        if PLACEHOLDERS.contains(&offered) || too_early {
            self.placeholder_seen = true;
            return;
        }
        let new = Some(offered).filter(|offered| is_usable(*offered));
        self.moved |= *dns != new;
        *dns = new;
    }
}

fn dns_index(kind: u8) -> Option<usize> {
    match kind {
        PRIMARY_DNS => Some(0),
        SECONDARY_DNS => Some(1),
        _ => None,
    }
}

/// Returns whether a host can have the address: not in 0/8, 127/8, or from 224 on (multicast,
/// reserved, broadcast).
fn is_usable(address: Ipv4Addr) -> bool {
    let [network, ..] = address.octets();
    network != 0 && !address.is_loopback() && network < 224
}

fn parse_address(value: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
}

impl ControlProtocol for Ipcp {
    const PROTOCOL: Protocol = Protocol::IPCP;

    fn restart(&mut self, _random: &mut Random) {
        self.address = self
            .offer
            .as_ref()
            .map_or(Ipv4Addr::UNSPECIFIED, |offer| offer.local);
        self.dns = [self.ask_dns.then_some(Ipv4Addr::UNSPECIFIED); 2];
        self.resolvers_until = None;
    }

    fn request(&self, out: &mut Request) {
        put_option(out, ADDRESS, &self.address.octets());
        for (kind, dns) in [PRIMARY_DNS, SECONDARY_DNS].into_iter().zip(self.dns) {
            if let Some(dns) = dns {
                put_option(out, kind, &dns.octets());
            }
        }
    }

    fn begin_peer(&mut self) {
        self.peer = None;
    }

    fn judge(
        &mut self,
        option: ConfigOption<'_>,
        naks: &mut Body,
        _random: &mut Random,
    ) -> OptionVerdict {
        let Some(asked) = parse_address(option.value) else {
            return OptionVerdict::Reject;
        };
        if let Some(which) = dns_index(option.kind) {
            return self.judge_dns(which, asked, naks, option.kind);
        }
        match (option.kind, &self.offer) {
            (ADDRESS, Some(offer)) if offer.peer != asked => {
                put_option(naks, ADDRESS, &offer.peer.octets());
                OptionVerdict::Nak
            }
            // A peer that requests an address from us, or has an unusable one, gets a Reject: we have
            // none to assign.
            (ADDRESS, None) if !is_usable(asked) => OptionVerdict::Reject,
            (ADDRESS, _) => {
                self.peer = Some(asked);
                OptionVerdict::Accept
            }
            // Among them Van Jacobson compression.
            _ => OptionVerdict::Reject,
        }
    }

    fn naked(&mut self, option: ConfigOption<'_>, _random: &mut Random) {
        let Some(offered) = parse_address(option.value) else {
            return;
        };
        if option.kind == ADDRESS && self.offer.is_none() && is_usable(offered) {
            self.moved |= self.address != offered;
            self.address = offered;
        } else if let Some(which) = dns_index(option.kind) {
            self.naked_dns(which, offered);
        }
    }

    fn rejected(&mut self, option: ConfigOption<'_>) {
        if option.kind == ADDRESS {
            self.fault = Some(Reason::Refused {
                protocol: Protocol::IPCP,
                option: Some(ADDRESS),
            });
        } else if let Some(dns) = dns_index(option.kind).and_then(|which| self.dns.get_mut(which)) {
            self.moved |= dns.is_some();
            *dns = None;
        }
    }

    fn pace(&mut self, now: u64) -> Option<u64> {
        let moved = core::mem::take(&mut self.moved);
        let too_early = core::mem::take(&mut self.placeholder_seen);
        let refused = core::mem::take(&mut self.refused);
        let mut pause = PACE;
        if is_usable(self.address) {
            let limit = now.saturating_add(RESOLVER_LIMIT);
            let until = *self.resolvers_until.get_or_insert(limit);
            let left = until.saturating_sub(now);
            if left > 0 {
                pause = pause.min(left);
            } else if refused != [false; 2] {
                for (dns, refused) in self.dns.iter_mut().zip(refused) {
                    *dns = dns.filter(|address| !refused && !address.is_unspecified());
                }
                return None;
            }
        }
        (too_early || !moved).then_some(pause)
    }

    fn take_fault(&mut self) -> Option<Reason> {
        self.fault.take()
    }
}
