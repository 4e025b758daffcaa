//! Peers and lines whose answers come after the restart timer: an answer to any request that is
//! still open counts.

use std::collections::VecDeque;

use super::{
    link::{DELAY_MS, Peer},
    stick::{ASK_CHAP, ASK_PAP, plain, stick},
    strict::Strict,
    *,
};

/// A peer that takes so long to each answer, in milliseconds.
struct Late<F> {
    peer: F,
    delay: u64,
    due: VecDeque<(u64, Vec<u8>)>,
}

impl<F: FnMut(&[u8]) -> Vec<Vec<u8>>> Late<F> {
    fn new(delay: u64, peer: F) -> Self {
        Self {
            peer,
            delay,
            due: VecDeque::new(),
        }
    }
}

impl<F: FnMut(&[u8]) -> Vec<Vec<u8>>> Peer for Late<F> {
    fn take(&mut self, frame: &[u8], now: u64) -> Vec<Vec<u8>> {
        let said = (self.peer)(frame);
        let at = now + self.delay;
        self.due.extend(said.into_iter().map(|frame| (at, frame)));
        Vec::new()
    }

    fn tick(&mut self, now: u64) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        while self.due.front().is_some_and(|(at, _)| *at <= now) {
            said.extend(self.due.pop_front().map(|(_, frame)| frame));
        }
        said
    }

    fn deadline(&self) -> Option<u64> {
        self.due.front().map(|(at, _)| *at)
    }
}

/// A challenge as a packet.
fn challenge(id: u8) -> Vec<u8> {
    packet(CHAP, 1, id, &[4, 1, 2, 3, 4, b'x'])
}

/// An authenticator that sends its second challenge 3 s after the first, with an identifier of its
/// own, and says `verdict` to the responses with one of `to`.
fn challenger(to: Vec<u8>, verdict: u8) -> impl FnMut(&[u8]) -> Vec<Vec<u8>> {
    let mut begun = false;
    stick(ASK_CHAP, move |heard| match (heard.protocol, heard.code) {
        (LCP, code::CONFIGURE_ACK) if !core::mem::replace(&mut begun, true) => {
            Some([challenge(1)].into())
        }
        (CHAP, 2) if to.contains(&heard.id) => Some([heard.answer(verdict, b"")].into()),
        (CHAP, 2) => Some(Vec::new()),
        _ => None,
    })
}

#[test]
fn every_layer_opens_when_each_answer_is_late() {
    for late in [2_900, 3_000, 3_500, 5_900, 6_500, 9_500] {
        for lcp in [&[][..], ASK_PAP] {
            let config = Config {
                ipv6: true,
                ..client()
            };
            let mut link = Link::new(config, Late::new(late, plain(lcp)));
            link.run(60_000);
            assert!(
                link.near.ipv4().is_some(),
                "{late} ms: {:?}",
                link.near.end()
            );
            assert!(link.near.ipv6().is_some(), "{late} ms");
            // LCP, the password, a Nak and an Ack of IPCP, each late once, and the line.
            let mut news = link.near.news.iter();
            let (at, _) = news
                .rfind(|(_, news)| matches!(news, Output::Ipv4Up(_)))
                .unwrap();
            let rounds = if lcp.is_empty() { 3 } else { 4 };
            assert!(*at <= rounds * (late + 2 * DELAY_MS), "at {at} ms");
            assert_eq!(link.times_reported(&Output::LcpDown), 0, "{late} ms");
            assert_eq!(link.times_reported(&Output::Ipv4Down), 0, "{late} ms");
            link.run(120_000);
            assert_eq!(link.near.end(), None);
        }
    }
}

#[test]
fn pap_refusal_of_an_earlier_copy_ends_the_link() {
    let peer = stick(ASK_PAP, |heard| {
        heard
            .is(PAP, 1)
            .then(|| [heard.answer(3, b"\x02no")].into())
    });
    let mut link = Link::new(client(), Late::new(3_500, peer));
    link.run(20_000);
    let (_, reason) = link.near.end().unwrap();
    assert_eq!(format!("{reason}"), "authentication failed: no");
}

