//! `resolv.conf`: the list of resolvers.

use std::{fmt::Write as _, fs, io, net::Ipv4Addr, path::Path};

/// Target of the symbolic link `/etc/resolv.conf`.
pub const PATH: &str = "/run/failberry/network/resolv.conf";

/// Largest number of resolvers that are used (`MAXNS` of musl and glibc).
const MAX_SERVERS: usize = 3;

/// Returns the file's text: the carrier's servers first while its link is up, and always one of the
/// LAN's, which still answers when the carrier's do not.
pub fn text(carrier: &[Ipv4Addr], lan: &[Ipv4Addr]) -> String {
    let room = MAX_SERVERS - usize::from(!lan.is_empty());
    let mut servers: Vec<Ipv4Addr> = Vec::with_capacity(MAX_SERVERS);
    for server in carrier.iter().take(room).chain(lan) {
        if servers.len() < MAX_SERVERS && !servers.contains(server) {
            servers.push(*server);
        }
    }
    servers.iter().fold(String::new(), |mut text, server| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "nameserver {server}");
        text
    })
}

/// Replaces the file atomically.
///
/// # Errors
/// The file system's.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(last: std::ops::RangeInclusive<u8>) -> Vec<Ipv4Addr> {
        last.map(|n| Ipv4Addr::new(192, 0, 2, n)).collect()
    }

    #[test]
    fn carrier_resolvers_come_first_with_room_for_the_lan() {
        let lan = [Ipv4Addr::new(192, 168, 88, 1)];
        assert_eq!(
            text(&servers(1..=4), &lan),
            "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.168.88.1\n"
        );
        assert_eq!(text(&[], &lan), "nameserver 192.168.88.1\n");
        assert_eq!(text(&servers(1..=4), &[]).lines().count(), MAX_SERVERS);
        assert_eq!(text(&lan, &lan), "nameserver 192.168.88.1\n");
        assert_eq!(text(&[], &[]), "");
    }
}
