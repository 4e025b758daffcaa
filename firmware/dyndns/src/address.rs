//! Reachability of an IPv4 address from the internet.

use std::net::Ipv4Addr;

/// Returns whether others on the internet can open connections to `address`.
///
/// Not so behind carrier NAT: RFC 1918 networks and RFC 6598's 100.64.0.0/10.
pub(crate) const fn is_reachable(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && second & 0b1100_0000 == 64;
    !(address.is_private()
        || shared
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || first == 0
        || first >= 240)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carrier_nat_is_not_reachable() {
        for (address, reachable) in [
            ([10, 1, 2, 3], false),
            ([172, 16, 0, 1], false),
            ([172, 31, 255, 254], false),
            ([172, 32, 0, 1], true),
            ([192, 168, 0, 1], false),
            ([100, 63, 255, 255], true),
            ([100, 64, 0, 0], false),
            ([100, 127, 255, 255], false),
            ([100, 128, 0, 0], true),
            ([169, 254, 1, 1], false),
            ([0, 0, 0, 0], false),
            ([255, 255, 255, 255], false),
            ([8, 8, 8, 8], true),
        ] {
            assert_eq!(is_reachable(address.into()), reachable, "{address:?}");
        }
    }
}
