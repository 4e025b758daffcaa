//! Peers with which there is no end by itself: each ends in bounded time with its reason.

use super::{
    stick::{offer, plain, stick},
    *,
};

/// The limit of a negotiation and a goodbye.
const BOUND_MS: u64 = 60_000 + 6_100;

/// Runs against a peer for ten minutes: when and why it ended. The same engine then calls a good
/// one.
fn outcome(config: Config, peer: impl FnMut(&[u8]) -> Vec<Vec<u8>>) -> (u64, Reason) {
    let mut link = Link::new(config, peer);
    link.run(600_000);
    let (at, reason) = link.near.end().expect("an end");
    assert!(at <= BOUND_MS, "{reason} at {at} ms");
    assert_eq!(link.near.engine.phase(), Phase::Dead);
    assert_eq!(link.near.engine.next_deadline(), None, "it is at rest");
    assert!(link.sent.len() < 2_000, "{} frames", link.sent.len());
    let reason = reason.clone();
    redial(link);
    (at, reason)
}

fn redial<P: link::Peer>(link: Link<P>) {
    let mut next = link.dial_again(plain(&[]));
    next.run(next.now + 5_000);
    assert!(next.near.ipv4().is_some(), "the next call opens");
    assert_eq!(next.near.end(), None);
}

#[test]
fn silence_from_the_start() {
    let (at, reason) = outcome(client(), |_: &[u8]| Vec::new());
    assert_eq!(
        reason,
        Reason::NegotiationTimeout {
            phase: Phase::Establish
        }
    );
    assert_eq!(at, 60_000, "the limit, without a goodbye");
}

#[test]
fn silence_at_ipcp() {
    let peer = stick(&[], |heard| (heard.protocol == IPCP).then(Vec::new));
    let (at, reason) = outcome(client(), peer);
    assert_eq!(
        reason,
        Reason::NegotiationTimeout {
            phase: Phase::Network
        }
    );
    assert!((60_000..61_000).contains(&at), "at {at} ms");
}

#[test]
fn a_peer_that_answers_but_never_asks() {
    for silent in [LCP, IPCP] {
        let peer = stick(&[], move |heard| {
            (heard.protocol == silent && heard.code == code::CONFIGURE_REQUEST)
                .then(|| [heard.answer(code::CONFIGURE_ACK, &heard.data)].into())
        });
        let (_, reason) = outcome(
            Config {
                dns: false,
                ..client()
            },
            peer,
        );
        let phase = if silent == LCP {
            Phase::Establish
        } else {
            Phase::Network
        };
        assert_eq!(reason, Reason::NegotiationTimeout { phase });
    }
}

#[test]
fn naks_for_ever() {
    let lcp = |heard: &Heard| {
        let magic = heard.option(5).map(|magic| [&[5, 6][..], magic].concat());
        let nak = magic.unwrap_or_else(|| [1, 4, 5, 0].to_vec());
        heard
            .is(LCP, code::CONFIGURE_REQUEST)
            .then(|| [heard.answer(code::CONFIGURE_NAK, &nak)].into())
    };
    let (_, reason) = outcome(client(), stick(&[], lcp));
    assert_eq!(
        reason,
        Reason::NoAgreement {
            protocol: Protocol::LCP
        }
    );

    // Another address each time, or the same that is not agreed to.
    for moves in [true, false] {
        let mut last = 0;
        let peer = stick(&[], move |heard| {
            last += u8::from(moves);
            let data = offer(Ipv4Addr::new(10, 0, 0, last), DNS);
            heard
                .is(IPCP, code::CONFIGURE_REQUEST)
                .then(|| [heard.answer(code::CONFIGURE_NAK, &data)].into())
        });
        let (_, reason) = outcome(client(), peer);
        assert_eq!(
            reason,
            Reason::NoAgreement {
                protocol: Protocol::IPCP
            }
        );
    }
}

#[test]
fn everything_is_rejected() {
    for protocol in [LCP, IPCP] {
        let peer = stick(&[], move |heard| {
            heard
                .is(protocol, code::CONFIGURE_REQUEST)
                .then(|| [heard.answer(code::CONFIGURE_REJECT, &heard.data)].into())
        });
        let (_, reason) = outcome(client(), peer);
        let expected = match protocol {
            // Nothing is left to reject, and it is rejected.
            LCP => Reason::NoAgreement {
                protocol: Protocol::LCP,
            },
            _ => Reason::Refused {
                protocol: Protocol::IPCP,
                option: Some(3),
            },
        };
        assert_eq!(reason, expected);
    }
}

#[test]
fn a_looped_line_is_known_by_its_magic() {
    let (at, reason) = outcome(client(), |frame: &[u8]| [frame.to_vec()].into());
    assert_eq!(reason, Reason::LoopDetected);
    assert!(at < 30_000, "at {at} ms");
}

#[test]
fn a_line_that_loops_later_is_known_by_its_echoes() {
    let mut looped = stick(&[], |heard| {
        let echo = heard.is(LCP, code::ECHO_REQUEST);
        let back = packet(LCP, heard.code, heard.id, &heard.data);
        echo.then(|| [back].into())
    });
    let mut link = Link::new(client(), &mut looped);
    link.run(300_000);
    let (at, reason) = link.near.end().unwrap();
    assert_eq!(reason, &Reason::LoopDetected);
    assert!(at < 20_000, "at {at} ms: the first echo is sent after 15 s");
    redial(link);
}

