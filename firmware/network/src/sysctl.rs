//! Kernel parameters (sysctl) of a router with two uplinks.

use std::{fs, io, path::Path};

const ROOT: &str = "/proc/sys/net";

/// Parameters set along with [`forwarding`]. The kernel resets them to its own defaults whenever
/// forwarding changes, so they are written after that.
const PARAMETERS: [(&str, &str); 12] = [
    // Replies may come back by another interface than the main table would send to their source;
    // the packet filter checks what comes in by the carrier link instead. Loose checking is no
    // alternative: it drops the DHCP server's answers while there is no route.
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    // No redirects are accepted or sent on the LAN: the router sends us what it wants sent.
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/default/accept_redirects", "0"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv4/conf/all/accept_source_route", "0"),
    // The carrier's address is not announced on the LAN.
    ("ipv4/conf/all/arp_ignore", "1"),
    // There is no IPv6 uplink: this is a host, not a router.
    ("ipv6/conf/all/forwarding", "0"),
    ("ipv6/conf/all/accept_redirects", "0"),
    ("ipv6/conf/default/accept_redirects", "0"),
    ("ipv6/conf/all/accept_source_route", "0"),
];

/// Parameters of one interface, for interfaces that existed before the defaults were set.
const PER_INTERFACE: [(&str, &str); 3] = [
    ("rp_filter", "0"),
    ("accept_redirects", "0"),
    ("send_redirects", "0"),
];

/// Switches forwarding and sets all related parameters. Returns the parameters that could not be
/// set, with the reason.
pub fn forwarding(on: bool) -> Vec<String> {
    let switch = ("ipv4/ip_forward", if on { "1" } else { "0" });
    std::iter::once(switch)
        .chain(PARAMETERS)
        .filter_map(|(name, value)| set(name, value))
        .collect()
}

/// Sets the parameters of an interface. Returns those that could not be set, with the reason.
pub fn interface(name: &str) -> Vec<String> {
    let set_one = |(parameter, value)| set(&format!("ipv4/conf/{name}/{parameter}"), value);
    PER_INTERFACE.into_iter().filter_map(set_one).collect()
}

fn set(name: &str, value: &str) -> Option<String> {
    let path = Path::new(ROOT).join(name);
    match fs::write(&path, value) {
        Ok(()) => None,
        // A kernel without IPv6 has nothing to switch off.
        Err(error) if error.kind() == io::ErrorKind::NotFound && name.starts_with("ipv6") => None,
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}
