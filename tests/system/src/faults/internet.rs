//! Faults of the internet: wrong or missing DNS answers, wrong or silent time servers, a
//! misbehaving Route 53.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use failberry_bench::{
    carrier::CarrierSettings,
    internet::{Authority, Behaviour},
    net::{IMPOSTOR_ADDRESS, ResolverBehaviour},
    probe::get_within,
    scene::Scene,
    stick::Sim,
};

use super::{Fault, inject::traffic_flows};
use crate::{
    steps::PAGE_HOST,
    suite::{Outcome, expect},
};

/// Log text of dyndns for each failed attempt.
const NOT_SET: &str = "cannot set gsm.failberry.test";

/// Ten years in milliseconds.
const TEN_YEARS_MS: i64 = 10 * 365 * 86_400_000;

/// Seconds until the time of a single server is checked again.
const ASKED_AGAIN: u64 = 64;

pub(super) const FAULTS: &[Fault] = &[
    Fault::quick(
        "the carrier's resolver gives every name the same wrong address",
        NOT_SET,
        75,
        |scene| {
            at_rest(scene)?;
            scene
                .network
                .set_resolver(ResolverBehaviour::Always(IMPOSTOR_ADDRESS))?;
            new_address(scene, 21)
        },
    )
    .noticed_within(Duration::from_secs(20))
    .recovered_when(|scene, bound| {
        record_follows(scene, 21, bound)?;
        impostor_got_no_request(scene)
    }),
    Fault::slow(
        "the same from the boot on, with a clock ten years ahead",
        NOT_SET,
        ASKED_AGAIN + 60,
        |scene| {
            scene
                .network
                .set_resolver(ResolverBehaviour::Always(IMPOSTOR_ADDRESS))?;
            boot_at(scene, 22)
        },
    )
    .recovered_when(|scene, bound| {
        record_follows(scene, 22, bound)?;
        impostor_got_no_request(scene)
    }),
    Fault::slow(
        "resolvers that refuse to tell of IPv6 addresses, from the boot on",
        "",
        45,
        |scene| {
            scene.network.set_resolver(ResolverBehaviour::RefuseAaaa)?;
            boot_at(scene, 23)?;
            // The record is set while AAAA queries are refused.
            let set = scene
                .services
                .route53
                .wait_change(address(23), scene.bound(40));
            Ok(set.map(drop)?)
        },
    ),
    Fault::slow("resolvers silent for a minute", NOT_SET, 180, |scene| {
        at_rest(scene)?;
        let until = Instant::now() + Duration::from_secs(60);
        scene.network.set_resolver(ResolverBehaviour::Silent)?;
        new_address(scene, 24)?;
        // Traffic without DNS is not affected.
        traffic_flows(scene, scene.bound(20))?;
        keep_asking(scene, until, "/nameless")?;
        Ok(())
    })
    .recovered_when(|scene, bound| record_follows(scene, 24, bound)),
    Fault::slow(
        "no time server answers, on a card that knows no time",
        "AWS told the time",
        90,
        |scene| {
            scene.services.ntp.set_silent(true);
            set_carrier(scene, 25)?;
            scene.flash()?;
            traffic_flows(scene, scene.bound(60))
        },
    )
    .recovered_when(|scene, bound| record_follows(scene, 25, bound)),
    Fault::slow(
        "the only time server is ten years ahead, on a card that knows no time",
        NOT_SET,
        ASKED_AGAIN + 60,
        |scene| {
            scene.services.ntp.set_offset(TEN_YEARS_MS);
            set_carrier(scene, 26)?;
            scene.flash()?;
            traffic_flows(scene, scene.bound(60))?;
            scene.board.console.wait("time set from", scene.bound(20))?;
            Ok(())
        },
    )
    .recovered_when(|scene, bound| record_follows(scene, 26, bound)),
    Fault::slow(
        "a time server lies at one boot and is right at the next",
        "is PID 1",
        150,
        |scene| {
            new_address(scene, 27)?;
            record_follows(scene, 27, scene.bound(30))?;
            scene.services.ntp.set_offset(TEN_YEARS_MS);
            boot_at(scene, 28)?;
            scene.board.console.wait("time set from", scene.bound(40))?;
            // The wrong time must not have been saved on the card.
            scene.services.ntp.set_silent(true);
            Ok(scene.power_cycle(Sim::Ready)?)
        },
    )
    .recovered_when(|scene, bound| {
        // In this boot, which got the default address.
        let words = "gsm.failberry.test is now 203.0.113.17";
        scene.board.console.wait(words, bound)?;
        Ok(())
    }),
    Fault::slow(
        "Route 53 hangs up on every try for 40 s",
        NOT_SET,
        130,
        |scene| {
            const OUTAGE: Duration = Duration::from_secs(40);
            at_rest(scene)?;
            let before = tries(scene);
            scene
                .services
                .route53
                .set_behaviour(Behaviour::CloseConnection);
            new_address(scene, 31)?;
            let until = Instant::now() + OUTAGE;
            traffic_flows(scene, scene.bound(20))?;
            keep_asking(scene, until, "/meanwhile")?;
            // After 5, 10, 20 s and so on.
            let tried = tries(scene) - before;
            if (2..=5).contains(&tried) {
                Ok(())
            } else {
                Err(format!("expected 2 to 5 tries in {OUTAGE:?}, got {tried}").into())
            }
        },
    )
    .recovered_when(|scene, bound| record_follows(scene, 31, bound)),
    Fault::slow("Route 53 answers 503", "status 503", 75, |scene| {
        with_route53_behaviour(scene, Behaviour::overloaded(), 32)
    })
    .recovered_when(|scene, bound| record_follows(scene, 32, bound)),
    Fault::slow("Route 53 throttles", "Throttling", 75, |scene| {
        with_route53_behaviour(scene, Behaviour::throttles(), 33)
    })
    .recovered_when(|scene, bound| record_follows(scene, 33, bound)),
    Fault::slow("Route 53 answers 429", "status 429", 75, |scene| {
        with_route53_behaviour(scene, Behaviour::too_many_requests(), 34)
    })
    .recovered_when(|scene, bound| record_follows(scene, 34, bound)),
    Fault::slow("Route 53 answers garbage", NOT_SET, 75, |scene| {
        with_route53_behaviour(scene, Behaviour::Garbage(vec![0xff; 70_000]), 35)
    })
    .recovered_when(|scene, bound| record_follows(scene, 35, bound)),
    Fault::slow(
        "Route 53 proves itself to be somebody else",
        "ertificate",
        75,
        |scene| {
            let somebody = scene.services.authority.server(&["example.failberry.test"]);
            with_route53_behaviour(scene, Behaviour::WrongCertificate(somebody), 36)
        },
    )
    .recovered_when(|scene, bound| record_follows(scene, 36, bound)),
    Fault::slow(
        "Route 53 proves itself by an authority nobody knows",
        "ertificate",
        75,
        |scene| {
            let host = "route53.failberry.test";
            with_route53_behaviour(
                scene,
                Behaviour::WrongCertificate(Authority::new().server(&[host])),
                37,
            )
        },
    )
    .recovered_when(|scene, bound| record_follows(scene, 37, bound)),
];

