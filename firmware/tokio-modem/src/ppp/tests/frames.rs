//! Frames that cannot be read: counted, with the place.

use super::{stick::plain, *};

fn fed(frame: &[u8]) -> Counters {
    let mut link = Link::new(client(), plain(&[]));
    link.run(5_000);
    let before = link.near.engine.counters().malformed;
    link.inject(frame.to_vec());
    link.run(5_100);
    assert_eq!(link.near.end(), None);
    let counters = *link.near.engine.counters();
    assert!(counters.malformed - before <= 1);
    counters
}

#[test]
fn malformed_frames_are_counted_with_their_place() {
    let lcp = Some(Protocol::LCP);
    let ipcp = Some(Protocol::IPCP);
    let truncated = |expected, got| Fault::Truncated { expected, got };
    let long = [&[0xc0, 0x21][..], &[0; MAX_INFORMATION + 1]].concat();
    let cases: &[(&[u8], Option<Protocol>, usize, Fault)] = &[
        (&[], None, 0, truncated(2, 0)),
        (&[0xc0], None, 0, truncated(2, 1)),
        (&long, None, 0, Fault::Oversized(MAX_FRAME + 1)),
        (&[0xc0, 0x21], lcp, 2, truncated(4, 0)),
        (&[0xc0, 0x21, 1, 1, 0], lcp, 2, truncated(4, 3)),
        (&[0xc0, 0x21, 1, 1, 0, 3], lcp, 4, Fault::Length(3)),
        (&[0xc0, 0x21, 1, 1, 0, 9, 1, 4], lcp, 4, truncated(9, 6)),
        (&[0xc0, 0x21, 1, 1, 0, 5, 1], lcp, 6, truncated(2, 1)),
        (&[0xc0, 0x21, 1, 1, 0, 6, 1, 1], lcp, 7, Fault::Length(1)),
        (
            &[0xc0, 0x21, 1, 1, 0, 12, 8, 2, 1, 9, 0, 0, 0, 0],
            lcp,
            9,
            truncated(9, 6),
        ),
        (&[0xc0, 0x21, 3, 1, 0, 6, 1, 0], lcp, 7, Fault::Length(0)),
        (&[0xc0, 0x21, 8, 1, 0, 5, 0x80], lcp, 6, truncated(2, 1)),
        (&[0xc0, 0x21, 7, 1, 0, 4], lcp, 6, truncated(4, 0)),
        (&[0x80, 0x21, 1, 1, 0, 7, 3, 6, 0], ipcp, 7, truncated(6, 3)),
    ];
    for (frame, protocol, offset, fault) in cases {
        let expected = Malformed {
            protocol: *protocol,
            offset: *offset,
            fault: *fault,
        };
        let counters = fed(frame);
        assert_eq!(counters.malformed, 1, "{frame:x?}");
        assert_eq!(counters.last_malformed, Some(expected), "{frame:x?}");
    }
}

#[test]
fn padding_behind_a_packet_is_no_fault() {
    let mut echo = packet(LCP, code::ECHO_REQUEST, 1, &[0; 4]);
    echo.extend_from_slice(&[0xff; 20]);
    assert_eq!(fed(&echo).malformed, 0);
}

#[test]
fn ack_with_other_options_is_refused() {
    let mut end = End::up(client(), 1);
    let asked = Heard::read(&end.drain(0)[0]);
    let mut other = asked.data.clone();
    other[0] ^= 1;
    end.handle(Event::Frame(&asked.answer(code::CONFIGURE_ACK, &other)), 1);
    let malformed = end.engine.counters().last_malformed.unwrap();
    assert_eq!(malformed.fault, Fault::ForeignAck);
    end.handle(
        Event::Frame(&packet(LCP, code::CONFIGURE_REQUEST, 1, &[])),
        1,
    );
    assert_eq!(end.lcp(), None);
    end.handle(
        Event::Frame(&asked.answer(code::CONFIGURE_ACK, &asked.data)),
        2,
    );
    assert!(end.lcp().is_some());
}

#[test]
fn answers_to_older_requests_are_discarded() {
    let mut end = End::up(client(), 1);
    let asked = Heard::read(&end.drain(0)[0]);
    let stale = packet(
        LCP,
        code::CONFIGURE_ACK,
        asked.id.wrapping_sub(1),
        &asked.data,
    );
    end.handle(Event::Frame(&stale), 1);
    assert_eq!(end.engine.counters().discarded, 1);
    let reject = asked.answer(code::CONFIGURE_REJECT, &[8, 2]);
    assert_eq!(
        end.handle(Event::Frame(&reject), 1).len(),
        1,
        "a new request"
    );
    assert_eq!(
        end.handle(Event::Frame(&reject), 1).len(),
        0,
        "a copy of the answer"
    );
    assert_eq!(end.engine.counters().discarded, 2);
}

#[test]
fn a_copy_of_an_ack_does_not_begin_anew() {
    let mut end = End::up(client(), 1);
    let asked = Heard::read(&end.drain(0)[0]);
    let ack = asked.answer(code::CONFIGURE_ACK, &asked.data);
    for _ in 0..2 {
        assert!(
            end.handle(Event::Frame(&ack), 1).is_empty(),
            "before LCP is open"
        );
    }
    end.handle(
        Event::Frame(&packet(LCP, code::CONFIGURE_REQUEST, 1, &[])),
        1,
    );
    assert!(end.lcp().is_some());
    assert!(end.handle(Event::Frame(&ack), 1).is_empty(), "and after");
    assert!(!end.has(&Output::LcpDown));
    assert_eq!(end.engine.counters().discarded, 2);
}

#[test]
fn only_lcp_is_handled_before_lcp_opens() {
    let mut end = End::up(client(), 1);
    end.drain(0);
    for protocol in [PAP, CHAP, IPCP, IPV6CP, CCP, 0x0021, 0x0057] {
        let said = end.handle(Event::Frame(&packet(protocol, 1, 1, &[0; 8])), 1);
        assert!(said.is_empty(), "{protocol:#x}");
    }
    assert_eq!(end.engine.counters().discarded, 7);
    assert_eq!(end.engine.counters().protocols_rejected, 0);
}

/// A peer may say that it takes more than anybody has to.
#[test]
fn a_rejection_is_no_longer_than_any_frame() {
    let mut link = Link::new(client(), plain(&[1, 4, 0xff, 0xff]));
    link.run(5_000);
    link.inject([&[0x80, 0xfd][..], &[0xaa; MAX_INFORMATION]].concat());
    for protocol in [LCP, IPCP] {
        link.inject(packet(protocol, 77, 1, &[0xaa; MAX_INFORMATION - 4]));
    }
    link.run(6_000);
    for (protocol, code) in [
        (LCP, code::PROTOCOL_REJECT),
        (LCP, code::CODE_REJECT),
        (IPCP, code::CODE_REJECT),
    ] {
        let all = link.sent.iter().map(|(_, one)| one);
        let one = all.clone().find(|one| one.is(protocol, code)).unwrap();
        assert_eq!(one.data.len() + 4, MAX_INFORMATION);
    }
}

#[test]
fn every_fault_is_one_line() {
    for (fault, shown) in [
        (
            Fault::Truncated {
                expected: 4,
                got: 2,
            },
            "expected 4 bytes, got 2",
        ),
        (Fault::Oversized(2000), "frame of 2000 bytes is too long"),
        (Fault::Length(1), "length field says 1"),
        (
            Fault::ForeignAck,
            "acknowledged options differ from the request",
        ),
    ] {
        assert_eq!(format!("{fault}"), shown);
    }
}
