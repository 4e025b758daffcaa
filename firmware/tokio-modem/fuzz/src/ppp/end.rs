//! An engine on virtual time, with its books.

use tokio_modem::ppp::{Config, Engine, Event, Output, Phase};

use super::{
    frame::{CHAP, IPCP, IPV6CP, LCP, PAP, Packet, auth, code, option, options, read, write},
    ledger::Ledger,
    proof,
    settings::USER,
};

/// Frames that were said.
pub(super) type Said = Vec<Vec<u8>>;

pub(super) struct End {
    engine: Box<Engine>,
    pub(super) ledger: Ledger,
    pub(super) now: u64,
}

impl End {
    /// On a line that has just come up, with its first request on the way.
    pub(super) fn up(config: Config, seed: u64) -> (Self, Said) {
        let mut end = Self {
            ledger: Ledger::new(&config),
            engine: Box::new(Engine::new(config, seed, 0)),
            now: 0,
        };
        end.handle(Event::Open);
        let said = end.handle(Event::LowerUp);
        (end, said)
    }

    pub(super) fn handle(&mut self, event: Event<'_>) -> Said {
        let (phase, was_up) = (self.engine.phase(), self.ledger.ipv4.is_some());
        let frame = match event {
            Event::Frame(frame) => frame,
            _ => &[],
        };
        self.engine.handle(event, self.now);
        self.ledger.heard(frame);
        let cause = read(frame);
        let mut said = Said::new();
        while let Some(output) = self.engine.poll_output() {
            if let Output::Send(frame, _) = output {
                said.push(frame.to_vec());
            }
            self.ledger.said(&output, cause, self.now);
        }
        self.ledger.check(&self.engine, self.now);
        if event == Event::Tick {
            let next = self.engine.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a tick too early");
        }
        let negotiates = |packet: &Packet<'_>| matches!(packet.protocol, LCP | IPCP | IPV6CP);
        if let Some(request) = cause.filter(negotiates)
            && request.code == code::REQUEST
            && frame.len() <= tokio_modem::ppp::MAX_FRAME
        {
            let must = match request.protocol {
                LCP => !matches!(phase, Phase::Dead | Phase::Terminate),
                IPCP => was_up,
                _ => false,
            };
            let answers = check_answers(request, &said);
            assert!(answers == 1 || !must, "no answer in phase {phase}");
        }
        said
    }

    pub(super) fn frame(&mut self, frame: &[u8]) -> Said {
        self.handle(Event::Frame(frame))
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, ms: u64) -> Said {
        let until = self.now + ms;
        let mut said = Said::new();
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            said.extend(self.handle(Event::Tick));
        }
        self.now = until;
        self.ledger.check(&self.engine, until);
        said
    }

    /// Nothing happens any more: the link is up, or over.
    pub(super) fn settle(&mut self) {
        self.pass(self.ledger.patience_ms());
        assert!(self.ledger.ipv4.is_some() || !self.ledger.live);
    }

    /// The peer acknowledges the latest request.
    pub(super) fn ack(&mut self, protocol: u16) -> Said {
        let Some((id, options)) = self
            .ledger
            .talk(protocol)
            .and_then(|talk| talk.ours.clone())
        else {
            return Said::new();
        };
        self.frame(&write(protocol, code::ACK, id, &options))
    }

    /// A peer that wants these options has LCP open, and the authentication passed.
    pub(super) fn open(&mut self, demand: &[u8]) {
        self.ack(LCP);
        let magic = option(5, &[0xde, 0xad, 0xbe, 0xef]);
        self.frame(&write(LCP, code::REQUEST, 1, &[demand, &magic].concat()));
    }

    /// Each side proves to the other what it has to.
    pub(super) fn prove(&mut self) {
        let (pap_id, challenge) = (self.ledger.pap_id, self.ledger.challenge.clone());
        self.frame(&write(PAP, auth::PAP_ACK, pap_id, &[0]));
        self.frame(&proof::pap_request(1));
        self.frame(&proof::chap_response(&challenge, USER.as_bytes()));
        self.frame(&write(CHAP, auth::CHALLENGE, 7, &[4, 1, 2, 3, 4, b'x']));
        self.frame(&write(CHAP, auth::SUCCESS, 7, b"welcome"));
    }
}

/// An acknowledgement repeats the request, a refusal names options of it, and there is one answer
/// at most. Gives their number; a request that cannot be read counts as answered.
fn check_answers(request: Packet<'_>, said: &Said) -> usize {
    let Some(asked) = options(request.data) else {
        return 1;
    };
    let mut answers = 0;
    for answer in said.iter().filter_map(|frame| read(frame)) {
        if answer.protocol != request.protocol {
            continue;
        }
        match answer.code {
            code::ACK => assert_eq!(answer.data, request.data),
            code::NAK | code::REJECT => {
                let refused = options(answer.data).expect("options");
                assert!(!refused.is_empty());
                let names = |kind| asked.iter().any(|(known, _)| *known == kind);
                assert!(refused.iter().all(|(kind, _)| names(*kind)));
                let whole = answer.code == code::NAK;
                assert!(whole || refused.iter().all(|option| asked.contains(option)));
            }
            _ => continue,
        }
        assert_eq!(answer.id, request.id);
        answers += 1;
    }
    assert!(answers <= 1);
    answers
}
