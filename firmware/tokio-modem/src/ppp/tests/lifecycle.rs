//! Echoes, goodbyes, and what comes after the end.

use super::{
    stick::{plain, stick},
    *,
};

fn up(peer: impl FnMut(&[u8]) -> Vec<Vec<u8>>) -> Link<impl FnMut(&[u8]) -> Vec<Vec<u8>>> {
    up_with(client(), peer)
}

fn up_with(
    config: Config,
    peer: impl FnMut(&[u8]) -> Vec<Vec<u8>>,
) -> Link<impl FnMut(&[u8]) -> Vec<Vec<u8>>> {
    let mut link = Link::new(config, peer);
    link.run(5_000);
    assert!(link.near.ipv4().is_some());
    link
}

#[test]
fn echoes_without_answer_only_advise() {
    let mut link = up(stick(&[], |heard| {
        heard.is(LCP, code::ECHO_REQUEST).then(Vec::new)
    }));
    // A day, with no other frame meanwhile: every request finds its room.
    link.run(86_400_000);
    assert_eq!(link.near.end(), None);
    let unanswered = link.near.engine.echo_unanswered();
    assert!(unanswered > 5_700, "{unanswered}");
    assert!(link.near.has(&Output::EchoUnanswered(unanswered)));
}

#[test]
fn echoes_without_pause_have_one_all_the_same() {
    for (interval, expected) in [(0, 50..=100), (1, 50..=100), (u64::MAX, 0..=0)] {
        let asked = core::cell::Cell::new(0);
        let peer = stick(&[], |heard| {
            asked.set(asked.get() + u32::from(heard.is(LCP, code::ECHO_REQUEST)));
            None
        });
        let limit = Some(3);
        let echo = Some(Echo { interval, limit });
        let mut link = up_with(Config { echo, ..client() }, peer);
        asked.set(0);
        link.run(10_000);
        assert_eq!(link.near.end(), None);
        assert!(
            expected.contains(&asked.get()),
            "{interval}: {}",
            asked.get()
        );
    }
}

#[test]
fn echoes_without_answer_end_the_link_where_wanted() {
    let config = Config {
        echo: Some(Echo {
            interval: 10_000,
            limit: Some(3),
        }),
        ..client()
    };
    let peer = stick(&[], |heard| {
        heard.is(LCP, code::ECHO_REQUEST).then(Vec::new)
    });
    let mut link = up_with(config, peer);
    link.run(120_000);
    let (at, reason) = link.near.end().unwrap();
    assert_eq!(reason, &Reason::EchoTimeout { unanswered: 3 });
    assert!((40_000..41_000).contains(&at), "at {at} ms");
}

#[test]
fn an_answer_makes_up_for_those_that_were_lost() {
    let config = Config {
        echo: Some(Echo {
            interval: 10_000,
            limit: Some(3),
        }),
        ..client()
    };
    let mut asked = 0;
    let peer = stick(&[], move |heard| {
        asked += u32::from(heard.is(LCP, code::ECHO_REQUEST));
        (heard.is(LCP, code::ECHO_REQUEST) && asked % 3 != 0).then(Vec::new)
    });
    let mut link = up_with(config, peer);
    link.run(600_000);
    assert_eq!(link.near.end(), None);
    assert!(link.near.has(&Output::EchoUnanswered(2)));
}

#[test]
fn a_peer_that_rejects_echoes_is_asked_no_more() {
    let mut link = up(stick(&[], |heard| {
        let back = [&[heard.code, heard.id, 0, 8][..], &heard.data].concat();
        let reject = packet(LCP, code::CODE_REJECT, 9, &back);
        heard.is(LCP, code::ECHO_REQUEST).then(|| [reject].into())
    }));
    link.run(600_000);
    assert_eq!(link.count(LCP, code::ECHO_REQUEST), 1);
    assert_eq!(
        (link.near.end(), link.near.engine.echo_unanswered()),
        (None, 0)
    );
}

#[test]
fn no_echoes_where_none_are_wanted() {
    let mut link = up_with(
        Config {
            echo: None,
            ..client()
        },
        plain(&[]),
    );
    link.run(600_000);
    assert_eq!(link.count(LCP, code::ECHO_REQUEST), 0);
    assert_eq!(link.near.engine.next_deadline(), None);
}

#[test]
fn an_echo_request_is_answered_with_our_magic() {
    let mut link = up(plain(&[]));
    let data = [&[1, 2, 3, 4][..], &[0x55; MAX_INFORMATION - 8]].concat();
    link.inject(packet(LCP, code::ECHO_REQUEST, 42, &data));
    link.run(6_000);
    let reply = link
        .sent
        .iter()
        .find(|(_, one)| one.is(LCP, code::ECHO_REPLY));
    let reply = &reply.unwrap().1;
    let magic = link.near.lcp().unwrap().receive.magic.unwrap();
    assert_eq!((reply.id, &reply.data[..4]), (42, &magic.to_be_bytes()[..]));
    assert_eq!(reply.data[4..], data[4..]);
}

