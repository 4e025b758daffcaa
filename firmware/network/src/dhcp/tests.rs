//! Tests of the client on virtual time, against a simulated server.

use std::net::Ipv4Addr;

use failberry_state::BootMillis;
use proptest::prelude::*;

use super::{
    Action, Client, Destination, Event, Identity, Kind, Lease, Message, Op, Options, Random,
};

const MAC: [u8; 6] = [0xB8, 0x27, 0xEB, 1, 2, 3];
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 50);
const UNSPECIFIED: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const START: BootMillis = BootMillis(5_000);

fn client(lease: Option<Lease>) -> Client {
    let identity = Identity {
        mac: MAC,
        hostname: "failberrypi".into(),
    };
    Client::new(identity, lease, Random::seeded(7))
}

/// Returns the one message among `actions`, and its destination.
fn sent(actions: &[Action]) -> (Message, Destination) {
    let mut sends = actions.iter().filter_map(|action| match action {
        Action::Send(message, to) => Some((message.clone(), *to)),
        _ => None,
    });
    let only = sends
        .next()
        .unwrap_or_else(|| panic!("nothing sent: {actions:?}"));
    assert!(sends.next().is_none(), "sent twice: {actions:?}");
    only
}

fn answer(request: &Message, kind: Kind) -> Message {
    Message {
        op: Op::Reply,
        xid: request.xid,
        secs: 0,
        broadcast: false,
        ciaddr: UNSPECIFIED,
        yiaddr: ADDRESS,
        mac: MAC,
        options: Options {
            kind: Some(kind),
            mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
            routers: vec![SERVER],
            dns: vec![SERVER, Ipv4Addr::new(9, 9, 9, 9)],
            lease: Some(3600),
            server: Some(SERVER),
            ..Options::default()
        },
    }
}

fn on_answer(client: &mut Client, message: Message, now: BootMillis) -> Vec<Action> {
    client.step(Event::Answer(Box::new(message)), now)
}

/// Returns a client that has leased [`ADDRESS`] for an hour at [`START`].
fn bound() -> Client {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    let (request, _) = sent(&on_answer(
        &mut client,
        answer(&discover, Kind::Offer),
        START,
    ));
    on_answer(&mut client, answer(&request, Kind::Ack), START);
    assert!(client.lease().is_some());
    client
}

/// Advances time to `until`; returns the actions and their times.
fn run(client: &mut Client, until: BootMillis) -> Vec<(BootMillis, Vec<Action>)> {
    let mut done = Vec::new();
    while let Some(at) = client.deadline().filter(|at| *at <= until) {
        let actions = client.step(Event::Tick, at);
        assert!(
            client.deadline().is_none_or(|next| next > at),
            "time stands still"
        );
        done.push((at, actions));
    }
    done
}

fn after(seconds: u64) -> BootMillis {
    START.plus(seconds * 1000)
}

#[test]
fn discover_offer_request_ack() {
    let mut client = client(None);
    assert_eq!(client.step(Event::Tick, START), []);
    let (discover, to) = sent(&client.step(Event::CableIn, START));
    assert_eq!(to, Destination::Broadcast(UNSPECIFIED));
    assert_eq!(discover.options.kind, Some(Kind::Discover));
    assert!(
        discover.broadcast,
        "an answer to an address not yet set would not arrive"
    );
    assert_eq!(discover.options.client_id, [1, 0xB8, 0x27, 0xEB, 1, 2, 3]);
    assert_eq!(discover.options.hostname, "failberrypi");
    assert_eq!(
        discover.options.parameters,
        [1, 3, 6, 15, 28, 51, 54, 58, 59]
    );
    assert_eq!(discover.options.requested, None);

    let actions = on_answer(&mut client, answer(&discover, Kind::Offer), START.plus(30));
    let (request, to) = sent(&actions);
    assert_eq!(to, Destination::Broadcast(UNSPECIFIED));
    assert_eq!(request.options.kind, Some(Kind::Request));
    assert_eq!(request.options.requested, Some(ADDRESS));
    assert_eq!(request.options.server, Some(SERVER));
    assert_eq!(request.ciaddr, UNSPECIFIED);
    assert_eq!(request.xid, discover.xid);

    let actions = on_answer(&mut client, answer(&request, Kind::Ack), START.plus(60));
    let lease = client.lease().unwrap().clone();
    assert_eq!(actions, [Action::Use(lease.clone())]);
    assert_eq!((lease.address, lease.prefix), (ADDRESS, 24));
    assert_eq!(lease.gateway, Some(SERVER));
    assert_eq!((lease.renewal, lease.rebinding), (1800, 3150));
    assert_eq!(
        lease.since,
        START.plus(30),
        "it began when it was asked for"
    );
}

