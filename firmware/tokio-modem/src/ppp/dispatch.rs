//! Dispatch of received frames to the protocols.

use super::automaton::{State, Trigger};
use super::control_protocol::ControlProtocol;
use super::counters::{Fault, Malformed};
use super::engine::{Engine, with};
use super::negotiator::Context;
use super::packet::{Body, Packet, code, split_protocol};
use super::phase::Phase;
use super::protocol::Protocol;
use super::reason::Reason;

impl Engine {
    /// Handles a received frame.
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
        // Before LCP is open no other protocol is allowed (RFC 1661, section 3.4).
        if !self.lcp.is_open() {
            self.out.counters.discarded += 1;
            return Ok(());
        }
        match protocol {
            Protocol::PAP | Protocol::CHAP => {
                self.auth_packet(&Packet::parse(protocol, information)?, now)
            }
            // Data packets bypass the engine.
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
        // Header and protocol number precede the rejected packet.
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
                if self.has_our_magic(packet) {
                    self.out.counters.looped_echoes += 1;
                    if self.echoes.came_back(packet.id, now) {
                        self.end(Reason::LoopDetected, now);
                        return Ok(());
                    }
                }
                // A reply is as long as its request, even if that is too short for a magic number.
                let magic = self.lcp.layer.magic().to_be_bytes();
                let length = packet.data.len().min(magic.len());
                let mut reply = Body::new();
                let fits = reply.extend_from_slice(packet.data).is_ok();
                debug_assert!(fits, "a reply is as long as its request");
                for (octet, ours) in reply.iter_mut().zip(magic).take(length) {
                    *octet = ours;
                }
                with!(self, now, lcp, echo(packet.id, &reply))
            }
            code::ECHO_REPLY => {
                // Some sticks send our request back with the code of a reply and our own magic
                // number: that is no loop, since a loop would bring a request. A reply too short
                // for a magic number also shows that the peer is there.
                let has_our_magic = self.has_our_magic(packet);
                if !self.echoes.reply(packet.id, has_our_magic) {
                    self.out.counters.discarded += 1;
                }
                None
            }
            // These have no reply (RFC 1661, section 5.9; RFC 1570, sections 2.1 and 2.2).
            code::DISCARD_REQUEST | code::IDENTIFICATION | code::TIME_REMAINING => None,
            code::CODE_REJECT
                if matches!(
                    packet.data.first(),
                    Some(&(code::ECHO_REQUEST | code::ECHO_REPLY))
                ) =>
            {
                self.echoes.give_up();
                with!(self, now, lcp, trigger(Trigger::NonFatalReject))
            }
            _ => with!(self, now, lcp, receive(packet))?,
        };
        if let Some(signal) = signal {
            self.lcp_signal(signal, now);
        }
        if let Some(reason) = self.lcp.layer.take_fault() {
            self.end(reason, now);
        }
        Ok(())
    }

    /// Returns whether LCP is open and the data of an echo packet begins with our own magic number.
    fn has_our_magic(&self, packet: &Packet<'_>) -> bool {
        let magic = packet.data.first_chunk().copied().map(u32::from_be_bytes);
        self.lcp.is_open() && magic.is_some_and(|magic| self.lcp.layer.is_ours(magic))
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
            protocol
                if self.authenticatee.waits_for(protocol)
                    || self.authenticator.waits_for(protocol) =>
            {
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
            // No Terminate-Request: no further packet of the protocol may be sent (RFC 1661, section
            // 5.7).
            Protocol::IPV6CP => {
                if let Some(signal) = with!(self, now, ipv6cp, trigger(Trigger::Down)) {
                    self.ipv6cp_signal(signal);
                }
            }
            // A protocol that we do not send, or an authentication that has ended.
            _ => self.out.counters.discarded += 1,
        }
        Ok(())
    }

    fn auth_packet(&mut self, packet: &Packet<'_>, now: u64) -> Result<(), Malformed> {
        // PAP requests and CHAP responses come from the peer that we authenticate, the rest from the
        // one that authenticates us.
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
        if let Some(reason) = self.ipcp.layer.take_fault() {
            self.end(reason, now);
        }
        Ok(())
    }

    fn ipv6cp_packet(&mut self, packet: &Packet<'_>, now: u64) -> Result<(), Malformed> {
        if let Some(signal) = with!(self, now, ipv6cp, receive(packet))? {
            self.ipv6cp_signal(signal);
        }
        if self.ipv6cp.layer.take_fault().is_some()
            && let Some(signal) = with!(self, now, ipv6cp, trigger(Trigger::Close))
        {
            self.ipv6cp_signal(signal);
        }
        Ok(())
    }
}