#[test]
fn pap_verdict_with_a_foreign_number_is_discarded() {
    // Numbers that no request had, before and behind those that were used.
    for offset in [100, 0xff] {
        let mut first = None;
        let peer = stick(ASK_PAP, move |heard| {
            heard.is(PAP, 1).then(|| {
                let first = *first.get_or_insert(heard.id);
                [packet(PAP, 2, first.wrapping_add(offset), &[0])].into()
            })
        });
        let mut link = Link::new(client(), peer);
        link.run(40_000);
        assert_eq!(link.near.engine.phase(), Phase::Authenticate);
    }
}

#[test]
fn pap_refusal_after_an_acknowledgement_is_discarded() {
    let mut asked = 0;
    let peer = stick(ASK_PAP, move |heard| {
        asked += u8::from(heard.is(PAP, 1));
        heard
            .is(PAP, 1)
            .then(|| [heard.answer(if asked == 1 { 2 } else { 3 }, &[0])].into())
    });
    let mut link = Link::new(client(), Late::new(3_500, peer));
    link.run(60_000);
    assert_eq!(link.count(PAP, 1), 2);
    assert!(link.near.ipv4().is_some() && link.near.end().is_none());
}

#[test]
fn chap_success_for_an_earlier_response_is_taken() {
    for (code, good) in [(3, true), (4, false)] {
        let mut link = Link::new(client(), Late::new(3_500, challenger([1].into(), code)));
        link.run(8_000);
        link.inject(challenge(2));
        link.run(20_000);
        assert_eq!(link.near.ipv4().is_some(), good);
        let end = link.near.end().map(|(_, reason)| reason);
        assert_eq!(matches!(end, Some(Reason::AuthFailed(_))), !good);
    }
}

#[test]
fn chap_challenge_sent_again_is_answered_again() {
    // The same number, as pppd does, and another, as the RFC wants it.
    for second in [1, 2] {
        let mut link = Link::new(client(), challenger([second].into(), 3));
        link.run(1_000);
        link.inject(challenge(second));
        link.run(10_000);
        assert!(link.near.ipv4().is_some(), "{second}");
        let answers = link.sent.iter().filter(|(_, one)| one.is(CHAP, 2));
        let ids: Vec<u8> = answers.map(|(_, one)| one.id).collect();
        assert!(ids.starts_with(&[1]) && ids.contains(&second), "{ids:?}");
    }
}

#[test]
fn chap_failure_after_success_is_discarded() {
    let mut link = Link::new(client(), challenger([1, 2].into(), 3));
    link.run(10_000);
    assert!(link.near.ipv4().is_some());
    link.inject(packet(CHAP, 4, 1, b"too late"));
    link.run(11_000);
    assert_eq!(link.near.end(), None);
    // But not that of the response to a new challenge.
    link.inject(challenge(9));
    link.inject(packet(CHAP, 4, 9, b"no credit"));
    link.run(20_000);
    let (_, reason) = link.near.end().unwrap();
    assert_eq!(format!("{reason}"), "authentication failed: no credit");
}

#[test]
fn chap_verdict_before_any_response_is_discarded() {
    let mut begun = false;
    let peer = stick(ASK_CHAP, move |heard| {
        let ack = heard.is(LCP, code::CONFIGURE_ACK) && !core::mem::replace(&mut begun, true);
        ack.then(|| [packet(CHAP, 3, 1, b"welcome"), packet(CHAP, 4, 1, b"")].into())
    });
    let mut link = Link::new(client(), peer);
    link.run(2_000);
    assert_eq!(link.near.engine.phase(), Phase::Authenticate);
    assert_eq!(link.near.engine.counters().discarded, 2);
}

