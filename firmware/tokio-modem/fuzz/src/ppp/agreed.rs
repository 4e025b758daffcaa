//! What two acknowledged requests agree on, worked out from their bytes alone.

use core::net::{Ipv4Addr, Ipv6Addr};

use tokio_modem::ppp::{AuthProtocol, Direction, Ipv4, Ipv6, LcpOptions};

use super::frame::options;

/// What sticks offer before they know better.
const PLACEHOLDERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 11, 12, 13), Ipv4Addr::new(10, 11, 12, 14)];

/// The last option of this kind.
fn value(request: &[u8], kind: u8) -> Option<&[u8]> {
    let all = options(request).expect("options that were acknowledged");
    let found = all.into_iter().rev().find(|(found, _)| *found == kind);
    found.map(|(_, value)| value)
}

fn direction(request: &[u8]) -> Direction {
    let plain = Direction::default();
    let word =
        |kind| value(request, kind).map(|value| u32::from_be_bytes(value.try_into().unwrap()));
    let mru = value(request, 1).map(|value| u16::from_be_bytes(value.try_into().unwrap()));
    Direction {
        mru: mru.unwrap_or(plain.mru),
        accm: word(2).unwrap_or(plain.accm),
        magic: word(5),
        pfc: value(request, 7).is_some(),
        acfc: value(request, 8).is_some(),
    }
}

fn authentication(request: &[u8]) -> Option<AuthProtocol> {
    value(request, 3).map(|value| match *value {
        [0xc0, 0x23] => AuthProtocol::Pap,
        [0xc2, 0x23, 5] => AuthProtocol::ChapMd5,
        _ => panic!("agreed to authenticate by {value:x?}"),
    })
}

pub(super) fn lcp(ours: &[u8], theirs: &[u8]) -> LcpOptions {
    let options = LcpOptions {
        receive: direction(ours),
        send: direction(theirs),
        auth: authentication(theirs).or(authentication(ours)),
    };
    assert!((128..=1500).contains(&options.receive.mru) && options.send.mru >= 128);
    assert!(options.send.magic != Some(0) && options.receive.magic != Some(0));
    assert!(options.send.magic.is_none() || options.send.magic != options.receive.magic);
    options
}

pub(super) fn ipv4(ours: &[u8], theirs: &[u8]) -> Ipv4 {
    let address = |request, kind| {
        let octets = value(request, kind)?;
        Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap()))
    };
    let local = address(ours, 3).expect("an address of our own");
    let ipv4 = Ipv4 {
        local,
        // One that is ours too is as good as none.
        peer: address(theirs, 3).filter(|peer| *peer != local),
        dns: [129, 131].map(|kind| address(ours, kind).filter(|dns| !dns.is_unspecified())),
    };
    let addresses = [Some(ipv4.local), ipv4.peer].into_iter();
    for address in addresses.chain(ipv4.dns).flatten() {
        assert!(
            matches!(address.octets()[0], 1..=126 | 128..=223),
            "{ipv4:?}"
        );
    }
    assert!(
        ipv4.dns
            .iter()
            .flatten()
            .all(|dns| !PLACEHOLDERS.contains(dns))
    );
    ipv4
}

pub(super) fn ipv6(ours: &[u8], theirs: &[u8]) -> Ipv6 {
    let address = |request| {
        let id: [u8; 8] = value(request, 1)?.try_into().unwrap();
        assert_ne!(id, [0; 8]);
        let id = u64::from_be_bytes(id);
        Some(Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(id)))
    };
    let ipv6 = Ipv6 {
        local: address(ours).expect("an identifier of our own"),
        peer: address(theirs),
    };
    assert_ne!(Some(ipv6.local), ipv6.peer);
    ipv6
}
