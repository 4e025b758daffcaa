//! Two engines back to back.

use super::*;

fn pair(near: Config, far: Config) -> Link<End> {
    let mut link = Link::new(near, End::up(far, 2));
    link.run(10_000);
    link
}

#[test]
fn without_authentication_both_ends_agree() {
    let link = pair(client(), server(None));
    let expected = Ipv4 {
        local: CLIENT,
        peer: Some(SERVER),
        dns: DNS.map(Some),
    };
    assert_eq!(link.near.ipv4(), Some(expected));
    let expected = Ipv4 {
        local: SERVER,
        peer: Some(CLIENT),
        dns: [None; 2],
    };
    assert_eq!(link.far.ipv4(), Some(expected));
    assert_eq!(link.near.engine.phase(), Phase::Network);
    assert!(link.near.ipv6().is_none());
    let (near, far) = (link.near.lcp().unwrap(), link.far.lcp().unwrap());
    assert_eq!((near.send, near.receive), (far.receive, far.send));
    assert_eq!((near.auth, near.mtu()), (None, 1500));
    assert!(near.send.magic.is_some() && near.send.magic != near.receive.magic);
    assert_eq!(link.near.engine.counters().malformed, 0);
    let up = link
        .near
        .news
        .iter()
        .find(|(_, news)| matches!(news, Output::Ipv4Up(_)));
    assert!(up.unwrap().0 <= 500, "at {} ms", up.unwrap().0);
}

#[test]
fn a_quiet_line_stays_up_and_asks_only_for_echoes() {
    let mut link = pair(client(), server(None));
    let before = link.sent.len();
    link.run(86_400_000);
    assert_eq!(link.near.end(), None);
    let echoes = link.count(LCP, code::ECHO_REQUEST) + link.count(LCP, code::ECHO_REPLY);
    assert!(echoes > 10_000);
    assert_eq!(link.sent.len() - before, echoes);
    assert_eq!(link.near.engine.echo_unanswered(), 0);
}

#[test]
fn pap_and_chap_let_the_right_password_in() {
    for auth in [AuthProtocol::Pap, AuthProtocol::ChapMd5] {
        let link = pair(client(), server(Some(auth)));
        assert!(
            link.near.ipv4().is_some() && link.far.ipv4().is_some(),
            "{auth:?}"
        );
        assert_eq!(link.near.lcp().unwrap().auth, Some(auth));
        assert!(link.near.has(&Output::Authenticated(auth)));
        assert!(link.far.has(&Output::Authenticated(auth)));
        let sent = link
            .sent
            .iter()
            .any(|(_, one)| one.data.windows(6).any(|window| window == b"secret"));
        assert_eq!(
            sent,
            auth == AuthProtocol::Pap,
            "CHAP does not show the password"
        );
    }
}

#[test]
fn a_wrong_password_ends_both() {
    for auth in [AuthProtocol::Pap, AuthProtocol::ChapMd5] {
        for (user, password) in [("gdata", "Secret"), ("gdatb", "secret"), ("", "")] {
            let credentials = Credentials::new(user, password).unwrap();
            let link = pair(
                Config {
                    credentials,
                    ..client()
                },
                server(Some(auth)),
            );
            for end in [&link.near, &link.far] {
                let (at, reason) = end.end().unwrap();
                assert!(
                    matches!(reason, Reason::AuthFailed(_)),
                    "{auth:?}: {reason}"
                );
                assert!(at < 1_000, "at {at} ms");
                assert!(end.ipv4().is_none());
                assert_eq!(end.engine.phase(), Phase::Dead);
            }
        }
    }
}

#[test]
fn the_protocol_that_the_client_allows_is_found() {
    let only_chap = Config {
        allow_pap: false,
        ..client()
    };
    let link = pair(only_chap, server(Some(AuthProtocol::Pap)));
    assert!(link.near.has(&Output::Authenticated(AuthProtocol::ChapMd5)));
    assert!(link.near.ipv4().is_some());

    let only_pap = Config {
        allow_chap: false,
        ..client()
    };
    let link = pair(only_pap, server(Some(AuthProtocol::ChapMd5)));
    assert_eq!(link.near.ipv4(), None, "CHAP is not given up for PAP");
    let option = Some(3);
    let refused = Reason::Refused {
        protocol: Protocol::LCP,
        option,
    };
    assert_eq!(link.far.end().unwrap().1, &refused);

    let none = Config {
        allow_chap: false,
        allow_pap: false,
        ..client()
    };
    let mut link = pair(none, server(Some(AuthProtocol::Pap)));
    assert_eq!(link.far.end().unwrap().1, &refused);
    // A goodbye before LCP is open leaves the client asking until its time is over.
    link.run(61_000);
    assert!(matches!(
        link.near.end().unwrap().1,
        Reason::PeerTerminated(_)
    ));
}