#[test]
fn discover_backs_off_and_never_stops() {
    let mut client = client(None);
    client.step(Event::CableIn, START);
    let done = run(&mut client, after(400));
    let mut last = START;
    let mut pauses = Vec::new();
    for (at, actions) in &done {
        let (discover, _) = sent(actions);
        assert_eq!(discover.options.kind, Some(Kind::Discover));
        assert_eq!(u64::from(discover.secs), at.since(START) / 1000);
        pauses.push(at.since(last));
        last = *at;
    }
    let expected = [2, 4, 8, 16, 32, 32, 32, 32, 32];
    for (pause, expected) in pauses.iter().zip(expected.map(|s: u64| s * 1000)) {
        assert!(
            (expected * 3 / 4..=expected * 5 / 4).contains(pause),
            "{pauses:?}"
        );
    }
    assert!(pauses.len() >= expected.len());
    assert!(
        pauses.iter().any(|pause| pause % 1000 != 0),
        "no jitter in {pauses:?}"
    );
}

#[test]
fn offer_that_is_not_granted_restarts_the_search() {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    on_answer(&mut client, answer(&discover, Kind::Offer), START);
    let done = run(&mut client, after(60));
    let kinds: Vec<_> = done
        .iter()
        .map(|(_, actions)| sent(actions).0.options.kind)
        .collect();
    assert_eq!(kinds[..3], [Some(Kind::Request); 3]);
    assert_eq!(kinds[3], Some(Kind::Discover));
}

#[test]
fn lease_renews_then_rebinds_then_ends() {
    let mut client = bound();
    assert_eq!(client.deadline(), Some(after(1800)));
    let done = run(&mut client, after(3600));

    let (first, to) = sent(&done[0].1);
    assert_eq!((done[0].0, to), (after(1800), Destination::Server(SERVER)));
    assert_eq!((first.ciaddr, first.broadcast), (ADDRESS, false));
    assert_eq!(
        (first.options.requested, first.options.server),
        (None, None)
    );
    let rebinding = done.iter().position(|(at, _)| *at == after(3150)).unwrap();
    for pair in done[..=rebinding].windows(2) {
        assert!(pair[1].0.since(pair[0].0) >= 60_000 || pair[1].0 == after(3150));
    }
    let (request, to) = sent(&done[rebinding].1);
    assert_eq!(
        (to, request.ciaddr),
        (Destination::Broadcast(ADDRESS), ADDRESS)
    );

    let (at, actions) = done.last().unwrap();
    assert_eq!(*at, after(3600));
    assert!(matches!(actions[0], Action::Drop(_)), "{actions:?}");
    assert_eq!(sent(actions).0.options.kind, Some(Kind::Discover));
    assert_eq!(client.lease(), None);
}

#[test]
fn renewed_lease_counts_from_its_request() {
    let mut client = bound();
    let (request, _) = sent(&client.step(Event::Tick, after(1800)));
    let actions = on_answer(&mut client, answer(&request, Kind::Ack), after(1801));
    assert!(matches!(&actions[..], [Action::Use(lease)] if lease.since == after(1800)));
    assert_eq!(client.deadline(), Some(after(3600)));
}

