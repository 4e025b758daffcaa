//! `resolv.conf`: whom to ask for names.

use std::{fmt::Write as _, fs, io, net::Ipv4Addr, path::Path};

/// Where `/etc/resolv.conf` points to.
pub const PATH: &str = "/run/failberry/network/resolv.conf";

/// More are not asked (`MAXNS` of musl and glibc).
const MAX_SERVERS: usize = 3;

/// The file: the carrier's servers first while its link is up, and always room for one of the
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

/// Replaces the file in one step.
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
    fn carrier_first_and_room_for_the_lan() {
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
