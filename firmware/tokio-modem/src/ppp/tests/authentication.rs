//! Proving who we are to sticks of all manners.

use super::{
    stick::{ASK_CHAP, ASK_PAP, stick},
    *,
};

/// A challenge and its response, computed apart from the engine: MD5 over 7, "secret", 0 to 15.
const CHALLENGE: [u8; 17] = [16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

#[test]
fn pap_takes_a_verdict_in_any_form() {
    for words in [&b""[..], b"\0", b"\x02ok", b"\xffcut"] {
        let words = words.to_vec();
        let peer = stick(ASK_PAP, move |heard| {
            heard.is(PAP, 1).then(|| [heard.answer(2, &words)].into())
        });
        let mut link = Link::new(client(), peer);
        link.run(5_000);
        assert!(link.near.has(&Output::Authenticated(AuthProtocol::Pap)));
        assert!(link.near.ipv4().is_some());
        let (_, asked) = link.sent.iter().find(|(_, one)| one.is(PAP, 1)).unwrap();
        assert_eq!(asked.data, b"\x05gdata\x06secret");
    }
}

#[test]
fn auth_failure_carries_sanitised_text() {
    for (words, shown) in [
        (&b"\x05wrong"[..], "authentication failed: wrong"),
        (b"\x05w\x1b[2J", "authentication failed: w.[2J"),
        (b"\0", "authentication failed"),
        (b"", "authentication failed"),
    ] {
        let peer = stick(ASK_PAP, move |heard| {
            heard.is(PAP, 1).then(|| [heard.answer(3, words)].into())
        });
        let mut link = Link::new(client(), peer);
        link.run(20_000);
        let (at, reason) = link.near.end().unwrap();
        assert_eq!(format!("{reason}"), shown);
        assert!(at < 1_000);
        assert_eq!(
            link.count(LCP, code::TERMINATE_REQUEST),
            1,
            "it says goodbye"
        );
    }
}

#[test]
fn a_chap_response_is_the_digest_of_rfc_1994() {
    let mut asked = false;
    let peer = stick(ASK_CHAP, move |heard| match (heard.protocol, heard.code) {
        (LCP, code::CONFIGURE_ACK) if !core::mem::replace(&mut asked, true) => {
            let challenge = [&CHALLENGE[..], b"ggsn"].concat();
            Some([packet(CHAP, 1, 7, &challenge)].into())
        }
        (CHAP, 2) => Some([heard.answer(3, b"welcome")].into()),
        _ => None,
    });
    let mut link = Link::new(client(), peer);
    link.run(5_000);
    assert!(link.near.has(&Output::Authenticated(AuthProtocol::ChapMd5)));
    let (_, response) = link.sent.iter().find(|(_, one)| one.is(CHAP, 2)).unwrap();
    let digest = [
        0x82, 0x16, 0x43, 0x66, 0x5b, 0x43, 0x03, 0x59, 0xe5, 0x2a, 0xc5, 0x24, 0xd2, 0x9c, 0x8f,
        0x95,
    ];
    assert_eq!((response.id, response.data[0]), (7, 16));
    assert_eq!(response.data[1..17], digest);
    assert_eq!(&response.data[17..], b"gdata");

    // Asked again while the link is up: answered, and nothing else happens.
    let news = link.near.news.len();
    link.inject(packet(CHAP, 1, 8, &CHALLENGE));
    link.run(6_000);
    assert_eq!(link.count(CHAP, 2), 2);
    assert_eq!(link.near.news.len(), news);
    link.inject(packet(CHAP, 4, 8, b"no more credit"));
    link.run(10_000);
    let (_, reason) = link.near.end().unwrap();
    assert_eq!(format!("{reason}"), "authentication failed: no more credit");
}

#[test]
fn a_verdict_on_something_else_is_discarded() {
    for verdict in [2, 3] {
        let peer = stick(ASK_PAP, move |heard| {
            heard.is(PAP, 1).then(|| {
                let stray = packet(PAP, verdict, heard.id.wrapping_sub(1), &[0]);
                [stray, packet(CHAP, 3, heard.id, &[])].into()
            })
        });
        let mut link = Link::new(client(), peer);
        link.run(2_000);
        assert_eq!(link.near.engine.phase(), Phase::Authenticate);
        assert_eq!(link.near.engine.counters().discarded, 2);
        assert_eq!(link.near.end(), None);
    }
}

#[test]
fn lost_verdicts_are_asked_for_again() {
    for (lcp, protocol, code) in [(ASK_PAP, PAP, 1), (ASK_CHAP, CHAP, 2)] {
        let (mut answers, mut asked) = (0, false);
        let peer = stick(lcp, move |heard| match (heard.protocol, heard.code) {
            (CHAP | PAP, _) => {
                answers += 1;
                let good = if protocol == PAP { 2 } else { 3 };
                Some(if answers > 2 {
                    [heard.answer(good, &[])].into()
                } else {
                    Vec::new()
                })
            }
            (LCP, code::CONFIGURE_ACK) if protocol == CHAP && !asked => {
                asked = true;
                Some([packet(CHAP, 1, 1, &CHALLENGE)].into())
            }
            _ => None,
        });
        let mut link = Link::new(client(), peer);
        link.run(20_000);
        assert!(link.near.ipv4().is_some());
        assert_eq!(link.count(protocol, code), 3);
    }
}

#[test]
fn silence_at_authentication_ends_in_bounded_time() {
    for (lcp, requests) in [(ASK_PAP, 20), (ASK_CHAP, 0)] {
        let peer = stick(lcp, |heard| (heard.protocol != LCP).then(Vec::new));
        let mut link = Link::new(client(), peer);
        link.run(100_000);
        let (at, reason) = link.near.end().unwrap();
        assert_eq!(
            reason,
            &Reason::NegotiationTimeout {
                phase: Phase::Authenticate
            }
        );
        assert!((60_000..61_000).contains(&at), "at {at} ms");
        assert_eq!(link.count(PAP, 1), requests);
        let mut next = link.dial_again(stick::plain(lcp));
        next.run(next.now + 5_000);
        // The plain stick asks for CHAP, and then sends no challenge.
        assert_eq!(next.near.ipv4().is_some(), lcp == ASK_PAP);
    }
}

#[test]
fn a_server_gives_up_a_client_that_says_nothing() {
    for auth in [AuthProtocol::Pap, AuthProtocol::ChapMd5] {
        let peer = stick(&[], |heard| (heard.protocol != LCP).then(Vec::new));
        let mut link = Link::new(server(Some(auth)), peer);
        link.run(100_000);
        let (at, reason) = link.near.end().unwrap();
        assert_eq!(
            reason,
            &Reason::NegotiationTimeout {
                phase: Phase::Authenticate
            }
        );
        assert!((60_000..61_000).contains(&at), "at {at} ms");
    }
}

#[test]
fn late_auth_failure_after_a_fake_success_is_reported() {
    // Everything is accepted; the network's refusal comes as the end of IPCP.
    let mut asked = 0;
    let peer = stick(ASK_PAP, move |heard| {
        if heard.is(IPCP, code::CONFIGURE_REQUEST) {
            asked += 1;
            let data = stick::offer(Ipv4Addr::UNSPECIFIED, [Ipv4Addr::new(10, 11, 12, 13); 2]);
            let wait = heard.answer(code::CONFIGURE_NAK, &data);
            let end = packet(LCP, code::TERMINATE_REQUEST, 9, b"activation rejected");
            return Some([if asked < 4 { wait } else { end }].into());
        }
        None
    });
    let mut link = Link::new(client(), peer);
    link.run(60_000);
    assert!(link.near.has(&Output::Authenticated(AuthProtocol::Pap)));
    let (at, reason) = link.near.end().unwrap();
    assert_eq!(
        format!("{reason}"),
        "the peer ended the call: activation rejected"
    );
    assert!(at < 10_000, "at {at} ms");
    assert_eq!(link.near.ipv4(), None);
    let mut next = link.dial_again(stick::plain(ASK_PAP));
    next.run(next.now + 5_000);
    assert!(next.near.ipv4().is_some(), "the next call opens");
}