#[test]
fn refused_lease_is_dropped_at_once() {
    let mut client = bound();
    let (request, _) = sent(&client.step(Event::Tick, after(1800)));
    let mut nak = answer(&request, Kind::Nak);
    nak.options.text = "wrong network".into();
    let actions = on_answer(&mut client, nak, after(1801));
    assert!(matches!(&actions[0], Action::Drop(why) if why.contains("wrong network")));
    assert_eq!(sent(&actions).0.options.kind, Some(Kind::Discover));
}

#[test]
fn alternating_offers_and_refusals_back_off() {
    let mut client = client(None);
    let mut actions = client.step(Event::CableIn, START);
    let mut now = START;
    for _ in 0..6 {
        let (discover, _) = sent(&actions);
        let (request, _) = sent(&on_answer(&mut client, answer(&discover, Kind::Offer), now));
        actions = on_answer(&mut client, answer(&request, Kind::Nak), now);
        if actions.is_empty() {
            now = client.deadline().unwrap();
            actions = client.step(Event::Tick, now);
        }
    }
    assert!(
        now.since(START) > 40_000,
        "six rounds in {} ms",
        now.since(START)
    );
}

#[test]
fn replugged_cable_requests_the_same_address() {
    let mut client = bound();
    assert_eq!(client.step(Event::CableOut, after(10)), []);
    assert!(client.lease().is_some(), "the address outlives the cable");
    let (request, to) = sent(&client.step(Event::CableIn, after(20)));
    assert_eq!(to, Destination::Broadcast(UNSPECIFIED));
    assert_eq!(request.options.kind, Some(Kind::Request));
    assert_eq!(request.options.requested, Some(ADDRESS));
    assert_eq!(
        (request.options.server, request.ciaddr),
        (None, UNSPECIFIED)
    );
    let actions = on_answer(&mut client, answer(&request, Kind::Ack), after(21));
    assert!(matches!(&actions[..], [Action::Use(lease)] if lease.address == ADDRESS));
}

#[test]
fn silent_server_restarts_the_search_and_keeps_the_lease() {
    let mut client = bound();
    client.step(Event::CableOut, after(10));
    client.step(Event::CableIn, after(20));
    let done = run(&mut client, after(60));
    let kinds: Vec<_> = done
        .iter()
        .map(|(_, actions)| sent(actions).0.options.kind)
        .collect();
    assert_eq!(kinds[..2], [Some(Kind::Request), Some(Kind::Discover)]);
    assert!(client.lease().is_some());
    assert_eq!(sent(&done[1].1).0.options.requested, Some(ADDRESS));

    // Another network's server answers: its address takes the place of the old one.
    let (request, _) = sent(&done.last().unwrap().1);
    let mut offer = answer(&request, Kind::Offer);
    offer.yiaddr = Ipv4Addr::new(10, 0, 0, 9);
    let (request, _) = sent(&on_answer(&mut client, offer, after(60)));
    let mut ack = answer(&request, Kind::Ack);
    ack.yiaddr = Ipv4Addr::new(10, 0, 0, 9);
    on_answer(&mut client, ack, after(60));
    assert_eq!(client.lease().unwrap().address, Ipv4Addr::new(10, 0, 0, 9));
}

#[test]
fn lease_ends_without_a_cable_too() {
    let mut client = bound();
    client.step(Event::CableOut, after(10));
    let done = run(&mut client, after(4000));
    assert!(matches!(&done[..], [(at, actions)] if *at == after(3600)
        && matches!(actions[..], [Action::Drop(_)])));
    assert_eq!(client.deadline(), None);
}

#[test]
fn saved_lease_is_used_and_requested_again() {
    let lease = bound().lease().cloned();
    let mut again = client(lease.clone());
    let (request, _) = sent(&again.step(Event::CableIn, after(100)));
    assert_eq!(request.options.requested, Some(ADDRESS));
    assert_eq!(again.lease(), lease.as_ref());

    let mut late = client(lease);
    let actions = late.step(Event::CableIn, after(3600));
    assert!(matches!(actions[0], Action::Drop(_)));
    assert_eq!(sent(&actions).0.options.kind, Some(Kind::Discover));
}