#[test]
fn every_mix_of_framing_options_opens() {
    for bits in 0..64_u32 {
        let bit = |number: u32| bits & (1 << number) != 0;
        let framing = |pfc, acfc, accm, base: Config| Config {
            accm,
            pfc,
            acfc,
            ..base
        };
        let near = framing(
            bit(0),
            bit(1),
            if bit(2) { 0x000a_0000 } else { 0 },
            client(),
        );
        let far = framing(
            bit(3),
            bit(4),
            if bit(5) { u32::MAX } else { 0 },
            server(None),
        );
        let link = pair(near, far);
        assert!(link.near.ipv4().is_some(), "{bits:06b}");
        let (near, far) = (link.near.lcp().unwrap(), link.far.lcp().unwrap());
        assert_eq!(
            (near.send, near.receive),
            (far.receive, far.send),
            "{bits:06b}"
        );
        assert_eq!(near.receive.pfc, bit(0) && bit(3), "{bits:06b}");
        assert_eq!(near.receive.acfc, bit(1) && bit(4), "{bits:06b}");
        assert_eq!(near.receive.accm, if bit(2) { 0x000a_0000 } else { 0 });
        assert_eq!(near.send.accm, if bit(5) { u32::MAX } else { 0 });
    }
}

#[test]
fn the_smaller_mru_is_the_mtu() {
    for (near, far, mtu) in [(1500, 1400, 1400), (1280, 1500, 1280), (64, 1500, 128)] {
        let link = pair(
            Config {
                mru: near,
                ..client()
            },
            Config {
                mru: far,
                ..server(None)
            },
        );
        assert_eq!(link.near.lcp().unwrap().mtu(), mtu);
        assert_eq!(link.far.lcp().unwrap().mtu(), mtu);
    }
}

#[test]
fn ipv6_comes_up_where_both_want_it() {
    for (near, far) in [(true, true), (true, false), (false, true), (false, false)] {
        let link = pair(
            Config {
                ipv6: near,
                ..client()
            },
            Config {
                ipv6: far,
                ..server(None)
            },
        );
        assert!(link.near.ipv4().is_some() && link.far.ipv4().is_some());
        assert_eq!(link.near.end(), None);
        let both = (link.near.ipv6(), link.far.ipv6());
        if !(near && far) {
            assert_eq!(both, (None, None));
            continue;
        }
        let (Some(near), Some(far)) = both else {
            panic!("{both:?}")
        };
        assert_eq!((near.peer, far.peer), (Some(far.local), Some(near.local)));
        assert_ne!(near.local, far.local);
        assert_eq!(near.local.segments()[..4], [0xfe80, 0, 0, 0]);
    }
}

#[test]
fn resolvers_are_asked_for_only_where_wanted() {
    let link = pair(
        Config {
            dns: false,
            ..client()
        },
        server(None),
    );
    assert_eq!(link.near.ipv4().unwrap().dns, [None; 2]);
    let Role::Server(offer) = server(None).role else {
        panic!()
    };
    let offer = Offer {
        dns: [Some(DNS[0]), None],
        ..offer
    };
    let link = pair(
        client(),
        Config {
            role: Role::Server(offer),
            ..client()
        },
    );
    assert_eq!(link.near.ipv4().unwrap().dns, [Some(DNS[0]), None]);
}

#[test]
fn closing_at_one_end_ends_both() {
    let mut link = pair(client(), server(None));
    link.close();
    link.run(20_000);
    assert_eq!(link.near.end().unwrap().1, &Reason::Closed);
    assert!(matches!(
        link.far.end().unwrap().1,
        Reason::PeerTerminated(_)
    ));
    for end in [&link.near, &link.far] {
        assert!(end.has(&Output::Ipv4Down) && end.has(&Output::LcpDown));
        assert!(end.end().unwrap().0 <= 10_000 + 2_000);
        assert_eq!(end.engine.next_deadline(), None);
    }
}
