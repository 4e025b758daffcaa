//! A DNS question as a whole IPv4 packet.

use std::net::Ipv4Addr;

/// Asks `to` for the address of `name`.
pub(crate) fn question(from: Ipv4Addr, to: Ipv4Addr, name: &str) -> Vec<u8> {
    // Header: an identifier, recursion desired, one question.
    let mut dns = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        dns.push(u8::try_from(label.len()).unwrap());
        dns.extend(label.as_bytes());
    }
    dns.extend([0, 0, 1, 0, 1]);
    let udp_length = u16::try_from(8 + dns.len()).unwrap();
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp_length).to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(40_000_u16.to_be_bytes());
    packet.extend(53_u16.to_be_bytes());
    packet.extend(udp_length.to_be_bytes());
    // No checksum: allowed for UDP over IPv4.
    packet.extend([0, 0]);
    packet.extend(dns);
    packet
}

fn checksum(header: &[u8]) -> u16 {
    let words = header
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}