#[test]
fn infinite_lease_sends_no_requests() {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    let forever = |kind| {
        let mut message = answer(&discover, kind);
        message.options.lease = Some(u32::MAX);
        message
    };
    on_answer(&mut client, forever(Kind::Offer), START);
    on_answer(&mut client, forever(Kind::Ack), START);
    assert!(client.lease().is_some());
    assert_eq!(client.deadline(), None);
}

#[test]
fn messages_for_others_are_ignored() {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    let offer = answer(&discover, Kind::Offer);
    for stranger in [
        Message {
            xid: offer.xid ^ 1,
            ..offer.clone()
        },
        Message {
            mac: [0; 6],
            ..offer.clone()
        },
        Message {
            op: Op::Request,
            ..offer.clone()
        },
        answer(&discover, Kind::Ack),
        answer(&discover, Kind::Nak),
    ] {
        assert_eq!(on_answer(&mut client, stranger, START), []);
    }
    let (request, _) = sent(&on_answer(&mut client, offer, START));
    for kind in [Kind::Ack, Kind::Nak] {
        let mut other = answer(&request, kind);
        other.options.server = Some(Ipv4Addr::new(192, 168, 88, 99));
        assert_eq!(on_answer(&mut client, other, START), []);
    }
    assert_eq!(client.lease(), None);
}

#[test]
fn invalid_offers_are_refused() {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    let bad: [fn(&mut Message); 8] = [
        |m| m.yiaddr = UNSPECIFIED,
        |m| m.yiaddr = Ipv4Addr::LOCALHOST,
        |m| m.yiaddr = Ipv4Addr::BROADCAST,
        |m| m.options.mask = None,
        |m| m.options.mask = Some(Ipv4Addr::new(255, 0, 255, 0)),
        |m| m.options.server = None,
        |m| m.options.lease = Some(0),
        |m| m.options.lease = None,
    ];
    for spoil in bad {
        let mut offer = answer(&discover, Kind::Offer);
        spoil(&mut offer);
        let actions = on_answer(&mut client, offer, START);
        assert!(matches!(&actions[..], [Action::Refuse(_)]), "{actions:?}");
    }
    let mut odd = answer(&discover, Kind::Offer);
    odd.options.routers = vec![ADDRESS, Ipv4Addr::BROADCAST];
    (odd.options.renewal, odd.options.rebinding) = (Some(9000), Some(3));
    on_answer(&mut client, odd.clone(), START);
    odd.options.kind = Some(Kind::Ack);
    on_answer(&mut client, odd, START);
    let lease = client.lease().unwrap();
    assert_eq!(lease.gateway, None, "nobody is his own router");
    assert_eq!((lease.renewal, lease.rebinding), (1800, 3150));
}

#[test]
fn implausible_networks_are_refused_with_the_reason() {
    let verdict = |mask: [u8; 4]| {
        let mut client = client(None);
        let (discover, _) = sent(&client.step(Event::CableIn, START));
        let mut offer = answer(&discover, Kind::Offer);
        offer.options.mask = Some(mask.into());
        match &on_answer(&mut client, offer, START)[..] {
            [Action::Refuse(why)] => why.clone(),
            _ => "taken".into(),
        }
    };
    assert_eq!(
        verdict([128, 0, 0, 0]),
        "offer: subnet mask 128.0.0.0: expected a network of /8 to /30, got /1"
    );
    for mask in [[254, 0, 0, 0], [255, 255, 255, 254], [255; 4]] {
        assert!(verdict(mask).contains("expected a network of"), "{mask:?}");
    }
    for mask in [[255, 0, 0, 0], [255, 255, 255, 0], [255, 255, 255, 252]] {
        assert_eq!(verdict(mask), "taken", "{mask:?}");
    }
    assert_eq!(
        verdict([255, 0, 255, 0]),
        "offer: subnet mask: expected ones followed by zeros, got 255.0.255.0"
    );
}