/// Up to four times the restart timer there and back: each end has sent copies of its requests by the
/// time the link is open, and they arrive on an open link.
#[test]
fn two_ends_on_a_slow_line_open_once() {
    for delay in (40..6_000).step_by(170) {
        for auth in [None, Some(AuthProtocol::Pap), Some(AuthProtocol::ChapMd5)] {
            let [near, far] = [client(), server(auth)].map(|config| Config {
                ipv6: true,
                ..config
            });
            let mut link = Link::with_delay(near, End::up(far, 2), delay);
            link.run(60_000);
            for end in [&link.near, &link.far] {
                let open = end.ipv4().is_some() && end.ipv6().is_some();
                assert!(open, "{delay} ms, {auth:?}: {:?}", end.end());
                assert!(!end.has(&Output::LcpDown), "{delay} ms, {auth:?}");
                assert!(!end.has(&Output::Ipv4Down), "{delay} ms, {auth:?}");
            }
        }
    }
}

/// The same against a peer that takes each copy for a new negotiation and never waits longer.
#[test]
fn slow_line_to_a_peer_by_the_table_comes_to_rest() {
    for delay in (40..6_000).step_by(170) {
        let config = Config {
            echo: None,
            ..client()
        };
        let mut link = Link::with_delay(config, Strict::new(), delay);
        link.run(60_000);
        let end = link.near.end();
        assert!(link.near.ipv4().is_some(), "{delay} ms: {end:?}");
        assert!(link.times_reported(&Output::LcpDown) <= 1, "{delay} ms");
        let reported = link.near.news.len();
        link.run(300_000);
        assert_eq!(link.near.news.len(), reported, "{delay} ms: at rest");
        assert!(link.far.is_up(), "{delay} ms");
    }
}

#[test]
fn fast_line_to_a_peer_by_the_table_opens_at_once() {
    let mut link = Link::new(client(), Strict::new());
    link.run(1_000);
    assert!(link.near.ipv4().is_some() && link.far.is_up());
}

#[test]
fn copy_of_an_acknowledged_request_begins_nothing() {
    for protocol in [LCP, IPCP] {
        let mut link = Link::new(client(), plain(&[]));
        link.run(1_000);
        assert!(link.near.ipv4().is_some());
        let before = link.count(protocol, code::CONFIGURE_ACK);
        link.inject(packet(protocol, code::CONFIGURE_REQUEST, 1, &[]));
        link.run(2_000);
        assert_eq!(link.count(protocol, code::CONFIGURE_ACK), before + 1);
        assert_eq!(link.times_reported(&Output::LcpDown), 0);
        assert_eq!(link.times_reported(&Output::Ipv4Down), 0);
    }
}

/// A peer that started over may use the same number again; it is heard after twelve seconds.
#[test]
fn same_request_much_later_begins_a_negotiation() {
    for (protocol, id, at, again) in [
        (LCP, 1, 11_000, false),
        (LCP, 1, 13_000, true),
        (LCP, 2, 2_000, true),
        (IPCP, 1, 11_000, false),
        (IPCP, 1, 13_000, true),
        (IPCP, 2, 2_000, true),
    ] {
        let mut link = Link::new(client(), plain(&[]));
        link.run(at);
        let mut restarted = packet(protocol, code::CONFIGURE_REQUEST, id, &[]);
        link.inject(restarted.clone());
        link.run(at + 500);
        let down = if protocol == LCP {
            Output::LcpDown
        } else {
            Output::Ipv4Down
        };
        assert_eq!(
            link.times_reported(&down),
            usize::from(again),
            "{protocol:x} {id} {at}"
        );
        if again && protocol == LCP {
            // The plain stick asks for IPCP only once.
            restarted = packet(IPCP, code::CONFIGURE_REQUEST, 1, &[]);
            link.inject(restarted);
        }
        link.run(at + 5_000);
        let ups = link.near.news.iter();
        let ups = ups.filter(|(_, news)| matches!(news, Output::Ipv4Up(_)));
        assert_eq!(
            ups.count(),
            1 + usize::from(again),
            "{protocol:x} {id} {at}"
        );
    }
}
