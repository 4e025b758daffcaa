//! Option of IPv6CP (RFC 5072, section 4).

use core::net::Ipv6Addr;

use super::control_protocol::{ControlProtocol, OptionVerdict, Request};
use super::negotiated::Ipv6;
use super::packet::{Body, ConfigOption, put_option};
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;

const INTERFACE_ID: u8 = 1;
/// The universal/local bit, 0 in an identifier that was not assigned (RFC 4291, appendix A).
const UNIVERSAL: u64 = 1 << 57;
/// `fe80::/64`.
const LINK_LOCAL: u128 = 0xfe80 << 112;

/// Interface identifiers of both ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Ipv6cp {
    ours: u64,
    peer: Option<u64>,
    fault: Option<Reason>,
}

impl Ipv6cp {
    /// Returns the negotiated addresses, once IPv6CP is open.
    pub(super) fn agreed(&self) -> Ipv6 {
        Ipv6 {
            local: link_local(self.ours),
            peer: self.peer.map(link_local),
        }
    }
}

fn link_local(id: u64) -> Ipv6Addr {
    Ipv6Addr::from_bits(LINK_LOCAL | u128::from(id))
}

fn draw(random: &mut Random) -> u64 {
    // The low half is never 0, so neither is the identifier.
    (random.next_u64() & 0xffff_ffff_0000_0000 & !UNIVERSAL) | u64::from(random.magic())
}

fn parse(value: &[u8]) -> Option<u64> {
    <[u8; 8]>::try_from(value).ok().map(u64::from_be_bytes)
}

impl ControlProtocol for Ipv6cp {
    const PROTOCOL: Protocol = Protocol::IPV6CP;

    fn restart(&mut self, random: &mut Random) {
        self.ours = draw(random);
    }

    fn request(&self, out: &mut Request) {
        put_option(out, INTERFACE_ID, &self.ours.to_be_bytes());
    }

    fn begin_peer(&mut self) {
        self.peer = None;
    }

    fn judge(
        &mut self,
        option: ConfigOption<'_>,
        naks: &mut Body,
        random: &mut Random,
    ) -> OptionVerdict {
        match (option.kind, parse(option.value)) {
            (INTERFACE_ID, Some(id)) if id == 0 || id == self.ours => {
                put_option(naks, INTERFACE_ID, &draw(random).to_be_bytes());
                OptionVerdict::Nak
            }
            (INTERFACE_ID, Some(id)) => {
                self.peer = Some(id);
                OptionVerdict::Accept
            }
            _ => OptionVerdict::Reject,
        }
    }

    fn naked(&mut self, option: ConfigOption<'_>, random: &mut Random) {
        if option.kind == INTERFACE_ID {
            self.ours = parse(option.value)
                .filter(|id| *id != 0 && Some(*id) != self.peer)
                .unwrap_or_else(|| draw(random));
        }
    }

    fn rejected(&mut self, option: ConfigOption<'_>) {
        let option = Some(option.kind);
        self.fault = Some(Reason::Refused {
            protocol: Protocol::IPV6CP,
            option,
        });
    }

    fn take_fault(&mut self) -> Option<Reason> {
        self.fault.take()
    }
}
