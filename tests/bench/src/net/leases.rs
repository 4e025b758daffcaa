//! DHCP leases of the LAN, read from dnsmasq's lease file.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use super::{NetError, watch};

/// Name of the lease file in the network's directory.
pub(super) const FILE: &str = "leases";

/// DHCP lease of a LAN host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The holder's Ethernet address, in the usual notation.
    pub mac: String,
    /// The address.
    pub address: Ipv4Addr,
    /// Host name sent by the holder.
    pub name: Option<String>,
}

impl Lease {
    fn parse(line: &str) -> Result<Self, NetError> {
        let mut fields = line.split(' ').skip(1);
        let (Some(mac), Some(address), Some(name)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(NetError::LeaseLine {
                line: line.to_owned(),
            });
        };
        Ok(Self {
            mac: mac.to_owned(),
            address: address.parse().map_err(|source| NetError::LeaseAddress {
                line: line.to_owned(),
                source,
            })?,
            name: (name != "*").then(|| name.to_owned()),
        })
    }
}

/// Returns the leases that are in the file now.
pub(super) fn read(dir: &Path) -> Result<Vec<Lease>, NetError> {
    let path = dir.join(FILE);
    match std::fs::read_to_string(&path) {
        // dnsmasq writes in place: a last line without its end is still being written.
        Ok(text) => text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
            .map(Lease::parse)
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(NetError::file(path)(error)),
    }
}

/// Waits for the first lease.
pub(super) fn wait(dir: &Path, bound: Duration) -> Result<Lease, NetError> {
    watch::until(dir, bound, || Ok(read(dir)?.into_iter().next()))?
        .ok_or(NetError::NoLease { bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_line_parses_and_malformed_line_fails() {
        let lease =
            Lease::parse("1764093600 b8:27:eb:01:02:03 192.168.88.57 failberry 01:b8").unwrap();
        assert_eq!(lease.address, Ipv4Addr::new(192, 168, 88, 57));
        assert_eq!(lease.name.as_deref(), Some("failberry"));
        assert!(Lease::parse("1764093600 b8:27:eb:01:02:03").is_err());
        assert!(Lease::parse("1764093600 b8:27:eb:01:02:03 192.168.88.570 * *").is_err());
    }
}
