//! Tests of the gate on virtual time, with arbitrary peers.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use proptest::{collection::vec, prelude::*};

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn peer(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

const fn at(millis: u64) -> BootMillis {
    BootMillis(millis)
}

impl Gate {
    fn place(&mut self, peer: IpAddr, now: BootMillis) -> Id {
        match self.admit(peer, now) {
            Admission::Place(id) => id,
            other => panic!("expected a place, got {other:?}"),
        }
    }

    /// Returns the connection that would be evicted for `peer`.
    fn full(&mut self, peer: IpAddr) -> Id {
        match self.admit(peer, at(0)) {
            Admission::Full(id) => id,
            other => panic!("expected a full table, got {other:?}"),
        }
    }
}

#[test]
fn request_in_pieces_is_answered_then_lingers() {
    let mut gate = Gate::new(Audience::Public, 1);
    let id = gate.place(peer(1), at(0));
    for byte in &GET[..GET.len() - 1] {
        assert_eq!(gate.received(id, &[*byte], at(1)), Next::Wait);
    }
    let next = gate.received(id, b"\nGET /pipelined HTTP/1.1\r\n\r\n", at(2));
    assert_eq!(next, Next::Reply(Reply::Alive));
    assert!(!gate.reads(id), "nothing is read while the answer is sent");
    assert_eq!(gate.sent(id), Next::Finish);
    assert!(gate.reads(id));
    assert_eq!(gate.received(id, b"more of it", at(3)), Next::Wait);
    assert_eq!(gate.ended(id, at(4)), Next::Close);
    assert_eq!(gate.received(id, GET, at(5)), Next::Wait, "it is gone");
    let tally = gate.tally();
    assert_eq!((tally.answered, tally.malformed), (1, 0));
}

#[test]
fn half_closed_peer_is_answered_then_closed() {
    let mut gate = Gate::new(Audience::Lan, 2);
    let id = gate.place(peer(1), at(0));
    assert_eq!(gate.received(id, GET, at(0)), Next::Ask);
    assert_eq!(gate.line(id), Some(&b"GET / HTTP/1.1"[..]));
    assert_eq!(gate.ended(id, at(1)), Next::Wait);
    assert!(gate.page(id, at(2)));
    assert_eq!(gate.sent(id), Next::Close);

    let half = gate.place(peer(1), at(0));
    assert_eq!(gate.received(half, b"GET /", at(0)), Next::Wait);
    let next = gate.ended(half, at(1));
    assert_eq!(next, Next::Reply(Reply::Malformed));
    assert_eq!(gate.sent(half), Next::Close);

    let silent = gate.place(peer(1), at(0));
    assert_eq!(gate.ended(silent, at(1)), Next::Close);
}

#[test]
fn bad_requests_are_answered_as_soon_as_known() {
    let long = [b"GET /".as_slice(), &[b'a'; 600]].concat();
    let fields = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; 5000]].concat();
    for (bytes, reply) in [
        (&b"\x16\x03\x01"[..], Reply::Malformed),
        (b"GET / HTTP/9.9\r\n\r\n", Reply::Malformed),
        (b"POST / HTTP/1.1\r\n\r\n", Reply::Method),
        (&long, Reply::LineTooLong),
        (&fields, Reply::HeadTooLong),
    ] {
        for audience in [Audience::Public, Audience::Lan] {
            let mut gate = Gate::new(audience, 1);
            let id = gate.place(peer(1), at(0));
            let next = gate.received(id, bytes, at(0));
            assert_eq!(next, Next::Reply(reply), "{bytes:?}");
        }
    }
}

#[test]
fn largest_source_makes_room_with_its_oldest() {
    let mut gate = Gate::new(Audience::Public, 5);
    let far = gate.place(peer(9), at(0));
    let flood: Vec<Id> = (0..3).map(|_| gate.place(peer(1), at(1))).collect();
    let other = gate.place(peer(8), at(2));
    assert_eq!(gate.full(peer(7)), flood[0]);
    assert_eq!(gate.evict(flood[0]), Next::Reset);
    let seventh = gate.place(peer(7), at(3));
    assert_eq!(gate.full(peer(1)), flood[1]);
    // An answered connection loses nothing.
    let next = gate.received(flood[2], GET, at(4));
    assert_eq!(next, Next::Reply(Reply::Alive));
    assert_eq!(gate.full(peer(1)), flood[1], "its answer is being sent");
    assert_eq!(gate.sent(flood[2]), Next::Finish);
    assert_eq!(gate.full(peer(1)), flood[2]);
    assert_eq!(gate.evict(flood[2]), Next::Close);
    assert_eq!(gate.tally().answered, 1);
    for id in [far, other, seventh, flood[1]] {
        assert!(gate.reads(id));
    }
}

