//! IPCP, IPv6CP and the protocols we do not speak.

use super::{
    stick::{offer, plain, stick},
    *,
};

const PLACEHOLDERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 11, 12, 13), Ipv4Addr::new(10, 11, 12, 14)];
const NOTHING: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

#[test]
fn a_stick_without_an_address_of_its_own_is_taken() {
    let mut link = Link::new(client(), plain(&[]));
    link.run(5_000);
    let expected = Ipv4 {
        local: CLIENT,
        peer: None,
        dns: DNS.map(Some),
    };
    assert_eq!(link.near.ipv4(), Some(expected));
}

#[test]
fn placeholder_resolvers_are_never_used() {
    for placeholders_for in [1, 5, usize::MAX] {
        let mut asked = 0;
        let peer = stick(&[], move |heard| {
            if !heard.is(IPCP, code::CONFIGURE_REQUEST) {
                return None;
            }
            asked += 1;
            let dns = if asked <= placeholders_for {
                PLACEHOLDERS
            } else {
                DNS
            };
            let wanted = offer(CLIENT, dns);
            let known = [3, 129, 131].iter().all(|kind| {
                heard
                    .option(*kind)
                    .is_none_or(|value| value != NOTHING.octets())
            });
            Some(if known {
                [heard.answer(code::CONFIGURE_ACK, &heard.data)].into()
            } else {
                [
                    heard.answer(code::CONFIGURE_NAK, &wanted),
                    packet(IPCP, 1, 1, &[]),
                ]
                .into()
            })
        });
        let mut link = Link::new(client(), peer);
        link.run(60_000);
        let ipv4 = link.near.ipv4().expect("up");
        let dns = if placeholders_for > 10 {
            [None; 2]
        } else {
            DNS.map(Some)
        };
        assert_eq!((ipv4.local, ipv4.dns), (CLIENT, dns));
        for (_, one) in &link.sent {
            for placeholder in PLACEHOLDERS {
                let octets = placeholder.octets();
                assert!(
                    !one.data.windows(4).any(|window| window == octets),
                    "{one:?}"
                );
            }
        }
        let up = link
            .near
            .news
            .iter()
            .find(|(_, news)| matches!(news, Output::Ipv4Up(_)));
        assert!(up.unwrap().0 <= 12_000, "at {} ms", up.unwrap().0);
    }
}

#[test]
fn requests_are_paced_until_the_network_is_ready() {
    for dns in [true, false] {
        let mut asked = 0;
        let peer = stick(&[], move |heard| {
            if !heard.is(IPCP, code::CONFIGURE_REQUEST) {
                return None;
            }
            asked += 1;
            let ready = asked > 8;
            let wanted = match (ready, dns) {
                (false, _) => offer(NOTHING, [NOTHING; 2]),
                (true, true) => offer(CLIENT, DNS),
                (true, false) => [&[3, 6][..], &CLIENT.octets()].concat(),
            };
            let good = ready && heard.data == wanted;
            let code = if good {
                code::CONFIGURE_ACK
            } else {
                code::CONFIGURE_NAK
            };
            let answer = heard.answer(code, &wanted);
            Some([answer, packet(IPCP, code::CONFIGURE_REQUEST, 1, &[])].into())
        });
        let mut link = Link::new(Config { dns, ..client() }, peer);
        link.run(30_000);
        let expected = if dns { DNS.map(Some) } else { [None; 2] };
        let ipv4 = link.near.ipv4().unwrap();
        assert_eq!((ipv4.local, ipv4.dns), (CLIENT, expected));
        let times: Vec<u64> = link
            .sent
            .iter()
            .filter(|(_, one)| one.is(IPCP, code::CONFIGURE_REQUEST))
            .map(|(at, _)| *at)
            .collect();
        let mut pairs = times.windows(2).take(7);
        assert!(pairs.all(|pair| pair[1] - pair[0] >= 1_000), "{times:?}");
    }
}

#[test]
fn rejected_option_is_omitted() {
    let peer = stick(&[], |heard| {
        if !heard.is(IPCP, code::CONFIGURE_REQUEST) {
            return None;
        }
        let dns = [[129, 6, 0, 0, 0, 0], [131, 6, 0, 0, 0, 0]].concat();
        let address = [&[3, 6][..], &CLIENT.octets()].concat();
        let answer = match (heard.option(129), heard.data == address) {
            (Some(_), _) => heard.answer(code::CONFIGURE_REJECT, &dns),
            (None, false) => heard.answer(code::CONFIGURE_NAK, &address),
            (None, true) => heard.answer(code::CONFIGURE_ACK, &address),
        };
        Some([answer, packet(IPCP, code::CONFIGURE_REQUEST, 1, &[])].into())
    });
    let mut link = Link::new(client(), peer);
    link.run(10_000);
    assert_eq!(
        link.near.ipv4(),
        Some(Ipv4 {
            local: CLIENT,
            peer: None,
            dns: [None; 2]
        })
    );
}

