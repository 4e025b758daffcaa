//! The client on virtual time, against a server that is played by hand.

use std::net::Ipv4Addr;

use failberry_state::BootMillis;
use proptest::prelude::*;

use super::{
    Action, Client, Destination, Event, Identity, Kind, Lease, Message, Op, Options, Random,
};

const MAC: [u8; 6] = [0xB8, 0x27, 0xEB, 1, 2, 3];
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 50);
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const START: BootMillis = BootMillis(5_000);

fn client(lease: Option<Lease>) -> Client {
    let identity = Identity {
        mac: MAC,
        hostname: "failberrypi".into(),
    };
    Client::new(identity, lease, Random::seeded(7))
}

/// The one message among `actions`, and whom it is for.
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

fn answer(question: &Message, kind: Kind) -> Message {
    Message {
        op: Op::Reply,
        xid: question.xid,
        secs: 0,
        broadcast: false,
        ciaddr: NOBODY,
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

fn hear(client: &mut Client, message: Message, now: BootMillis) -> Vec<Action> {
    client.step(Event::Answer(Box::new(message)), now)
}

/// A client that has leased [`ADDRESS`] for an hour at [`START`].
fn bound() -> Client {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    let (request, _) = sent(&hear(&mut client, answer(&discover, Kind::Offer), START));
    hear(&mut client, answer(&request, Kind::Ack), START);
    assert!(client.lease().is_some());
    client
}

/// Lets time run to `until`; what was done, and when.
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
    assert_eq!(to, Destination::Everybody(NOBODY));
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

    let actions = hear(&mut client, answer(&discover, Kind::Offer), START.plus(30));
    let (request, to) = sent(&actions);
    assert_eq!(to, Destination::Everybody(NOBODY));
    assert_eq!(request.options.kind, Some(Kind::Request));
    assert_eq!(request.options.requested, Some(ADDRESS));
    assert_eq!(request.options.server, Some(SERVER));
    assert_eq!(request.ciaddr, NOBODY);
    assert_eq!(request.xid, discover.xid);

    let actions = hear(&mut client, answer(&request, Kind::Ack), START.plus(60));
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
fn repeats_ever_slower_and_never_gives_up() {
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
fn an_offer_that_is_not_granted_is_given_up() {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    hear(&mut client, answer(&discover, Kind::Offer), START);
    let done = run(&mut client, after(60));
    let kinds: Vec<_> = done
        .iter()
        .map(|(_, actions)| sent(actions).0.options.kind)
        .collect();
    assert_eq!(kinds[..3], [Some(Kind::Request); 3]);
    assert_eq!(kinds[3], Some(Kind::Discover));
}

#[test]
fn renews_at_its_server_then_anywhere_then_lets_go() {
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
    let (question, to) = sent(&done[rebinding].1);
    assert_eq!(
        (to, question.ciaddr),
        (Destination::Everybody(ADDRESS), ADDRESS)
    );

    let (at, actions) = done.last().unwrap();
    assert_eq!(*at, after(3600));
    assert!(matches!(actions[0], Action::Drop(_)), "{actions:?}");
    assert_eq!(sent(actions).0.options.kind, Some(Kind::Discover));
    assert_eq!(client.lease(), None);
}

#[test]
fn a_renewed_lease_counts_from_the_question() {
    let mut client = bound();
    let (question, _) = sent(&client.step(Event::Tick, after(1800)));
    let actions = hear(&mut client, answer(&question, Kind::Ack), after(1801));
    assert!(matches!(&actions[..], [Action::Use(lease)] if lease.since == after(1800)));
    assert_eq!(client.deadline(), Some(after(3600)));
}

#[test]
fn a_refused_lease_is_dropped_at_once() {
    let mut client = bound();
    let (question, _) = sent(&client.step(Event::Tick, after(1800)));
    let mut nak = answer(&question, Kind::Nak);
    nak.options.text = "wrong network".into();
    let actions = hear(&mut client, nak, after(1801));
    assert!(matches!(&actions[0], Action::Drop(why) if why.contains("wrong network")));
    assert_eq!(sent(&actions).0.options.kind, Some(Kind::Discover));
}

#[test]
fn who_offers_and_refuses_in_turn_is_not_hurried() {
    let mut client = client(None);
    let mut actions = client.step(Event::CableIn, START);
    let mut now = START;
    for _ in 0..6 {
        let (discover, _) = sent(&actions);
        let (request, _) = sent(&hear(&mut client, answer(&discover, Kind::Offer), now));
        actions = hear(&mut client, answer(&request, Kind::Nak), now);
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
fn a_cable_put_back_asks_for_the_same_address() {
    let mut client = bound();
    assert_eq!(client.step(Event::CableOut, after(10)), []);
    assert!(client.lease().is_some(), "the address outlives the cable");
    let (question, to) = sent(&client.step(Event::CableIn, after(20)));
    assert_eq!(to, Destination::Everybody(NOBODY));
    assert_eq!(question.options.kind, Some(Kind::Request));
    assert_eq!(question.options.requested, Some(ADDRESS));
    assert_eq!((question.options.server, question.ciaddr), (None, NOBODY));
    let actions = hear(&mut client, answer(&question, Kind::Ack), after(21));
    assert!(matches!(&actions[..], [Action::Use(lease)] if lease.address == ADDRESS));
}

#[test]
fn a_silent_server_costs_the_search_but_not_the_address() {
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
    let (question, _) = sent(&done.last().unwrap().1);
    let mut offer = answer(&question, Kind::Offer);
    offer.yiaddr = Ipv4Addr::new(10, 0, 0, 9);
    let (request, _) = sent(&hear(&mut client, offer, after(60)));
    let mut ack = answer(&request, Kind::Ack);
    ack.yiaddr = Ipv4Addr::new(10, 0, 0, 9);
    hear(&mut client, ack, after(60));
    assert_eq!(client.lease().unwrap().address, Ipv4Addr::new(10, 0, 0, 9));
}

#[test]
fn a_lease_ends_without_a_cable_too() {
    let mut client = bound();
    client.step(Event::CableOut, after(10));
    let done = run(&mut client, after(4000));
    assert!(matches!(&done[..], [(at, actions)] if *at == after(3600)
        && matches!(actions[..], [Action::Drop(_)])));
    assert_eq!(client.deadline(), None);
}

#[test]
fn a_former_life_s_lease_is_used_and_asked_for_again() {
    let lease = bound().lease().cloned();
    let mut again = client(lease.clone());
    let (question, _) = sent(&again.step(Event::CableIn, after(100)));
    assert_eq!(question.options.requested, Some(ADDRESS));
    assert_eq!(again.lease(), lease.as_ref());

    let mut late = client(lease);
    let actions = late.step(Event::CableIn, after(3600));
    assert!(matches!(actions[0], Action::Drop(_)));
    assert_eq!(sent(&actions).0.options.kind, Some(Kind::Discover));
}

#[test]
fn a_lease_for_ever_asks_nothing() {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    let forever = |kind| {
        let mut message = answer(&discover, kind);
        message.options.lease = Some(u32::MAX);
        message
    };
    hear(&mut client, forever(Kind::Offer), START);
    hear(&mut client, forever(Kind::Ack), START);
    assert!(client.lease().is_some());
    assert_eq!(client.deadline(), None);
}

#[test]
fn other_people_s_messages_are_nothing_to_us() {
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
        assert_eq!(hear(&mut client, stranger, START), []);
    }
    let (request, _) = sent(&hear(&mut client, offer, START));
    for kind in [Kind::Ack, Kind::Nak] {
        let mut other = answer(&request, kind);
        other.options.server = Some(Ipv4Addr::new(192, 168, 88, 99));
        assert_eq!(hear(&mut client, other, START), []);
    }
    assert_eq!(client.lease(), None);
}

#[test]
fn offers_that_make_no_sense_are_refused() {
    let mut client = client(None);
    let (discover, _) = sent(&client.step(Event::CableIn, START));
    let bad: [fn(&mut Message); 8] = [
        |m| m.yiaddr = NOBODY,
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
        let actions = hear(&mut client, offer, START);
        assert!(matches!(&actions[..], [Action::Refuse(_)]), "{actions:?}");
    }
    let mut odd = answer(&discover, Kind::Offer);
    odd.options.routers = vec![ADDRESS, Ipv4Addr::BROADCAST];
    (odd.options.renewal, odd.options.rebinding) = (Some(9000), Some(3));
    hear(&mut client, odd.clone(), START);
    odd.options.kind = Some(Kind::Ack);
    hear(&mut client, odd, START);
    let lease = client.lease().unwrap();
    assert_eq!(lease.gateway, None, "nobody is his own router");
    assert_eq!((lease.renewal, lease.rebinding), (1800, 3150));
}

#[test]
fn networks_that_no_lan_has_are_refused_with_the_reason() {
    let verdict = |mask: [u8; 4]| {
        let mut client = client(None);
        let (discover, _) = sent(&client.step(Event::CableIn, START));
        let mut offer = answer(&discover, Kind::Offer);
        offer.options.mask = Some(mask.into());
        match &hear(&mut client, offer, START)[..] {
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
fn a_refusal_says_who_refused_and_quotes_the_reason() {
    let refused = |text: &str| {
        let mut client = bound();
        let (question, _) = sent(&client.step(Event::Tick, after(1800)));
        let mut nak = answer(&question, Kind::Nak);
        nak.options.text = text.into();
        let nak = Message::decode(&nak.encode()).unwrap();
        match hear(&mut client, nak, after(1801)).swap_remove(0) {
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
fn options_in_the_name_fields_and_in_parts() {
    let question = sent(&client(None).step(Event::CableIn, START)).0;
    let mut bytes = answer(&question, Kind::Offer).encode();
    bytes.truncate(240);
    // Option 52 says that the file field (108..236) goes on; 51 comes in two parts.
    bytes.extend([53, 1, 2, 52, 1, 1, 51, 2, 0, 0, 255]);
    bytes[108..119].copy_from_slice(&[51, 2, 0x0E, 0x10, 1, 4, 255, 255, 0, 0, 255]);
    let read = Message::decode(&bytes).unwrap();
    assert_eq!(read.options.lease, Some(3600));
    assert_eq!(read.options.mask, Some(Ipv4Addr::new(255, 255, 0, 0)));
}

#[test]
fn broken_bytes_are_told_with_their_place() {
    let question = sent(&client(None).step(Event::CableIn, START)).0;
    let told = |spoil: fn(&mut Vec<u8>)| {
        let mut bytes = question.encode();
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
enum Happening {
    Cable(bool),
    Said(Kind, bool),
    Passed(u64),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let kind = proptest::sample::select(vec![Kind::Offer, Kind::Ack, Kind::Nak]);
    prop_oneof![
        any::<bool>().prop_map(Happening::Cable),
        (kind, any::<bool>()).prop_map(|(kind, sane)| Happening::Said(kind, sane)),
        (0..5_000_000_u64).prop_map(Happening::Passed),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn any_options_are_read_or_refused(tail in proptest::collection::vec(any::<u8>(), 0..700)) {
        let question = sent(&client(None).step(Event::CableIn, START)).0;
        let mut bytes = question.encode();
        bytes.truncate(240);
        bytes.extend(tail);
        let _ = Message::decode(&bytes);
    }

    /// Whatever stands in the texts of a packet, and wherever: what the client makes of it, which
    /// goes into the log and the state, is one line of printable ASCII.
    #[test]
    fn nothing_a_server_says_reaches_the_state_raw(
        said in proptest::collection::vec(
            (proptest::sample::select(vec![12_u8, 15, 56, 66, 67, 119]), proptest::collection::vec(any::<u8>(), 0..255)),
            0..6,
        ),
        kind in proptest::sample::select(vec![2_u8, 5, 6]),
    ) {
        let mut client = bound();
        let (question, _) = sent(&client.step(Event::Tick, after(1800)));
        let mut bytes = answer(&question, Kind::Nak).encode();
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
                for action in hear(&mut client, message, after(1801)) {
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
    fn what_is_written_is_read(message in any_message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn whatever_happens_a_dead_lease_is_not_used_and_time_goes_on(
        happenings in proptest::collection::vec(any_happening(), 0..60),
    ) {
        let (mut client, mut now) = (client(None), START);
        let mut last: Option<Message> = None;
        for happening in happenings {
            let actions = match happening {
                Happening::Cable(true) => client.step(Event::CableIn, now),
                Happening::Cable(false) => client.step(Event::CableOut, now),
                Happening::Said(kind, sane) => {
                    let Some(question) = &last else { continue };
                    let mut said = answer(question, kind);
                    if !sane {
                        said.options.lease = None;
                    }
                    hear(&mut client, said, now)
                }
                Happening::Passed(millis) => {
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