#[test]
fn refusal_names_server_and_reason() {
    let refused = |text: &str| {
        let mut client = bound();
        let (request, _) = sent(&client.step(Event::Tick, after(1800)));
        let mut nak = answer(&request, Kind::Nak);
        nak.options.text = text.into();
        let nak = Message::decode(&nak.encode()).unwrap();
        match on_answer(&mut client, nak, after(1801)).swap_remove(0) {
            Action::Drop(why) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refused("\x1b[2J\u{202e}wrong"),
        "refused by 192.168.88.1, which gave the reason \"?[2J???wrong\""
    );
    assert_eq!(refused(""), "refused by 192.168.88.1, which gave no reason");
}

#[test]
fn options_in_overloaded_fields_and_parts_are_read() {
    let request = sent(&client(None).step(Event::CableIn, START)).0;
    let mut bytes = answer(&request, Kind::Offer).encode();
    bytes.truncate(240);
    // Option 52: the file field (108..236) holds options; 51 comes in two parts.
    bytes.extend([53, 1, 2, 52, 1, 1, 51, 2, 0, 0, 255]);
    bytes[108..119].copy_from_slice(&[51, 2, 0x0E, 0x10, 1, 4, 255, 255, 0, 0, 255]);
    let read = Message::decode(&bytes).unwrap();
    assert_eq!(read.options.lease, Some(3600));
    assert_eq!(read.options.mask, Some(Ipv4Addr::new(255, 255, 0, 0)));
}

#[test]
fn malformed_bytes_are_named_with_their_place() {
    let request = sent(&client(None).step(Event::CableIn, START)).0;
    let told = |spoil: fn(&mut Vec<u8>)| {
        let mut bytes = request.encode();
        spoil(&mut bytes);
        Message::decode(&bytes).unwrap_err().to_string()
    };
    assert_eq!(
        told(|b| b.truncate(239)),
        "expected at least 240 bytes, got 239"
    );
    assert_eq!(told(|b| b[1] = 6), "htype: unexpected value 6");
    assert_eq!(told(|b| b[236] = 0), "cookie: unexpected value 8541027");
    assert_eq!(
        told(|b| b.truncate(242)),
        "option 53: expected 1 bytes, 0 are left"
    );
    assert_eq!(told(|b| b[240] = 51), "option 51: expected 4 bytes, got 1");
}

fn any_message() -> impl Strategy<Value = Message> {
    let address = || any::<u32>().prop_map(Ipv4Addr::from);
    let some = || proptest::option::of(any::<u32>().prop_map(Ipv4Addr::from));
    let list = || proptest::collection::vec(any::<u32>().prop_map(Ipv4Addr::from), 0..100);
    let kind = proptest::sample::select(vec![
        Kind::Discover,
        Kind::Offer,
        Kind::Request,
        Kind::Decline,
        Kind::Ack,
        Kind::Nak,
        Kind::Release,
        Kind::Inform,
    ]);
    let options = (
        (
            proptest::option::of(kind),
            some(),
            list(),
            list(),
            "[a-z0-9-]{0,63}",
            some(),
        ),
        (
            any::<Option<u32>>(),
            some(),
            any::<Vec<u8>>(),
            "[ -~]{0,120}",
            any::<Option<u16>>(),
        ),
        (any::<Option<u32>>(), any::<Option<u32>>(), any::<Vec<u8>>()),
    );
    let options = options.prop_map(|(first, second, third)| {
        let (kind, mask, routers, dns, hostname, requested) = first;
        let (lease, server, parameters, text, max_size) = second;
        let (renewal, rebinding, client_id) = third;
        Options {
            kind,
            mask,
            routers,
            dns,
            hostname,
            requested,
            lease,
            server,
            parameters,
            text,
            max_size,
            renewal,
            rebinding,
            client_id,
        }
    });
    let header = (
        any::<bool>(),
        any::<u32>(),
        any::<u16>(),
        any::<bool>(),
        any::<[u8; 6]>(),
    );
    (header, address(), address(), options).prop_map(|(header, ciaddr, yiaddr, options)| {
        let (reply, xid, secs, broadcast, mac) = header;
        let op = if reply { Op::Reply } else { Op::Request };
        Message {
            op,
            xid,
            secs,
            broadcast,
            ciaddr,
            yiaddr,
            mac,
            options,
        }
    })
}

#[derive(Clone, Debug)]
enum SimulatedEvent {
    Cable(bool),
    Said(Kind, bool),
    Passed(u64),
}

fn any_event() -> impl Strategy<Value = SimulatedEvent> {
    let kind = proptest::sample::select(vec![Kind::Offer, Kind::Ack, Kind::Nak]);
    prop_oneof![
        any::<bool>().prop_map(SimulatedEvent::Cable),
        (kind, any::<bool>()).prop_map(|(kind, sane)| SimulatedEvent::Said(kind, sane)),
        (0..5_000_000_u64).prop_map(SimulatedEvent::Passed),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn any_options_are_read_or_refused(tail in proptest::collection::vec(any::<u8>(), 0..700)) {
        let request = sent(&client(None).step(Event::CableIn, START)).0;
        let mut bytes = request.encode();
        bytes.truncate(240);
        bytes.extend(tail);
        let _ = Message::decode(&bytes);
    }

    /// Whatever the texts of a packet contain, and wherever: what the client makes of it, which
    /// goes into the log and the state, is one line of printable ASCII.
    #[test]
    fn server_texts_reach_the_state_sanitised(
        said in proptest::collection::vec(
            (proptest::sample::select(vec![12_u8, 15, 56, 66, 67, 119]), proptest::collection::vec(any::<u8>(), 0..255)),
            0..6,
        ),
        kind in proptest::sample::select(vec![2_u8, 5, 6]),
    ) {
        let mut client = bound();
        let (request, _) = sent(&client.step(Event::Tick, after(1800)));
        let mut bytes = answer(&request, Kind::Nak).encode();
        bytes.truncate(240);
        bytes.extend([53, 1, kind]);
        for (code, text) in said {
            bytes.extend([code, u8::try_from(text.len()).unwrap()]);
            bytes.extend(text);
        }
        bytes.push(255);
        let mut texts = Vec::new();
        match Message::decode(&bytes) {
            Ok(message) => {
                for action in on_answer(&mut client, message, after(1801)) {
                    match action {
                        Action::Drop(why) | Action::Refuse(why) => texts.push(why),
                        Action::Use(lease) => texts.push(serde_json::to_string(&lease).unwrap()),
                        Action::Send(..) => {}
                    }
                }
            }
            Err(error) => texts.push(error.to_string()),
        }
        for text in texts {
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
            prop_assert!(text.len() <= 400);
        }
    }

    #[test]
    fn message_round_trip(message in any_message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn ended_lease_is_never_used_and_deadlines_advance(
        happenings in proptest::collection::vec(any_event(), 0..60),
    ) {
        let (mut client, mut now) = (client(None), START);
        let mut last: Option<Message> = None;
        for happening in happenings {
            let actions = match happening {
                SimulatedEvent::Cable(true) => client.step(Event::CableIn, now),
                SimulatedEvent::Cable(false) => client.step(Event::CableOut, now),
                SimulatedEvent::Said(kind, sane) => {
                    let Some(request) = &last else { continue };
                    let mut said = answer(request, kind);
                    if !sane {
                        said.options.lease = None;
                    }
                    on_answer(&mut client, said, now)
                }
                SimulatedEvent::Passed(millis) => {
                    let until = now.plus(millis);
                    let done = run(&mut client, until);
                    now = until;
                    done.into_iter().flat_map(|(_, actions)| actions).collect()
                }
            };
            for action in actions {
                if let Action::Send(message, _) = action {
                    prop_assert!(message.encode().len() <= 576, "a relay may cut it");
                    last = Some(message);
                }
            }
            let ended = client.lease().and_then(Lease::ends_at).is_some_and(|end| now >= end);
            prop_assert!(!ended, "{:?} at {now:?}", client.lease());
        }
    }
}