#[test]
fn addresses_that_no_host_can_have_are_not_taken() {
    for bad in [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [240, 0, 0, 1],
        [0, 0, 0, 9],
        [255, 255, 255, 255],
    ] {
        let peer = stick(&[], move |heard| {
            let acks = heard.option(3) == Some(&bad);
            let code = if acks {
                code::CONFIGURE_ACK
            } else {
                code::CONFIGURE_NAK
            };
            heard.is(IPCP, code::CONFIGURE_REQUEST).then(|| {
                let nak = [&[3, 6][..], &bad].concat();
                let data = if acks { &heard.data } else { &nak };
                [
                    heard.answer(code, data),
                    packet(IPCP, code::CONFIGURE_REQUEST, 1, &[]),
                ]
                .into()
            })
        });
        let mut link = Link::new(client(), peer);
        link.run(61_000);
        assert_eq!(link.near.ipv4(), None);
        let (_, reason) = link.near.end().expect("an end");
        let refused = Reason::Refused {
            protocol: Protocol::IPCP,
            option: Some(3),
        };
        let never = Reason::NoAgreement {
            protocol: Protocol::IPCP,
        };
        assert!(*reason == refused || *reason == never, "{bad:?}: {reason}");
        assert!(!link.near.has(&Output::Ipv4Down), "it was never told up");
        let mut next = link.dial_again(plain(&[]));
        next.run(next.now + 5_000);
        assert!(next.near.ipv4().is_some(), "the next call opens");
    }
}

/// The peer's own address serves nothing but a route: a link without is better than none.
#[test]
fn unusable_peer_address_is_not_reported() {
    let ours = CLIENT.octets();
    for bad in [
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [240, 0, 0, 1],
        [255, 255, 255, 255],
        ours,
    ] {
        // Before it gave us ours, and after.
        for early in [true, false] {
            let mut asked = false;
            let peer = stick(&[], move |heard| {
                if heard.is(IPCP, code::CONFIGURE_REJECT) {
                    return Some([packet(IPCP, code::CONFIGURE_REQUEST, 2, &[])].into());
                }
                if !heard.is(IPCP, code::CONFIGURE_REQUEST) {
                    return None;
                }
                let good = heard.option(3) == Some(&CLIENT.octets());
                let answer = if good {
                    heard.answer(code::CONFIGURE_ACK, &heard.data)
                } else {
                    heard.answer(code::CONFIGURE_NAK, &offer(CLIENT, DNS))
                };
                if asked || early == good {
                    return Some([answer].into());
                }
                asked = true;
                let own = [&[3, 6][..], &bad].concat();
                let request = packet(IPCP, code::CONFIGURE_REQUEST, 1, &own);
                Some([request, answer].into())
            });
            let mut link = Link::new(client(), peer);
            link.run(60_000);
            let expected = Ipv4 {
                local: CLIENT,
                peer: None,
                dns: DNS.map(Some),
            };
            assert_eq!(link.near.ipv4(), Some(expected), "{bad:?} {early}");
        }
    }
}

#[test]
fn an_address_that_no_host_can_have_is_not_the_peers() {
    for bad in [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [255, 255, 255, 255],
    ] {
        let request = packet(
            IPCP,
            code::CONFIGURE_REQUEST,
            1,
            &[&[3, 6][..], &bad].concat(),
        );
        let mut link = Link::new(client(), plain(&[]));
        link.run(5_000);
        link.inject(request);
        link.run(6_000);
        assert_eq!(link.count(IPCP, code::CONFIGURE_REJECT), 1, "{bad:?}");
        link.inject(packet(IPCP, code::CONFIGURE_REQUEST, 2, &[]));
        link.run(10_000);
        let ipv4 = link.near.ipv4().unwrap();
        assert_eq!((ipv4.local, ipv4.peer), (CLIENT, None), "{bad:?}");
    }
}

#[test]
fn other_protocols_are_rejected_and_the_link_stays() {
    let mut link = Link::new(client(), plain(&[]));
    link.run(5_000);
    let ccp = packet(CCP, code::CONFIGURE_REQUEST, 1, &[26, 4, 0x78, 0]);
    link.inject(ccp.clone());
    link.inject(packet(
        IPV6CP,
        code::CONFIGURE_REQUEST,
        1,
        &[1, 10, 0, 0, 0, 0, 0, 0, 0, 1],
    ));
    link.run(6_000);
    let rejects: Vec<&Heard> = link
        .sent
        .iter()
        .map(|(_, one)| one)
        .filter(|one| one.is(LCP, code::PROTOCOL_REJECT))
        .collect();
    assert_eq!(rejects.len(), 2);
    assert_eq!(rejects[0].data, ccp, "the number and what was in the frame");
    assert_ne!(rejects[0].id, rejects[1].id);
    assert_eq!(link.near.engine.counters().protocols_rejected, 2);
    assert!(link.near.end().is_none() && link.near.engine.phase() == Phase::Network);
}

