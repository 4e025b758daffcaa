//! What the RFCs leave open, or peers do all the same; docs/ppp-interoperability.md lists it.

use super::{
    stick::{ASK_CHAP, ASK_PAP, plain, stick},
    *,
};

const IDENTIFICATION: u8 = 12;
const TIME_REMAINING: u8 = 13;

fn up() -> Link<impl FnMut(&[u8]) -> Vec<Vec<u8>>> {
    let mut link = Link::new(client(), plain(&[]));
    link.run(5_000);
    assert!(link.near.ipv4().is_some());
    link
}

#[test]
fn echo_request_with_our_magic_is_answered() {
    let mut link = up();
    let magic = link.near.lcp().unwrap().receive.magic.unwrap();
    // As often as a peer likes that has our number by mistake.
    for id in 100..120 {
        link.inject(packet(LCP, code::ECHO_REQUEST, id, &magic.to_be_bytes()));
        link.run(link.now + 1_000);
        assert_eq!(link.count(LCP, code::ECHO_REPLY), usize::from(id) - 99);
    }
    link.run(120_000);
    assert_eq!(link.near.end(), None);
    assert_eq!(link.near.engine.counters().looped_echoes, 20);
}

/// It copies each request back, and answers it besides: there is a peer at the other end.
#[test]
fn peer_that_answers_between_copies_is_no_loop() {
    let peer = stick(&[], |heard| {
        let copy = packet(LCP, heard.code, heard.id, &heard.data);
        let reply = heard.answer(code::ECHO_REPLY, &[0; 4]);
        heard
            .is(LCP, code::ECHO_REQUEST)
            .then(|| [copy, reply].into())
    });
    let mut link = Link::new(client(), peer);
    link.run(3_600_000);
    assert_eq!(link.near.end(), None);
    assert!(link.near.engine.counters().looped_echoes > 200);
}

#[test]
fn short_echo_request_gets_a_reply_of_its_length() {
    for length in 0..=5 {
        let mut link = up();
        let data = &[0xaa; 5][..length];
        link.inject(packet(LCP, code::ECHO_REQUEST, 42, data));
        link.run(6_000);
        let replies = link.sent.iter().map(|(_, one)| one);
        let reply = replies.clone().find(|one| one.is(LCP, code::ECHO_REPLY));
        let reply = reply.expect("a reply");
        let magic = link.near.lcp().unwrap().receive.magic.unwrap();
        let whole = [&magic.to_be_bytes()[..], &[0xaa]].concat();
        assert_eq!((reply.id, &reply.data[..]), (42, &whole[..length]));
        assert_eq!(link.near.engine.counters().malformed, 0);
    }
}

#[test]
fn short_echo_reply_counts_as_an_answer() {
    let peer = stick(&[], |heard| {
        let reply = heard.answer(code::ECHO_REPLY, &[]);
        heard.is(LCP, code::ECHO_REQUEST).then(|| [reply].into())
    });
    let mut link = Link::new(client(), peer);
    link.run(600_000);
    assert_eq!(link.near.engine.echo_unanswered(), 0);
    assert_eq!(link.near.engine.counters().discarded, 0);
    assert!(!link.near.has(&Output::EchoUnanswered(1)));
}

#[test]
fn echo_reply_later_than_the_interval_counts() {
    let config = Config {
        echo: Some(Echo {
            interval: 1_000,
            limit: Some(4),
        }),
        ..client()
    };
    // Two and a half intervals there and back.
    let far = End::up(server(None), 2);
    let mut link = Link::with_delay(config, far, 1_250);
    link.run(600_000);
    assert_eq!(link.near.end(), None);
    assert!(link.near.engine.echo_unanswered() <= 1);
    // Each reply was for a request that waited.
    let replies = link.near.engine.counters().discarded;
    assert!(replies < 10, "{replies}");
}

#[test]
fn echo_reply_to_no_request_is_discarded() {
    let mut link = up();
    link.inject(packet(LCP, code::ECHO_REPLY, 1, &[0; 4]));
    link.run(link.now + 1_000);
    assert_eq!(link.near.engine.counters().discarded, 1);
}

#[test]
fn identification_and_time_remaining_are_ignored() {
    for said in [IDENTIFICATION, TIME_REMAINING] {
        // Before LCP is open, too: RFC 1570 wants the first before the options are agreed.
        let mut link = Link::new(client(), plain(&[]));
        for now in [0, 5_000] {
            link.run(now);
            link.inject(packet(LCP, said, 1, b"\0\0\0\0MSRASV5.20"));
            link.run(now + 50);
        }
        link.run(6_000);
        assert_eq!(link.count(LCP, code::CODE_REJECT), 0);
        assert!(link.near.ipv4().is_some() && link.near.end().is_none());
        // IPCP has no such codes.
        link.inject(packet(IPCP, said, 1, &[0; 4]));
        link.run(7_000);
        assert_eq!(link.count(IPCP, code::CODE_REJECT), 1);
    }
}

