//! IPv4 and UDP headers around a broadcast message, from any source address or none.

use std::net::Ipv4Addr;

use super::{CLIENT_PORT, SERVER_PORT};

const IP_LEN: u16 = 20;
const UDP_LEN: u16 = 8;
const PROTOCOL_UDP: u8 = 17;
const TTL: u8 = 64;

/// Returns `message` as an IPv4 packet from `source` port 68 to the broadcast address, port 67.
pub fn datagram(source: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let from = source.octets();
    let to = Ipv4Addr::BROADCAST.octets();
    let udp_len = u16::try_from(message.len())
        .unwrap_or(u16::MAX)
        .saturating_add(UDP_LEN);
    let total = udp_len.saturating_add(IP_LEN);

    let mut udp = Vec::with_capacity(usize::from(udp_len));
    for field in [CLIENT_PORT, SERVER_PORT, udp_len] {
        udp.extend(field.to_be_bytes());
    }
    // The checksum covers the addresses too, but not itself.
    let mut covered = [
        &from[..],
        &to[..],
        &[0, PROTOCOL_UDP],
        &udp_len.to_be_bytes(),
    ]
    .concat();
    covered.extend(&udp);
    covered.extend(message);
    let sum = match checksum(&covered) {
        // Zero would mean no checksum.
        0 => u16::MAX,
        sum => sum,
    };
    udp.extend(sum.to_be_bytes());
    udp.extend(message);

    let mut start = vec![0x45, 0x10];
    start.extend(total.to_be_bytes());
    // No identification, not fragmented.
    start.extend([0; 4]);
    start.extend([TTL, PROTOCOL_UDP]);
    let sum = checksum(&[&start[..], &from[..], &to[..]].concat());
    [&start[..], &sum.to_be_bytes(), &from[..], &to[..], &udp[..]].concat()
}

/// Returns the internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagram_headers_have_valid_checksums() {
        let packet = datagram(Ipv4Addr::new(192, 168, 88, 50), b"odd");
        assert_eq!(packet.len(), 31);
        assert_eq!(checksum(&packet[..20]), 0);
        assert_eq!(packet[2..4], [0, 31]);
        let mut covered = packet[12..20].to_vec();
        covered.extend([0, 17, 0, 11]);
        covered.extend(&packet[20..]);
        assert_eq!(checksum(&covered), 0);
        assert_eq!(packet[20..26], [0, 68, 0, 67, 0, 11]);
        assert_eq!(&packet[28..], b"odd");
    }

    /// The example of RFC 1071, section 3.
    #[test]
    fn checksum_of_the_rfc() {
        assert_eq!(
            checksum(&[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]),
            !0xDDF2
        );
    }
}