#[test]
fn a_rejection_fits_the_peers_mru() {
    let mut link = Link::new(client(), plain(&[1, 4, 0, 200]));
    link.run(5_000);
    let full = [&[0x80, 0xfd][..], &[0xaa; MAX_INFORMATION]].concat();
    link.inject(full);
    link.inject(packet(IPCP, 77, 1, &[0xaa; MAX_INFORMATION - 4]));
    link.run(6_000);
    for (protocol, code) in [(LCP, code::PROTOCOL_REJECT), (IPCP, code::CODE_REJECT)] {
        let (_, one) = link
            .sent
            .iter()
            .find(|(_, one)| one.is(protocol, code))
            .unwrap();
        assert_eq!(one.data.len() + 4, 200);
    }
}

#[test]
fn a_peer_that_does_not_speak_our_protocols() {
    // Number rejected, and what comes of it.
    for (number, ends) in [
        (IPCP, true),
        (LCP, true),
        (IPV6CP, false),
        (CCP, false),
        // No proof is under way.
        (PAP, false),
        (CHAP, false),
    ] {
        let mut link = Link::new(
            Config {
                ipv6: true,
                ..client()
            },
            plain(&[]),
        );
        link.run(5_000);
        assert!(link.near.ipv6().is_some());
        let [high, low] = number.to_be_bytes();
        link.inject(packet(
            LCP,
            code::PROTOCOL_REJECT,
            1,
            &[high, low, 1, 1, 0, 4],
        ));
        link.run(20_000);
        let reason = link.near.end().map(|(_, reason)| reason.clone());
        let refused = Reason::Refused {
            protocol: Protocol(number),
            option: None,
        };
        assert_eq!(reason, ends.then_some(refused), "{number:#x}");
        assert_eq!(link.near.has(&Output::Ipv6Down), ends || number == IPV6CP);
    }
}

#[test]
fn ipv4_goes_on_where_ipv6_fails() {
    for answer in [code::CONFIGURE_REJECT, code::CONFIGURE_NAK, 0] {
        let peer = stick(&[], move |heard| {
            (heard.protocol == IPV6CP).then(|| match answer {
                0 => Vec::new(),
                _ if heard.code != code::CONFIGURE_REQUEST => Vec::new(),
                code => [heard.answer(code, &[1, 10, 0, 0, 0, 0, 0, 0, 0, 0])].into(),
            })
        });
        let mut link = Link::new(
            Config {
                ipv6: true,
                ..client()
            },
            peer,
        );
        link.run(120_000);
        assert!(link.near.ipv4().is_some() && link.near.ipv6().is_none());
        assert_eq!(link.near.end(), None);
        assert!(link.count(IPV6CP, code::CONFIGURE_REQUEST) <= 65);
        let before = link.count(IPV6CP, code::CONFIGURE_REQUEST);
        link.run(240_000);
        assert_eq!(
            link.count(IPV6CP, code::CONFIGURE_REQUEST),
            before,
            "it is at rest"
        );
    }
}

#[test]
fn interface_identifier_zero_or_ours_is_refused() {
    let mut end = End::up(
        Config {
            ipv6: true,
            ..client()
        },
        1,
    );
    let mut peer = plain(&[]);
    let mut ours = None;
    // All but IPv6CP is agreed at once.
    let mut frames = end.drain(0);
    while let Some(frame) = frames.pop() {
        let heard = Heard::read(&frame);
        if heard.is(IPV6CP, code::CONFIGURE_REQUEST) {
            ours = Some(heard.data);
            continue;
        }
        for said in peer(&frame) {
            frames.extend(end.handle(Event::Frame(&said), 0));
        }
    }
    let ours = ours.expect("IPv6CP was begun");
    for bad in [&[1, 10, 0, 0, 0, 0, 0, 0, 0, 0][..], &ours] {
        let said = end.handle(Event::Frame(&packet(IPV6CP, 1, 1, bad)), 1);
        let nak = Heard::read(&said[0]);
        assert_eq!(nak.code, code::CONFIGURE_NAK);
        let other = nak.option(1).unwrap();
        assert!(other != [0; 8] && other != &ours[2..], "{other:x?}");
        let said = end.handle(Event::Frame(&packet(IPV6CP, 1, 2, &nak.data)), 1);
        assert_eq!(Heard::read(&said[0]).code, code::CONFIGURE_ACK);
    }
}
