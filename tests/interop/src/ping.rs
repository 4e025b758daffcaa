//! ICMP echo request as an IPv4 packet whose payload contains every octet value.

use std::{iter, net::Ipv4Addr};

const ICMP: u8 = 1;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const HEADER: u16 = 20;

/// A request of this length in bytes, headers included.
pub(crate) fn request(from: Ipv4Addr, to: Ipv4Addr, length: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, ICMP, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    fill_in(&mut packet, 10, 0);
    packet.extend([ECHO_REQUEST, 0, 0, 0, 0x7e, 0x7d, 0, 1]);
    let octets = iter::successors(Some(0_u8), |octet| Some(octet.wrapping_add(1)));
    packet.extend(octets.take(usize::from(length).saturating_sub(packet.len())));
    fill_in(&mut packet, usize::from(HEADER) + 2, usize::from(HEADER));
    packet
}

/// Whether `packet` answers `request`.
pub(crate) fn answers(packet: &[u8], request: &[u8]) -> bool {
    let icmp = usize::from(HEADER);
    packet.len() == request.len()
        && packet.get(icmp) == Some(&ECHO_REPLY)
        && packet.get(12..16) == request.get(16..20)
        && packet.get(icmp + 4..) == request.get(icmp + 4..)
}

/// Writes the checksum of all from `begin` on.
fn fill_in(packet: &mut [u8], place: usize, begin: usize) {
    let words = packet.get(begin..).unwrap_or_default().chunks(2);
    let mut sum: u32 = words
        .map(|pair| {
            let word = [pair.first(), pair.get(1)].map(|octet| octet.copied().unwrap_or(0));
            u32::from(u16::from_be_bytes(word))
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !u16::try_from(sum).unwrap_or(0);
    if let Some(field) = packet.get_mut(place..place + 2) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}
