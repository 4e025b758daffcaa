//! Where an incoming frame belongs.

use super::automaton::{State, Trigger};
use super::counters::{Fault, Malformed};
use super::engine::{Engine, Phase, with};
use super::negotiator::Context;
use super::packet::{Packet, code, split_protocol};
use super::protocol::Protocol;
use super::reason::Reason;

impl Engine {
    pub(super) fn frame(&mut self, frame: &[u8], now: u64) {
        self.out.counters.received += 1;
        if let Err(malformed) = self.dispatch(frame, now) {
            self.out.counters.malformed(malformed);
        }
    }

    fn dispatch(&mut self, frame: &[u8], now: u64) -> Result<(), Malformed> {
        let (protocol, information) = split_protocol(frame)?;
        if protocol == Protocol::LCP {
            return self.lcp_packet(&Packet::parse(protocol, information)?, now);
        }
        // Before LCP is open nothing else may be said (RFC 1661, section 3.4).
        if !self.lcp.is_open() {
            self.out.counters.discarded += 1;
            return Ok(());
        }
        match protocol {
            Protocol::PAP | Protocol::CHAP => {
                self.auth_packet(&Packet::parse(protocol, information)?, now)
            }
            // Data is for whoever carries it.
            Protocol::IPV4 | Protocol::IPV6 => {
                self.out.counters.discarded += 1;
                Ok(())
            }
            _ if self.phase != Phase::Network => {
                self.out.counters.discarded += 1;
                Ok(())
            }
            Protocol::IPCP => self.ipcp_packet(&Packet::parse(protocol, information)?, now),
            Protocol::IPV6CP if self.config.ipv6 => {
                self.ipv6cp_packet(&Packet::parse(protocol, information)?, now)
            }
            _ => {
                self.reject_protocol(protocol, information);
                Ok(())
            }
        }
    }

    fn reject_protocol(&mut self, protocol: Protocol, information: &[u8]) {
        let id = self.lcp.next_id();
        // Header and protocol number go before what is sent back.
        let room = usize::from(self.lcp.layer.peer_mru()).saturating_sub(6);
        let back = information.get(..room).unwrap_or(information);
        let number = protocol.0.to_be_bytes();
        self.out
            .packet(Protocol::LCP, code::PROTOCOL_REJECT, id, &[&number, back]);
        self.out.counters.protocols_rejected += 1;
    }

    fn lcp_packet(&mut self, packet: &Packet<'_>, now: u64) -> Result<(), Malformed> {
        let signal = match packet.code {
            code::PROTOCOL_REJECT => return self.protocol_rejected(packet, now),
            code::ECHO_REQUEST => {
                let heard = magic_of(packet)?;
                self.lcp.layer.asked_with(heard);
                let magic = self.lcp.layer.magic().to_be_bytes();
                let data = packet.data.get(magic.len()..).unwrap_or_default();
                let mut reply = super::packet::Body::new();
                // A reply is as long as its request, so it fits.
                let fits = reply.extend_from_slice(&magic).is_ok()
                    && reply.extend_from_slice(data).is_ok();
                debug_assert!(fits, "a reply is as long as its request");
                with!(self, now, lcp, echo(packet.id, &reply))
            }
            code::ECHO_REPLY => {
                // Some sticks send the request back as it is, our magic number and all: that is
                // no loop, since a loop would bring a request.
                magic_of(packet)?;
                if !self.echoes.reply(packet.id) {
                    self.out.counters.discarded += 1;
                }
                None
            }
            code::DISCARD_REQUEST => None,
            code::CODE_REJECT
                if matches!(
                    packet.data.first(),
                    Some(&(code::ECHO_REQUEST | code::ECHO_REPLY))
                ) =>
            {
                self.echoes.give_up();
                with!(self, now, lcp, trigger(Trigger::BearableReject))
            }
            _ => with!(self, now, lcp, receive(packet))?,
        };
        if let Some(signal) = signal {
            self.lcp_signal(signal, now);
        }
        if let Some(reason) = self.lcp.take_fault() {
            self.end(reason, now);
        }
        Ok(())
    }

    fn protocol_rejected(&mut self, packet: &Packet<'_>, now: u64) -> Result<(), Malformed> {
        let Some((number, _)) = packet.data.split_first_chunk() else {
            let fault = Fault::Truncated {
                expected: 2,
                got: packet.data.len(),
            };
            return Err(packet.fault(0, fault));
        };
        if self.lcp.state() != State::Opened {
            self.out.counters.discarded += 1;
            return Ok(());
        }
        match Protocol(u16::from_be_bytes(*number)) {
            Protocol::LCP => {
                if let Some(signal) = with!(self, now, lcp, trigger(Trigger::FatalReject)) {
                    self.lcp_signal(signal, now);
                }
            }
            protocol @ (Protocol::PAP | Protocol::CHAP) => {
                self.end(
                    Reason::Refused {
                        protocol,
                        option: None,
                    },
                    now,
                );
            }
            Protocol::IPCP => {
                self.end(
                    Reason::Refused {
                        protocol: Protocol::IPCP,
                        option: None,
                    },
                    now,
                );
            }
            Protocol::IPV6CP => {
                if let Some(signal) = with!(self, now, ipv6cp, trigger(Trigger::FatalReject)) {
                    self.ipv6cp_signal(signal);
                }
            }
            // Nothing of what we send.
            _ => self.out.counters.discarded += 1,
        }
        Ok(())
    }

    fn auth_packet(&mut self, packet: &Packet<'_>, now: u64) -> Result<(), Malformed> {
        // PAP requests and CHAP responses come from whom we authenticate, the rest from who
        // authenticates us.
        let for_authenticator = matches!(
            (packet.protocol, packet.code),
            (Protocol::PAP, super::pap::REQUEST) | (Protocol::CHAP, super::chap::RESPONSE)
        );
        let credentials = &self.config.credentials;
        let verdict = if for_authenticator {
            self.authenticator
                .receive(packet, credentials, &mut self.out)?
        } else {
            self.authenticatee
                .receive(packet, credentials, now, &mut self.out)?
        };
        if let Some(verdict) = verdict {
            self.verdict(verdict, now);
        }
        Ok(())
    }

    fn ipcp_packet(&mut self, packet: &Packet<'_>, now: u64) -> Result<(), Malformed> {
        if let Some(signal) = with!(self, now, ipcp, receive(packet))? {
            self.ipcp_signal(signal, now);
        }
        if let Some(reason) = self.ipcp.take_fault() {
            self.end(reason, now);
        }
        Ok(())
    }

    fn ipv6cp_packet(&mut self, packet: &Packet<'_>, now: u64) -> Result<(), Malformed> {
        if let Some(signal) = with!(self, now, ipv6cp, receive(packet))? {
            self.ipv6cp_signal(signal);
        }
        if self.ipv6cp.take_fault().is_some()
            && let Some(signal) = with!(self, now, ipv6cp, trigger(Trigger::Close))
        {
            self.ipv6cp_signal(signal);
        }
        Ok(())
    }
}

/// The magic number with which the data of an echo packet begins.
fn magic_of(packet: &Packet<'_>) -> Result<u32, Malformed> {
    let got = packet.data.len();
    let expected = size_of::<u32>();
    let magic = packet.data.first_chunk().copied().map(u32::from_be_bytes);
    magic.ok_or_else(|| packet.fault(0, Fault::Truncated { expected, got }))
}