#[test]
fn unknown_codes_are_rejected_where_the_rfc_wants_it() {
    for (protocol, rejects) in [(LCP, 3), (IPCP, 3), (PAP, 0), (CHAP, 0)] {
        let mut link = up();
        for unknown in [0, 14, 255] {
            link.inject(packet(protocol, unknown, 1, &[1, 2, 3]));
        }
        link.run(6_000);
        assert_eq!(link.count(protocol, code::CODE_REJECT), rejects);
        assert_eq!(link.near.end(), None);
    }
}

/// As pppd: what cannot be read goes back from there on, and what can be read stays.
#[test]
fn options_of_impossible_length_are_rejected() {
    for protocol in [LCP, IPCP] {
        for (broken, rest) in [
            (&[1, 0][..], &[1, 0][..]),
            (&[1, 1], &[1, 1]),
            (&[1], &[1]),
            (&[1, 9, 0, 0], &[1, 9, 0, 0]),
            (&[1, 0, 8, 2, 7, 2], &[1, 0, 8, 2, 7, 2]),
        ] {
            let good: &[u8] = if protocol == LCP {
                &[8, 2]
            } else {
                &[3, 6, 10, 64, 64, 64]
            };
            let mut asked = false;
            let peer = stick(&[], move |heard| {
                if heard.is(protocol, code::CONFIGURE_REJECT) {
                    return Some([packet(protocol, code::CONFIGURE_REQUEST, 2, good)].into());
                }
                if !heard.is(protocol, code::CONFIGURE_ACK) || core::mem::replace(&mut asked, true)
                {
                    return None;
                }
                let data = [good, broken].concat();
                Some([packet(protocol, code::CONFIGURE_REQUEST, 1, &data)].into())
            });
            let mut link = Link::new(client(), peer);
            link.run(2_000);
            if protocol == IPCP {
                let data = [good, broken].concat();
                link.inject(packet(IPCP, code::CONFIGURE_REQUEST, 7, &data));
            }
            link.run(10_000);
            let sent = link.sent.iter().map(|(_, one)| one);
            let mut rejects = sent.filter(|one| one.is(protocol, code::CONFIGURE_REJECT));
            assert_eq!(
                rejects.next().unwrap().data,
                rest,
                "{protocol:x} {broken:?}"
            );
            assert!(link.near.engine.counters().malformed > 0);
            assert_eq!(link.near.engine.phase(), Phase::Network);
            assert_eq!(link.near.end(), None);
        }
    }
}

#[test]
fn known_options_of_wrong_length_are_rejected() {
    for option in [
        &[1, 3, 5][..],
        &[2, 2],
        &[5, 3, 1],
        &[7, 3, 0],
        &[8, 4, 0, 0],
    ] {
        let mut end = End::up(client(), 1);
        end.drain(0);
        let said = end.handle(Event::Frame(&packet(LCP, 1, 1, option)), 1);
        let answer = Heard::read(&said[0]);
        assert_eq!((answer.code, &answer.data[..]), (4, option));
    }
}

#[test]
fn magic_number_zero_is_refused_until_it_is_gone() {
    let mut end = End::up(client(), 1);
    end.drain(0);
    for id in 1..=6 {
        let request = packet(LCP, 1, id, &[5, 6, 0, 0, 0, 0]);
        let answer = Heard::read(&end.handle(Event::Frame(&request), 1)[0]);
        if id <= 5 {
            assert_eq!(answer.code, code::CONFIGURE_NAK);
            assert_ne!(answer.option(5), Some(&[0; 4][..]));
        } else {
            assert_eq!(answer.code, code::CONFIGURE_REJECT);
        }
    }
    let said = end.handle(Event::Frame(&packet(LCP, 1, 7, &[])), 1);
    assert_eq!(Heard::read(&said[0]).code, code::CONFIGURE_ACK);
}

#[test]
fn protocol_reject_of_pending_auth_ends_the_link() {
    for (lcp, protocol, other) in [(ASK_PAP, PAP, CHAP), (ASK_CHAP, CHAP, PAP)] {
        let mut link = Link::new(
            client(),
            stick(lcp, |heard| heard.is(PAP, 1).then(Vec::new)),
        );
        link.run(1_000);
        let reject = |number: u16| packet(LCP, code::PROTOCOL_REJECT, 1, &number.to_be_bytes());
        link.inject(reject(other));
        link.run(2_000);
        assert_eq!(link.near.end(), None);
        link.inject(reject(protocol));
        link.run(3_000);
        let refused = Reason::Refused {
            protocol: Protocol(protocol),
            option: None,
        };
        assert_eq!(link.near.end().unwrap().1, &refused);
    }
}

