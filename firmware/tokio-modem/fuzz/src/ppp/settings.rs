//! What an end is told before it starts.

use core::net::Ipv4Addr;

use tokio_modem::ppp::{AuthProtocol, Config, Credentials, Echo, Offer, PhaseLimits, Role};

use super::super::source::Source;

pub(super) const USER: &str = "gdata";
pub(super) const SECRET: &str = "tiger!secret";

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 7);
pub(super) const DNS: Ipv4Addr = Ipv4Addr::new(193, 201, 224, 1);

pub(super) fn client(source: &mut Source<'_>) -> Config {
    let switches = source.octet();
    let is_on = |bit: u8| switches >> bit & 1 == 1;
    Config {
        credentials: Credentials::new(USER, SECRET).unwrap(),
        mru: source.pick(&[1500, 1400, 128, 0, u16::MAX]),
        accm: source.pick(&[0, 0x000a_0000, u32::MAX]),
        pfc: is_on(0),
        acfc: is_on(1),
        allow_pap: is_on(2),
        allow_chap: is_on(3),
        dns: is_on(4),
        ipv6: is_on(5),
        echo: source.pick(&[
            None,
            Some(Echo::default()),
            Some(Echo {
                interval: 1_000,
                limit: Some(3),
            }),
        ]),
        negotiation_limit: if is_on(6) { 5_000 } else { 60_000 },
        phase_limits: if is_on(7) {
            PhaseLimits {
                establish: 4_000,
                authenticate: 7_000,
                network: 10_000,
            }
        } else {
            PhaseLimits::default()
        },
        role: Role::Client,
    }
}

pub(super) fn server(source: &mut Source<'_>) -> Config {
    let offer = Offer {
        local: SERVER,
        peer: CLIENT,
        dns: source.pick(&[[Some(DNS), Some(SERVER)], [Some(DNS), None], [None; 2]]),
        auth: source.pick(&[None, Some(AuthProtocol::Pap), Some(AuthProtocol::ChapMd5)]),
    };
    Config {
        role: Role::Server(offer),
        ..client(source)
    }
}

pub(super) fn either(source: &mut Source<'_>) -> Config {
    if source.flag() {
        server(source)
    } else {
        client(source)
    }
}