#[test]
fn a_peer_that_ends_the_call_is_answered_and_quoted() {
    let mut link = up(plain(&[]));
    link.inject(packet(LCP, code::TERMINATE_REQUEST, 5, b"24 h\nare over"));
    link.run(20_000);
    let (at, reason) = link.near.end().unwrap();
    assert_eq!(
        format!("{reason}"),
        "the peer ended the call: 24 h.are over"
    );
    assert!(at <= 6_100, "at {at} ms");
    assert_eq!(link.count(LCP, code::TERMINATE_ACK), 1);
    let news: Vec<_> = link
        .near
        .news
        .iter()
        .rev()
        .take(3)
        .map(|(_, news)| news.clone())
        .collect();
    assert!(matches!(
        news[..],
        [Output::Finished(_), Output::LcpDown, Output::Ipv4Down]
    ));
}

#[test]
fn a_peer_that_closes_ipcp_leaves_nothing() {
    let mut link = up(plain(&[]));
    link.inject(packet(IPCP, code::TERMINATE_REQUEST, 5, &[]));
    link.run(20_000);
    let (at, reason) = link.near.end().unwrap();
    assert_eq!(
        reason,
        &Reason::NetworkClosed {
            protocol: Protocol::IPCP
        }
    );
    assert!(at < 8_000, "at {at} ms");
    assert_eq!(link.count(IPCP, code::TERMINATE_ACK), 1);
}

#[test]
fn close_without_an_answer_ends_in_six_seconds() {
    for run_ms in [0, 5_000] {
        let peer = stick(&[], |heard| {
            heard.is(LCP, code::TERMINATE_REQUEST).then(Vec::new)
        });
        let mut link = Link::new(client(), peer);
        link.run(run_ms);
        link.close();
        link.run(60_000);
        let (at, reason) = link.near.end().unwrap();
        assert_eq!((at, reason), (run_ms + 6_000, &Reason::Closed));
        assert_eq!(link.count(LCP, code::TERMINATE_REQUEST), 2);
    }
}

#[test]
fn a_line_that_goes_down_ends_at_once_in_any_phase() {
    for run_ms in [0, 50, 100, 150, 200, 250, 300, 350, 400, 5_000] {
        let mut link = Link::new(client(), plain(stick::ASK_PAP));
        link.run(run_ms);
        let frames = link.near.handle(Event::LowerDown, link.now);
        assert!(frames.is_empty());
        assert_eq!(link.near.end(), Some((link.now, &Reason::LowerDown)));
        assert_eq!(link.near.engine.next_deadline(), None);
        let opened = link.near.has(&Output::LcpDown);
        assert_eq!(opened, link.near.lcp().is_some());
    }
}

#[test]
fn first_reason_is_reported() {
    let mut link = up(plain(&[]));
    link.inject(packet(CHAP, 4, 1, b"not for us"));
    link.inject(packet(LCP, code::PROTOCOL_REJECT, 1, &[0x80, 0x21]));
    link.run(5_060);
    link.close();
    link.near.handle(Event::LowerDown, link.now);
    let refused = Reason::Refused {
        protocol: Protocol::IPCP,
        option: None,
    };
    assert_eq!(link.near.end().unwrap().1, &refused);
}

/// Whoever hears of the end takes the line down; until then nothing comes up again behind it.
#[test]
fn after_the_end_the_peer_cannot_begin_anew() {
    let mut link = up(plain(&[]));
    link.inject(packet(LCP, code::TERMINATE_REQUEST, 5, &[]));
    link.run(20_000);
    assert!(link.near.end().is_some());
    let news = link.near.news.len();
    link.inject(packet(LCP, code::CONFIGURE_REQUEST, 6, &[]));
    link.run(120_000);
    assert_eq!(link.near.news.len(), news, "{:?}", &link.near.news[news..]);
    assert_eq!(link.near.engine.phase(), Phase::Dead);
    assert_eq!(link.near.engine.next_deadline(), None);
}

#[test]
fn an_engine_serves_the_next_call_too() {
    let mut engine = End::up(client(), 1);
    for call in 1..=3_u64 {
        let now = call * 1_000_000;
        engine.handle(Event::LowerDown, now);
        engine.news.clear();
        engine.handle(Event::Open, now);
        let frames = engine.handle(Event::LowerUp, now);
        assert_eq!(frames.len(), 1, "call {call}");
        assert_eq!(engine.engine.phase(), Phase::Establish);
        engine.handle(
            Event::Frame(&packet(LCP, code::TERMINATE_REQUEST, 1, b"busy")),
            now,
        );
        engine.handle(Event::Close, now);
        engine.handle(Event::Frame(&packet(LCP, code::TERMINATE_ACK, 2, &[])), now);
        let ended = engine
            .news
            .iter()
            .filter(|(_, news)| matches!(news, Output::Finished(_)));
        assert_eq!(ended.count(), 1, "call {call}");
    }
}

#[test]
fn events_out_of_place_change_nothing() {
    let mut end = End {
        engine: Engine::new(client(), 1, 0),
        news: Vec::new(),
    };
    for event in [
        Event::Tick,
        Event::LowerDown,
        Event::Close,
        Event::Frame(&[0xc0, 0x21, 1, 1, 0, 4]),
    ] {
        assert!(
            end.handle(event, 0).is_empty() && end.news.is_empty(),
            "{event:?}"
        );
    }
    assert_eq!(end.engine.next_deadline(), None);
    assert_eq!(end.handle(Event::Open, 0).len(), 0);
    assert_eq!(end.handle(Event::LowerUp, 0).len(), 1);
    assert_eq!(end.handle(Event::LowerUp, 0).len(), 0);
}
