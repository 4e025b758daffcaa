//! Names to addresses.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use dns_lookup::{AddrFamily, AddrInfoHints, SockType, getaddrinfo};

/// The IPv4 addresses of `host`, a name or an address. Blocks, 5 s at the most (musl's bound).
///
/// Nobody is asked for IPv6 addresses: neither link has any, and where a carrier's resolver refuses
/// that question musl forgets the answer to the other.
///
/// # Errors
/// What the resolver said; `NotFound` where the name has no such address.
pub fn look_up(host: &str) -> io::Result<Vec<Ipv4Addr>> {
    let hints = AddrInfoHints {
        address: AddrFamily::Inet.into(),
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let mut found = Vec::new();
    for entry in getaddrinfo(Some(host), None, Some(hints))? {
        if let SocketAddr::V4(address) = entry?.sockaddr {
            found.push(*address.ip());
        }
    }
    if found.is_empty() {
        let text = format!("{host} has no IPv4 address");
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_they_are_and_only_those_of_ipv4() {
        let home = Ipv4Addr::new(192, 0, 2, 7);
        assert_eq!(look_up("192.0.2.7").unwrap(), [home]);
        assert!(look_up("localhost").unwrap().contains(&Ipv4Addr::LOCALHOST));
        assert!(look_up("2001:db8::1").is_err());
        assert!(look_up("a\0b").is_err());
    }
}
