//! Two engines and a line between them that loses, doubles, breaks and delays.

use std::collections::VecDeque;

use tokio_modem::ppp::Event;

use super::{
    super::source::Source,
    end::{End, Said},
    script::{self, IPCP_DIALECT, IPV6CP_DIALECT, LCP_DIALECT},
    settings,
};

struct Line {
    ends: [End; 2],
    /// Frames on their way to each of them.
    ways: [VecDeque<Vec<u8>>; 2],
}

/// Frames that an exchange may take: both ends in all protocols, and many times that.
const EXCHANGE_MAX: usize = 10_000;

pub fn ppp_session(data: &[u8]) {
    let mut source = Source::new(data);
    let server = settings::server(&mut source);
    let ((near, first), (far, second)) = (
        End::up(settings::client(&mut source), 1),
        End::up(server, source.octet().into()),
    );
    let mut line = Line {
        ends: [near, far],
        ways: [second.into(), first.into()],
    };
    let mut is_honest = true;
    while !source.is_empty() {
        let to = usize::from(source.flag());
        match source.octet() % 16 {
            0..=3 => line.deliver(to),
            4 => drop(line.ways[to].pop_front()),
            5 => {
                let copy = line.ways[to].front().cloned();
                line.ways[to].extend(copy);
            }
            6 => line.pass(source.pick(&[1, 40, 1_000, 3_000])),
            7 => line.pass(source.pick(&[15_000, 30_000, 61_000])),
            8..=10 => line.exchange(),
            11 => line.event(to, Event::Close),
            12 => {
                for end in 0..2 {
                    line.ways[end].clear();
                    line.event(end, Event::LowerDown);
                }
            }
            13 => {
                for end in 0..2 {
                    line.event(end, Event::Open);
                    line.event(end, Event::LowerUp);
                }
            }
            14 => {
                is_honest = false;
                let end = &mut line.ends[to];
                let said = match source.octet() % 4 {
                    0 => script::negotiate(&mut source, end, &LCP_DIALECT),
                    1 => script::negotiate(&mut source, end, &IPCP_DIALECT),
                    2 => script::negotiate(&mut source, end, &IPV6CP_DIALECT),
                    _ => script::authenticate(&mut source, end),
                };
                line.ways[1 - to].extend(said);
            }
            _ => {
                is_honest = false;
                let (at, octet) = (usize::from(source.octet()), source.octet());
                if let Some(broken) = line.ways[to]
                    .front_mut()
                    .and_then(|frame| frame.get_mut(at))
                {
                    *broken = octet;
                }
            }
        }
    }
    line.rest(is_honest);
}

impl Line {
    fn deliver(&mut self, to: usize) {
        if let Some(frame) = self.ways[to].pop_front() {
            self.event(to, Event::Frame(&frame));
        }
    }

    fn event(&mut self, to: usize, event: Event<'_>) {
        let said = self.ends[to].handle(event);
        self.say(to, said);
    }

    fn say(&mut self, from: usize, said: Said) {
        self.ways[1 - from].extend(said);
    }

    fn pass(&mut self, ms: u64) {
        for from in 0..2 {
            let said = self.ends[from].pass(ms);
            self.say(from, said);
        }
    }

    /// Everything is delivered, at once.
    fn exchange(&mut self) {
        for _ in 0..EXCHANGE_MAX {
            match self.ways.iter().position(|way| !way.is_empty()) {
                Some(to) => self.deliver(to),
                None => return,
            }
        }
        panic!("two ends that never come to rest");
    }

    /// The line is good from now on: each end gets an address or ends, and two that were told no
    /// lies agree.
    fn rest(&mut self, is_honest: bool) {
        for _ in 0..100 {
            self.exchange();
            self.pass(1_000);
        }
        let [near, far] = &self.ends;
        for end in &self.ends {
            assert!(end.ledger.ipv4.is_some() || !end.ledger.live);
        }
        if let (true, Some(near), Some(far)) = (is_honest, near.ledger.ipv4, far.ledger.ipv4) {
            assert_eq!((near.peer, far.peer), (Some(far.local), Some(near.local)));
        }
    }
}
