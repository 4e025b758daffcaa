//! PPP: each control protocol in the state in which it matters, as client and as server.

mod agreed;
mod end;
mod frame;
mod ledger;
mod proof;
mod script;
mod session;
mod settings;

use tokio_modem::ppp::Event;

use self::{
    end::End,
    script::{Dialect, IPCP_DIALECT, IPV6CP_DIALECT, LCP_DIALECT},
};
use super::source::Source;

pub use session::ppp_session;

/// How a peer may want to have it proven who we are.
const DEMANDS: &[&[u8]] = &[&[], &[3, 4, 0xc0, 0x23], &[3, 5, 0xc2, 0x23, 5]];

/// LCP from its first request on, over and again.
pub fn lcp(data: &[u8]) {
    let mut source = Source::new(data);
    let (mut end, _) = End::up(settings::either(&mut source), 1);
    if source.flag() {
        end.open(&[]);
    }
    while !source.is_empty() {
        match source.octet() % 16 {
            0 => drop(end.handle(Event::Close)),
            1 => drop(end.handle(Event::Open)),
            2 => drop(end.handle(Event::LowerDown)),
            3 => drop(end.handle(Event::LowerUp)),
            4 => drop(end.handle(Event::Tick)),
            5 => end.prove(),
            _ => drop(script::negotiate(&mut source, &mut end, &LCP_DIALECT)),
        }
    }
    end.settle();
}

/// PAP and CHAP once LCP is open.
pub fn auth(data: &[u8]) {
    let mut source = Source::new(data);
    let (mut end, _) = End::up(settings::either(&mut source), 1);
    end.open(source.pick(DEMANDS));
    while !source.is_empty() {
        script::authenticate(&mut source, &mut end);
    }
    end.settle();
}

/// IPCP once everybody is known.
pub fn ipcp(data: &[u8]) {
    network(data, &IPCP_DIALECT);
}

/// IPv6CP, beside an IPCP that may be open.
pub fn ipv6cp(data: &[u8]) {
    network(data, &IPV6CP_DIALECT);
}

fn network(data: &[u8], dialect: &Dialect) {
    let mut source = Source::new(data);
    let (mut end, _) = End::up(settings::either(&mut source), 1);
    end.open(source.pick(DEMANDS));
    end.prove();
    while !source.is_empty() {
        script::negotiate(&mut source, &mut end, dialect);
    }
    end.settle();
}