#[test]
fn newcomer_counts_for_its_source() {
    let mut gate = Gate::new(Audience::Public, 4);
    let first: Vec<Id> = (0..2).map(|_| gate.place(peer(1), at(0))).collect();
    let second: Vec<Id> = (0..2).map(|_| gate.place(peer(2), at(0))).collect();
    assert_eq!(gate.full(peer(2)), second[0]);
    assert_eq!(gate.full(peer(1)), first[0]);
    assert_eq!(gate.full(peer(3)), first[0], "the oldest of equals");
}

#[test]
fn one_ipv6_subscriber_is_one_source() {
    let mut gate = Gate::new(Audience::Public, 3);
    let six =
        |subnet, host| -> IpAddr { Ipv6Addr::new(0x2001, 0xdb8, 0, subnet, 0, 0, 0, host).into() };
    let mapped: IpAddr = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into();
    let _ = gate.place(six(1, 1), at(0));
    let first = gate.place(six(2, 1), at(0));
    let _ = gate.place(six(2, 2), at(0));
    assert_eq!(gate.full(six(3, 1)), first);
    let mut gate = Gate::new(Audience::Public, 3);
    let _ = gate.place(six(1, 1), at(0));
    let first = gate.place(mapped, at(0));
    let _ = gate.place(peer(1), at(0));
    assert_eq!(gate.full(six(3, 1)), first);
}

#[test]
fn complete_requests_are_never_evicted() {
    let mut gate = Gate::new(Audience::Lan, 2);
    for _ in 0..2 {
        let id = gate.place(peer(1), at(0));
        assert_eq!(gate.received(id, GET, at(0)), Next::Ask);
        assert_eq!(gate.evict(id), Next::Wait);
    }
    assert_eq!(gate.admit(peer(2), at(1)), Admission::Refused);
    assert_eq!(gate.spare(), None);
}

#[test]
fn deadlines_end_every_stage() {
    let mut gate = Gate::new(Audience::Lan, 8);
    let idle = gate.place(peer(1), at(1_000));
    assert_eq!(gate.wake(), Some(at(7_000)));
    let mut asking = || {
        let id = gate.place(peer(1), at(1_500));
        assert_eq!(gate.received(id, GET, at(1_500)), Next::Ask);
        id
    };
    let (unanswered, stalled, lingering) = (asking(), asking(), asking());
    assert!(gate.page(stalled, at(2_000)));
    assert!(gate.page(lingering, at(7_400)));
    assert_eq!(gate.sent(lingering), Next::Finish);

    let mut all = Vec::new();
    gate.overdue(at(6_999), &mut all);
    assert_eq!(all, []);
    gate.overdue(at(7_000), &mut all);
    assert_eq!(all, [idle]);
    assert_eq!(gate.expire(idle, at(7_000)), Next::Reset);
    assert_eq!(gate.wake(), Some(at(7_500)));

    all.clear();
    gate.overdue(at(7_500), &mut all);
    assert_eq!(all, [unanswered, stalled]);
    let next = gate.expire(unanswered, at(7_500));
    assert_eq!(next, Next::Reply(Reply::Unavailable));
    assert!(!gate.page(unanswered, at(7_501)), "too late");
    assert_eq!(gate.expire(stalled, at(7_500)), Next::Reset);
    // It was answered late, and still gets the time to read that.
    assert_eq!(gate.wake(), Some(at(7_400 + LINGER_MS)));
    all.clear();
    gate.overdue(at(9_400), &mut all);
    assert_eq!(all, [lingering]);
    assert_eq!(gate.expire(lingering, at(9_400)), Next::Close);
}

#[test]
fn endless_body_is_cut_off() {
    let mut gate = Gate::new(Audience::Public, 1);
    let id = gate.place(peer(1), at(0));
    let next = gate.received(id, b"POST / HTTP/1.1\r\n\r\n", at(0));
    assert_eq!(next, Next::Reply(Reply::Method));
    assert_eq!(gate.sent(id), Next::Finish);
    let piece = [0; 4096];
    let pieces = (1..100).find(|_| gate.received(id, &piece, at(1)) == Next::Reset);
    assert_eq!(pieces, Some(MAX_DROPPED / piece.len() + 1));
}

/// One step of the simulated peers.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A peer connects, and what it sends follows so many steps later, if it does.
    Connect {
        peer: u8,
        after: Option<u8>,
    },
    /// Time passes.
    Pass(u16),
    /// A connection ends or breaks.
    End(u8),
    Break(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4u8, prop::option::of(0..30u8))
            .prop_map(|(peer, after)| Step::Connect { peer, after }),
        2 => (0..400u16).prop_map(Step::Pass),
        1 => any::<u8>().prop_map(Step::End),
        1 => any::<u8>().prop_map(Step::Break),
    ]
}

const PLACES: usize = 24;

