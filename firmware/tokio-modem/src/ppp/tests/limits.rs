//! What bounds a negotiation: time, and no number of requests.

use super::{
    link::Peer,
    stick::{ASK_CHAP, ASK_PAP, offer, plain, stick},
    *,
};

const NOTHING: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A peer that does not hear a protocol at a time.
struct Deaf<F, D> {
    peer: F,
    is_deaf: D,
}

impl<F: FnMut(&[u8]) -> Vec<Vec<u8>>, D: Fn(u16, u64) -> bool> Peer for Deaf<F, D> {
    fn take(&mut self, frame: &[u8], now: u64) -> Vec<Vec<u8>> {
        if (self.is_deaf)(Heard::read(frame).protocol, now) {
            return Vec::new();
        }
        (self.peer)(frame)
    }
}

/// One that says nothing in one protocol for a time.
fn silent<F: FnMut(&[u8]) -> Vec<Vec<u8>>>(protocol: u16, until: u64, peer: F) -> impl Peer {
    Deaf {
        peer,
        is_deaf: move |number, now| number == protocol && now < until,
    }
}

fn ipv4_up(link: &Link<impl Peer>) -> Option<u64> {
    let up = |(at, news): &(u64, _)| matches!(news, Output::Ipv4Up(_)).then_some(*at);
    link.near.news.iter().find_map(up)
}

#[test]
fn silence_of_40_seconds_in_any_phase_is_borne() {
    for protocol in [LCP, PAP, IPCP, IPV6CP] {
        let peer = silent(protocol, 40_000, plain(ASK_PAP));
        let config = Config {
            ipv6: true,
            ..client()
        };
        let mut link = Link::new(config, peer);
        link.run(59_000);
        let up = ipv4_up(&link).unwrap_or_else(|| panic!("{protocol:x}: {:?}", link.near.end()));
        // The next copy goes out within the restart timer.
        assert!(up <= 44_000, "{protocol:x}: at {up} ms");
        assert!(link.near.ipv6().is_some(), "{protocol:x}");
        assert_eq!(link.near.end(), None);
    }
}

#[test]
fn first_challenge_after_40_seconds_is_answered() {
    let mut link = Link::new(
        client(),
        stick(ASK_CHAP, |heard| {
            heard.is(CHAP, 2).then(|| [heard.answer(3, b"")].into())
        }),
    );
    link.run(40_000);
    link.inject(packet(CHAP, 1, 1, &[2, 1, 2]));
    link.run(45_000);
    assert!(link.near.ipv4().is_some(), "{:?}", link.near.end());
}

#[test]
fn client_authenticating_after_40_s_is_accepted() {
    for (auth, protocol) in [(AuthProtocol::Pap, PAP), (AuthProtocol::ChapMd5, CHAP)] {
        let mut peer = End::up(client(), 2);
        let far = silent(protocol, 40_000, move |frame: &[u8]| {
            peer.handle(Event::Frame(frame), 0)
        });
        let mut link = Link::new(server(Some(auth)), far);
        link.run(40_000);
        if auth == AuthProtocol::Pap {
            link.inject(packet(PAP, 1, 9, b"\x05gdata\x06secret"));
        }
        link.run(50_000);
        assert!(link.near.has(&Output::Authenticated(auth)), "{auth}");
    }
}

/// Until the context is active, a stick refuses each request with what it does not know yet.
#[test]
fn naks_for_40_seconds_are_waited_for() {
    let placeholders = [Ipv4Addr::new(10, 11, 12, 13), Ipv4Addr::new(10, 11, 12, 14)];
    let (early, late) = (placeholders, [NOTHING; 2]);
    for (dns, with_address) in [(early, true), (early, false), (late, true)] {
        let mut asked = 0;
        let peer = stick(&[], move |heard| {
            asked += usize::from(heard.is(IPCP, code::CONFIGURE_REQUEST));
            let all = offer(NOTHING, dns);
            let nak = if with_address { &all } else { &all[6..] };
            let waits = heard.is(IPCP, code::CONFIGURE_REQUEST) && asked <= 36;
            waits.then(|| [heard.answer(code::CONFIGURE_NAK, nak)].into())
        });
        let mut link = Link::new(client(), peer);
        link.run(59_000);
        let ipv4 = link
            .near
            .ipv4()
            .unwrap_or_else(|| panic!("{:?}", link.near.end()));
        assert_eq!((ipv4.local, ipv4.dns), (CLIENT, DNS.map(Some)));
        let up = ipv4_up(&link).unwrap();
        assert!((36_000..41_000).contains(&up), "at {up} ms");
    }
}