#[test]
fn echo_replies_with_our_magic_are_no_loop() {
    let mut lazy = stick(&[], |heard| {
        let echo = heard.is(LCP, code::ECHO_REQUEST);
        let back = packet(LCP, code::ECHO_REPLY, heard.id, &heard.data);
        echo.then(|| [back].into())
    });
    let mut link = Link::new(client(), &mut lazy);
    link.run(3_600_000);
    assert_eq!(link.near.end(), None);
}

#[test]
fn a_peer_that_insists_on_what_we_cannot_take() {
    // Multilink, and an authentication that nobody knows; each answer is asked with anew.
    for options in [&[17, 4, 5, 0xdc][..], &[3, 4, 0xc2, 0x27]] {
        let config = Config {
            allow_pap: false,
            ..client()
        };
        let mut id = 0;
        let peer = stick(&[], move |heard| {
            if heard.protocol != LCP || heard.code > code::CONFIGURE_REJECT {
                return None;
            }
            id += u8::from(id < 200);
            let mut said = [packet(LCP, code::CONFIGURE_REQUEST, id, options)].to_vec();
            if heard.code == code::CONFIGURE_REQUEST {
                said.push(heard.answer(code::CONFIGURE_ACK, &heard.data));
            }
            Some(said)
        });
        let mut link = Link::new(config, peer);
        link.run(600_000);
        let (at, reason) = link.near.end().expect("an end");
        assert!(at <= BOUND_MS, "at {at} ms");
        assert_eq!(
            reason,
            &Reason::NegotiationTimeout {
                phase: Phase::Establish
            }
        );
        let naks = link.count(LCP, code::CONFIGURE_NAK);
        assert!(naks <= 5, "{naks} Naks, then Rejects");
        redial(link);
    }
}

/// LCP opens and is begun anew, over and over.
#[test]
fn a_peer_that_always_begins_anew() {
    let mut id = 0;
    let peer = stick(&[], move |heard| {
        if heard.is(IPCP, code::CONFIGURE_REQUEST) {
            id = 1 + id % 200;
            return Some([packet(LCP, code::CONFIGURE_REQUEST, id, &[])].into());
        }
        (heard.is(LCP, code::CONFIGURE_REQUEST) && id > 0)
            .then(|| [heard.answer(code::CONFIGURE_ACK, &heard.data)].into())
    });
    // A round takes a few delays of the line: the bound is time, not rounds.
    let mut link = Link::new(client(), peer);
    link.run(600_000);
    let (at, reason) = link.near.end().expect("an end");
    assert!(at <= BOUND_MS, "at {at} ms");
    assert!(
        matches!(reason, Reason::NegotiationTimeout { .. }),
        "{reason}"
    );
    redial(link);
}

/// A thousand frames a second from the start, of everything that asks for an answer.
#[test]
fn a_flood() {
    let flood = [
        packet(LCP, code::ECHO_REQUEST, 1, &[0; 1_400]),
        packet(LCP, code::CONFIGURE_REQUEST, 2, &[17, 4, 5, 0xdc]),
        packet(LCP, 77, 3, &[0xaa; 1_400]),
        packet(IPCP, code::CONFIGURE_REQUEST, 4, &[3, 6, 0, 0, 0, 0]),
        packet(CCP, code::CONFIGURE_REQUEST, 5, &[26, 4, 0, 0]),
        [&[0xc0, 0x21][..], &[0xff; MAX_INFORMATION + 9]].concat(),
        [0xc0].to_vec(),
    ];
    let mut link = Link::new(client(), plain(&[]));
    let mut frames = flood.iter().cycle();
    let mut answers = link.near.drain(0).len();
    for now in 0..BOUND_MS {
        answers += link
            .near
            .handle(Event::Frame(frames.next().unwrap()), now)
            .len();
        answers += link.near.handle(Event::Tick, now).len();
        link.now = now;
        if link.near.end().is_some() {
            break;
        }
    }
    let (at, reason) = link.near.end().expect("an end");
    assert!(at < BOUND_MS, "at {at} ms");
    let phase = Phase::Establish;
    assert_eq!(reason, &Reason::NegotiationTimeout { phase });
    let heard = usize::try_from(link.near.engine.counters().received).unwrap();
    assert!(answers <= heard + 40, "{answers} answers to {heard} frames");
    redial(link);
}

/// The same flood on a link that is up is borne: no frame gets more than one answer.
#[test]
fn a_flood_later() {
    let mut link = Link::new(client(), plain(&[]));
    link.run(5_000);
    assert!(link.near.ipv4().is_some());
    let reject = packet(CCP, code::CONFIGURE_REQUEST, 5, &[26, 4, 0, 0]);
    let echo = packet(LCP, code::ECHO_REQUEST, 1, &[0; 1_400]);
    for _ in 0..5_000 {
        for frame in [&reject, &echo] {
            assert_eq!(link.near.handle(Event::Frame(frame), link.now).len(), 1);
        }
    }
    assert_eq!(link.near.end(), None);
    link.close();
    link.run(link.now + 7_000);
    assert_eq!(link.near.end().unwrap().1, &Reason::Closed);
    redial(link);
}

#[test]
fn a_limit_of_its_own_is_kept() {
    let config = Config {
        negotiation_limit: 5_000,
        ..client()
    };
    let (at, reason) = outcome(config, |_: &[u8]| Vec::new());
    assert_eq!(
        reason,
        Reason::NegotiationTimeout {
            phase: Phase::Establish
        }
    );
    assert_eq!(
        at,
        5_000 + 6_000,
        "the limit, and two goodbyes without answer"
    );
}
