//! What holds for any frames at any time.

use proptest::prelude::*;

use super::{stick::plain, *};

fn number() -> impl Strategy<Value = u16> {
    prop_oneof![
        4 => Just(LCP), 1 => Just(PAP), 1 => Just(CHAP), 3 => Just(IPCP), 2 => Just(IPV6CP),
        1 => Just(CCP), 1 => any::<u16>(),
    ]
}

/// Frames from nearly right to garbage.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let option =
        (0_u8..20, proptest::collection::vec(any::<u8>(), 0..9)).prop_map(|(kind, value)| {
            [&[kind, u8::try_from(value.len() + 2).unwrap()], &value[..]].concat()
        });
    let options = proptest::collection::vec(option, 0..6).prop_map(|all| all.concat());
    prop_oneof![
        4 => (number(), 0_u8..14, 0_u8..8, options)
            .prop_map(|(number, code, id, data)| packet(number, code, id, &data)),
        2 => (number(), any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..1490))
            .prop_map(|(number, code, id, data)| packet(number, code, id, &data)),
        1 => proptest::collection::vec(any::<u8>(), 0..1600),
        1 => (number(), proptest::collection::vec(any::<u8>(), 0..12))
            .prop_map(|(number, rest)| [&number.to_be_bytes()[..], &rest].concat()),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let auth = prop_oneof![
        Just(None),
        Just(Some(AuthProtocol::Pap)),
        Just(Some(AuthProtocol::ChapMd5)),
    ];
    (any::<bool>(), any::<bool>(), auth, any::<u16>()).prop_map(|(serves, ipv6, auth, mru)| {
        let base = if serves { server(auth) } else { client() };
        Config { mru, ipv6, ..base }
    })
}

/// Whatever it says fits the line and can be read.
fn check(frames: &[Vec<u8>]) {
    for frame in frames {
        assert!(frame.len() <= MAX_FRAME);
        Heard::read(frame);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_frames_at_any_time_end_in_bounded_time(
        config in config(),
        asks in prop_oneof![Just(&[][..]), Just(stick::ASK_PAP), Just(stick::ASK_CHAP)],
        steps in proptest::collection::vec((frame(), 0_u64..4_000), 0..40),
        closes in any::<bool>(),
    ) {
        let mut link = Link::new(config, plain(asks));
        for (frame, pause) in steps {
            let said = link.near.handle(Event::Frame(&frame), link.now);
            check(&said);
            let now = link.now + pause;
            link.run(now);
        }
        let quiet_from = link.now;
        if closes {
            link.close();
            link.run(quiet_from + 6_000);
            prop_assert!(link.near.end().is_some());
            prop_assert_eq!(link.near.engine.phase(), Phase::Dead);
        } else {
            // Up, or over: nothing lies between.
            link.run(quiet_from + 80_000);
            let up = link.near.ipv4().is_some() && link.near.engine.phase() == Phase::Network;
            prop_assert!(up || link.near.end().is_some(), "{}", link.near.engine.phase());
        }
    }

    #[test]
    fn any_frames_without_a_peer_never_come_to_harm(
        config in config(),
        frames in proptest::collection::vec(frame(), 0..80),
    ) {
        let mut end = End::up(config, 3);
        for frame in &frames {
            check(&end.handle(Event::Frame(frame), 1));
        }
        let counters = end.engine.counters();
        prop_assert_eq!(counters.received, u64::try_from(frames.len()).unwrap());
    }
}

#[test]
fn set_of_identifiers_holds_each_alone() {
    for id in 0..=u8::MAX {
        let mut ids = crate::ppp::ids::Ids::EMPTY;
        ids.insert(id);
        assert!((0..=u8::MAX).all(|other| ids.contains(other) == (other == id)));
    }
}

/// The bound on memory is the type: nothing in it points to a heap.
#[test]
fn the_engine_is_small() {
    assert!(size_of::<Engine>() < 8 * 1024, "{}", size_of::<Engine>());
}