#[test]
fn resolvers_refused_by_a_known_address_end_in_10_s() {
    // A peer that names other resolvers each time, with an address that stays.
    let mut last = 0;
    let peer = stick(&[], move |heard| {
        if !heard.is(IPCP, code::CONFIGURE_REQUEST) || heard.option(129).is_none() {
            return None;
        }
        last += 1;
        let dns = [
            Ipv4Addr::new(192, 0, 2, last),
            Ipv4Addr::new(192, 0, 3, last),
        ];
        let nak = heard.answer(code::CONFIGURE_NAK, &offer(CLIENT, dns));
        Some([nak, packet(IPCP, code::CONFIGURE_REQUEST, 1, &[])].into())
    });
    let mut link = Link::new(client(), peer);
    link.run(20_000);
    let ipv4 = link.near.ipv4().unwrap();
    assert_eq!((ipv4.local, ipv4.dns), (CLIENT, [None; 2]));
    assert!(ipv4_up(&link).unwrap() <= 12_000);
}

#[test]
fn each_phase_ends_at_its_own_limit() {
    let phase_limits = PhaseLimits {
        establish: 7_000,
        authenticate: 8_000,
        network: 9_000,
    };
    for (protocol, lcp, phase, limit) in [
        (LCP, ASK_PAP, Phase::Establish, 7_000),
        (PAP, ASK_PAP, Phase::Authenticate, 8_000),
        (CHAP, ASK_CHAP, Phase::Authenticate, 8_000),
        (IPCP, &[][..], Phase::Network, 9_000),
    ] {
        let peer = silent(protocol, u64::MAX, plain(lcp));
        let config = Config {
            phase_limits,
            ..client()
        };
        let mut link = Link::new(config, peer);
        link.run(30_000);
        let (at, reason) = link.near.end().unwrap();
        assert_eq!(reason, &Reason::NegotiationTimeout { phase });
        assert!((limit..limit + 500).contains(&at), "{phase}: at {at} ms");
    }
}

/// Phases that may take long do not make the whole take longer.
#[test]
fn whole_negotiation_ends_at_its_limit() {
    let config = Config {
        negotiation_limit: 20_000,
        ..client()
    };
    let peer = Deaf {
        peer: plain(ASK_PAP),
        is_deaf: |protocol, now| match protocol {
            LCP => now < 9_000,
            PAP => now < 14_000,
            _ => true,
        },
    };
    let mut link = Link::new(config, peer);
    link.run(40_000);
    let (at, reason) = link.near.end().unwrap();
    assert!((20_000..20_500).contains(&at), "at {at} ms: {reason}");
}

#[test]
fn ipv6cp_is_given_up_alone_at_its_limit() {
    let config = Config {
        ipv6: true,
        phase_limits: PhaseLimits {
            network: 9_000,
            ..PhaseLimits::default()
        },
        ..client()
    };
    let peer = silent(IPV6CP, u64::MAX, plain(&[]));
    let mut link = Link::new(config, peer);
    link.run(60_000);
    assert_eq!((link.near.end(), link.near.ipv6()), (None, None));
    assert_eq!(link.count(IPV6CP, code::CONFIGURE_REQUEST), 3);
}

#[test]
fn limits_without_end_do_not_overflow() {
    let config = Config {
        negotiation_limit: u64::MAX,
        phase_limits: PhaseLimits {
            establish: u64::MAX,
            authenticate: u64::MAX,
            network: u64::MAX,
        },
        ..client()
    };
    let peer = silent(LCP, 3_600_000, plain(ASK_PAP));
    let mut link = Link::new(config, peer);
    link.run(3_700_000);
    assert!(link.near.ipv4().is_some());
}
