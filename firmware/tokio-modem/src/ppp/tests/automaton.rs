//! The automaton against the table of RFC 1661, section 4.1, as the RFC prints it.

use crate::ppp::automaton::{Actions, State, Trigger};
use std::vec::Vec;

const STATES: [State; 10] = [
    State::Initial,
    State::Starting,
    State::Closed,
    State::Stopped,
    State::Closing,
    State::Stopping,
    State::ReqSent,
    State::AckRcvd,
    State::AckSent,
    State::Opened,
];

/// Actions and the number of the next state; the letters behind it name options that are not
/// taken (r), passive (p) and crossed connections (x).
const TABLE: [(Trigger, &str); 16] = [
    (Trigger::Up, "2 irc,scr/6 - - - - - - - -"),
    (Trigger::Down, "- - 0 tls/1 0 1 1 1 1 tld/1"),
    (Trigger::Open, "tls/1 1 irc,scr/6 3r 5r 5r 6 7 8 9r"),
    (
        Trigger::Close,
        "0 tlf/0 2 2 4 4 irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4",
    ),
    (Trigger::Timeout, "- - - - str/4 str/5 scr/6 scr/6 scr/8 -"),
    (
        Trigger::LastTimeout,
        "- - - - tlf/2 tlf/3 tlf/3p tlf/3p tlf/3p -",
    ),
    (
        Trigger::GoodRequest,
        "- - sta/2 irc,scr,sca/8 4 5 sca/8 sca,tlu/9 sca/8 tld,scr,sca/8",
    ),
    (
        Trigger::BadRequest,
        "- - sta/2 irc,scr,scn/6 4 5 scn/6 scn/7 scn/6 tld,scr,scn/6",
    ),
    (
        Trigger::Ack,
        "- - sta/2 sta/3 4 5 irc/7 scr/6x irc,tlu/9 tld,scr/6x",
    ),
    (
        Trigger::Nak,
        "- - sta/2 sta/3 4 5 irc,scr/6 scr/6x irc,scr/8 tld,scr/6x",
    ),
    (
        Trigger::TerminateRequest,
        "- - sta/2 sta/3 sta/4 sta/5 sta/6 sta/6 sta/6 tld,zrc,sta/5",
    ),
    (Trigger::TerminateAck, "- - 2 3 tlf/2 tlf/3 6 6 8 tld,scr/6"),
    (
        Trigger::UnknownCode,
        "- - scj/2 scj/3 scj/4 scj/5 scj/6 scj/7 scj/8 scj/9",
    ),
    (Trigger::NonFatalReject, "- - 2 3 4 5 6 6 8 9"),
    (
        Trigger::FatalReject,
        "- - tlf/2 tlf/3 tlf/2 tlf/3 tlf/3 tlf/3 tlf/3 tld,irc,str/5",
    ),
    (Trigger::Echo, "- - 2 3 4 5 6 7 8 ser/9"),
];

const ACTIONS: [(&str, Actions); 13] = [
    ("tld", Actions::TLD),
    ("tls", Actions::TLS),
    ("irc", Actions::IRC),
    ("zrc", Actions::ZRC),
    ("scr", Actions::SCR),
    ("sca", Actions::SCA),
    ("scn", Actions::SCN),
    ("str", Actions::STR),
    ("sta", Actions::STA),
    ("scj", Actions::SCJ),
    ("ser", Actions::SER),
    ("tlu", Actions::TLU),
    ("tlf", Actions::TLF),
];

#[test]
fn table_matches_rfc_1661() {
    for (trigger, row) in TABLE {
        let cells: Vec<&str> = row.split(' ').collect();
        assert_eq!(cells.len(), STATES.len(), "{trigger:?}");
        for (state, cell) in STATES.into_iter().zip(cells) {
            let place = std::format!("{trigger:?} in {state:?}");
            let step = state.step(trigger);
            if cell == "-" {
                assert_eq!(step, None, "{place}");
                continue;
            }
            let (actions, next) = cell.rsplit_once('/').unwrap_or(("", cell));
            let next: usize = next.trim_end_matches(['r', 'p', 'x']).parse().unwrap();
            let step = step.unwrap_or_else(|| panic!("{place}: missing"));
            assert_eq!(step.next, STATES[next], "{place}");
            let told: Vec<&str> = actions.split(',').filter(|name| !name.is_empty()).collect();
            for name in &told {
                assert!(
                    ACTIONS.iter().any(|(known, _)| known == name),
                    "{place}: {name}"
                );
            }
            for (name, action) in ACTIONS {
                assert_eq!(
                    step.actions.has(action),
                    told.contains(&name),
                    "{place}: {name}"
                );
            }
            // Whoever carries them out goes by the order of the constants.
            let order = told
                .iter()
                .map(|name| ACTIONS.iter().position(|(known, _)| known == name));
            assert!(order.is_sorted(), "{place}");
        }
    }
}