/// The peer that is looked at, and connections that it has at most: less than its share of the
/// connections among five.
const CHECKER: u8 = 200;
const CHECKS: usize = PLACES / 5 - 1;

/// Gate and peers; does what the driver does.
struct Run {
    gate: Gate,
    now: BootMillis,
    /// What each open connection still has to send, and when.
    open: Vec<(Id, u8, Option<usize>)>,
    results: HashMap<u8, (usize, usize)>,
}

impl Run {
    fn follow(&mut self, id: Id, next: Next) {
        let peer = self.open.iter().find(|(open, ..)| *open == id);
        let peer = peer.map(|(_, peer, _)| *peer);
        let (answered, reset) = self.results.entry(peer.unwrap_or(255)).or_default();
        match next {
            Next::Reply(reply) => {
                assert_eq!(reply, Reply::Alive);
                *answered += 1;
                assert_eq!(self.gate.sent(id), Next::Finish);
            }
            Next::Reset => {
                *reset += 1;
                self.open.retain(|(open, ..)| *open != id);
            }
            Next::Close => self.open.retain(|(open, ..)| *open != id),
            Next::Wait | Next::Finish => {}
            Next::Ask => panic!("port 9000 has no pages"),
        }
    }

    /// What has arrived in the buffer of `id` is read.
    fn read(&mut self, id: Id, step: usize) {
        let due = self.open.iter_mut().find(|(open, ..)| *open == id);
        let due = due.and_then(|(_, _, due)| due.take_if(|due| *due <= step));
        if due.is_some() {
            let next = self.gate.received(id, GET, self.now);
            self.follow(id, next);
        }
    }

    fn connect(&mut self, from: u8, due: Option<usize>, step: usize) {
        let id = loop {
            match self.gate.admit(peer(from), self.now) {
                Admission::Place(id) => break id,
                Admission::Full(victim) => {
                    self.read(victim, step);
                    let next = self.gate.evict(victim);
                    let modest = |(id, peer, _): &(Id, u8, _)| *id == victim && *peer == CHECKER;
                    let evicted = next == Next::Reset && self.open.iter().any(modest);
                    assert!(!evicted, "a modest source made room");
                    self.follow(victim, next);
                }
                Admission::Refused => panic!("port 9000 refuses no connection"),
            }
        };
        self.open.push((id, from, due));
        self.read(id, step);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the others do: whoever has few connections and sends a request is answered, be it
    /// in time or when its place is wanted.
    #[test]
    fn modest_source_is_always_answered(
        steps in vec((step(), prop::option::of(0..30u8)), 1..400),
    ) {
        let mut run = Run {
            gate: Gate::new(Audience::Public, PLACES),
            now: at(0),
            open: Vec::new(),
            results: HashMap::new(),
        };
        let mut asked = 0;
        for (index, (step, check)) in steps.iter().enumerate() {
            let checks = run.open.iter().filter(|(_, peer, _)| *peer == CHECKER).count();
            if let Some(after) = check && checks < CHECKS {
                asked += 1;
                run.connect(CHECKER, Some(index + usize::from(*after)), index);
            }
            match *step {
                Step::Connect { peer, after } => {
                    run.connect(peer, after.map(|after| index + usize::from(after)), index);
                }
                Step::Pass(millis) => run.now = run.now.plus(u64::from(millis)),
                Step::End(which) | Step::Break(which) => {
                    let others: Vec<Id> = (run.open.iter())
                        .filter(|(_, peer, _)| *peer != CHECKER)
                        .map(|(id, ..)| *id)
                        .collect();
                    if !others.is_empty() {
                        let id = others[usize::from(which) % others.len()];
                        let next = match step {
                            Step::End(_) => run.gate.ended(id, run.now),
                            _ => run.gate.lost(id),
                        };
                        run.follow(id, next);
                    }
                }
            }
            prop_assert!(run.gate.connections.len() <= PLACES);
            // Some are read in this turn, the others later or when they have to make room.
            let open: Vec<Id> = run.open.iter().map(|(id, ..)| *id).collect();
            for id in open.into_iter().skip(index % 7).step_by(3) {
                run.read(id, index);
            }
            let mut overdue = Vec::new();
            run.gate.overdue(run.now, &mut overdue);
            for id in overdue {
                run.read(id, index);
                let next = run.gate.expire(id, run.now);
                run.follow(id, next);
            }
        }
        // The end: all that was sent is read.
        let open: Vec<Id> = run.open.iter().map(|(id, ..)| *id).collect();
        for id in open {
            run.read(id, usize::MAX);
        }
        let (answered, _) = run.results.get(&CHECKER).copied().unwrap_or_default();
        // Only its own slowness of six seconds ends a connection of it.
        let slow = run.results.get(&CHECKER).map_or(0, |(_, reset)| *reset);
        prop_assert_eq!(answered + slow, asked);
    }
}