/// Clears all faults of the internet.
pub(super) fn clear_faults(scene: &mut Scene) -> Outcome {
    scene.services.route53.set_behaviour(Behaviour::Normal);
    scene.services.ntp.set_silent(false);
    scene.services.ntp.set_offset(0);
    if scene.network.names() != ResolverBehaviour::Correct {
        scene.network.set_resolver(ResolverBehaviour::Correct)?;
    }
    Ok(())
}

/// Returns a carrier address for one fault; distinct ones, so that no earlier change of the record
/// counts.
const fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, last)
}

fn set_carrier(scene: &Scene, last: u8) -> Outcome {
    let settings = CarrierSettings {
        remote: address(last),
        ..CarrierSettings::default()
    };
    Ok(scene.carrier.set(settings)?)
}

/// Waits until the boot is complete: clock set, and confirmed by an accepted signature.
fn at_rest(scene: &Scene) -> Outcome {
    let bound = scene.bound(40);
    scene
        .board
        .console
        .wait("gsm.failberry.test is now", bound)?;
    Ok(())
}

/// Sends requests from a LAN host until `until`; each must succeed.
fn keep_asking(scene: &Scene, until: Instant, page: &str) -> Outcome {
    while Instant::now() < until {
        get_within(scene.network.lan(), PAGE_HOST, 80, page, scene.bound(3))?;
    }
    Ok(())
}

/// Sets the address of the next call and ends the present one.
fn new_address(scene: &mut Scene, last: u8) -> Outcome {
    set_carrier(scene, last)?;
    let mark = scene.board.console.mark();
    scene.carrier.terminate_call()?;
    // Waits before the carrier's address is reset to the default.
    let line = format!("address 203.0.113.{last}");
    scene
        .board
        .console
        .wait_from(mark, &line, scene.bound(20))?;
    Ok(())
}

/// Power-cycles the box, which then gets this carrier address.
fn boot_at(scene: &mut Scene, last: u8) -> Outcome {
    set_carrier(scene, last)?;
    scene.power_cycle(Sim::Ready)?;
    traffic_flows(scene, scene.bound(60))
}

fn with_route53_behaviour(scene: &mut Scene, behaviour: Behaviour, last: u8) -> Outcome {
    at_rest(scene)?;
    scene.services.route53.set_behaviour(behaviour);
    new_address(scene, last)
}

/// Returns the number of requests to Route 53.
fn tries(scene: &Scene) -> usize {
    let route53 = &scene.services.route53;
    route53.changes().len() + route53.refusals().len()
}

/// Waits for the record, which takes a right clock: a signature of another time is refused.
fn record_follows(scene: &mut Scene, last: u8, bound: Duration) -> Outcome {
    let change = scene.services.route53.wait_change(address(last), bound)?;
    expect("the record", address(last).to_string(), change.value)
}

/// Checks that the box connected to the impostor and sent it no request.
fn impostor_got_no_request(scene: &Scene) -> Outcome {
    let impostor = &scene.services.impostor.route53;
    if impostor.refusals().is_empty() {
        return Err("expected the box at the impostor's door, nobody came".into());
    }
    expect("records set at the impostor's", 0, impostor.changes().len())
}