#[test]
fn protocol_reject_of_ipv6cp_silences_it() {
    let config = Config {
        ipv6: true,
        ..client()
    };
    let mut link = Link::new(config, plain(&[]));
    link.run(5_000);
    link.inject(packet(
        LCP,
        code::PROTOCOL_REJECT,
        1,
        &[0x80, 0x57, 1, 1, 0, 4],
    ));
    link.run(5_100);
    let before = link.sent.len();
    link.inject(packet(IPV6CP, code::CONFIGURE_REQUEST, 9, &[]));
    link.run(14_000);
    assert!(link.near.has(&Output::Ipv6Down));
    assert_eq!(link.sent.len(), before, "{:?}", &link.sent[before..]);
    assert_eq!(link.near.end(), None);
}

#[test]
fn code_reject_of_a_required_code_ends_the_link() {
    for protocol in [LCP, IPCP] {
        for rejected in 1..=13 {
            let mut link = up();
            link.inject(packet(protocol, code::CODE_REJECT, 1, &[rejected, 1, 0, 4]));
            link.run(20_000);
            assert_eq!(
                link.near.end().is_some(),
                rejected <= 4,
                "{protocol:x} {rejected}"
            );
        }
    }
}

#[test]
fn ipcp_request_during_authentication_waits_its_turn() {
    let mut asked = 0;
    let peer = stick(ASK_PAP, move |heard| {
        asked += u8::from(heard.is(PAP, 1));
        let early = packet(IPCP, code::CONFIGURE_REQUEST, 77, &[]);
        (heard.is(PAP, 1) && asked == 1).then(|| [early].into())
    });
    let mut link = Link::new(client(), peer);
    link.run(2_000);
    assert_eq!(link.near.engine.phase(), Phase::Authenticate);
    assert_eq!(link.near.engine.counters().discarded, 1);
    assert_eq!(
        link.sent
            .iter()
            .filter(|(_, one)| one.protocol == IPCP)
            .count(),
        0
    );
    link.run(5_000);
    assert!(link.near.ipv4().is_some());
}

#[test]
fn late_answers_on_an_open_link_are_discarded() {
    let mut link = up();
    let ours = link.sent.iter().map(|(_, one)| one.clone());
    let ours: Vec<Heard> = ours
        .filter(|one| one.code == code::CONFIGURE_REQUEST)
        .collect();
    for one in &ours {
        for code in [
            code::CONFIGURE_ACK,
            code::CONFIGURE_NAK,
            code::CONFIGURE_REJECT,
        ] {
            link.inject(one.answer(code, &one.data));
        }
    }
    let sent = link.sent.len();
    link.run(6_000);
    assert_eq!(link.sent.len(), sent);
    assert_eq!(
        (
            link.times_reported(&Output::LcpDown),
            link.times_reported(&Output::Ipv4Down)
        ),
        (0, 0)
    );
}

#[test]
fn terminate_request_in_negotiation_does_not_end_it() {
    for protocol in [LCP, IPCP] {
        let mut asked = 0;
        let peer = stick(&[], move |heard| {
            asked += u8::from(heard.is(protocol, code::CONFIGURE_REQUEST));
            let goodbye = packet(protocol, code::TERMINATE_REQUEST, 9, &[]);
            (heard.is(protocol, code::CONFIGURE_REQUEST) && asked == 1).then(|| [goodbye].into())
        });
        let mut link = Link::new(client(), peer);
        link.run(10_000);
        assert_eq!(link.count(protocol, code::TERMINATE_ACK), 1);
        assert!(link.near.ipv4().is_some(), "{protocol:x}");
    }
}

#[test]
fn negotiation_begun_again_by_the_peer_opens_again() {
    for protocol in [LCP, IPCP] {
        let mut link = up();
        link.inject(packet(protocol, code::CONFIGURE_REQUEST, 50, &[]));
        link.run(6_000);
        if protocol == LCP {
            link.inject(packet(IPCP, code::CONFIGURE_REQUEST, 51, &[]));
        }
        link.run(10_000);
        assert_eq!(link.times_reported(&Output::Ipv4Down), 1);
        let ups = link.near.news.iter();
        let ups = ups.filter(|(_, news)| matches!(news, Output::Ipv4Up(_)));
        assert_eq!(ups.count(), 2, "{protocol:x}");
        assert_eq!(link.near.end(), None);
    }
}

#[test]
fn lcp_options_refused_again_and_again_are_left_out() {
    // Another MRU each time, which is never the right one.
    let mut last = 0;
    let peer = stick(&[], move |heard| {
        heard.option(1).filter(|_| heard.is(LCP, 1))?;
        last += 1;
        Some([heard.answer(code::CONFIGURE_NAK, &[1, 4, 4, last])].into())
    });
    let config = Config {
        mru: 1_400,
        ..client()
    };
    let mut link = Link::new(config, peer);
    link.run(5_000);
    assert!(link.near.ipv4().is_some());
    assert_eq!(link.near.lcp().unwrap().receive.mru, 1_500);
}
