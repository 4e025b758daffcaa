//! Faults of the carrier.

use std::{net::Ipv4Addr, time::Duration};

use failberry_bench::{
    carrier::{Auth, CarrierSettings},
    scene::Scene,
};

use super::{Fault, inject, stick, stick::DOWN};
use crate::suite::Outcome;

/// Address assigned after the carrier has cut the session, as many do every 24 h.
const NEXT_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 18);

/// Longest time to the log line of a black hole: 12 s to the verdict, then the end of the call,
/// which waits for the peer's reply.
const BLACK_HOLE: Duration = Duration::from_secs(15);

pub(super) const FAULTS: &[Fault] = &[
    Fault::quick("the carrier ends the call", DOWN, 15, |scene| {
        Ok(scene.carrier.terminate_call()?)
    }),
    Fault::slow(
        "the carrier cuts the session and gives another address",
        "address 203.0.113.18",
        30,
        |scene| next_call(scene, |settings| settings.remote = NEXT_ADDRESS),
    )
    .recovered_when(|scene, bound| {
        inject::traffic_flows(scene, bound)?;
        scene.services.route53.wait_change(NEXT_ADDRESS, bound)?;
        Ok(())
    }),
    Fault::slow("the carrier names no resolver", "DNS none", 20, |scene| {
        next_call(scene, |settings| settings.dns.clear())
    }),
    Fault::slow(
        "the carrier takes the next call and says nothing",
        "no carrier link",
        60,
        |scene| {
            stick::of(scene)?.drop_call();
            scene.carrier.mute(true);
            Ok(())
        },
    ),
    Fault::quick("a carrier that swallows everything", DOWN, 30, |scene| {
        Ok(scene.carrier.blackhole(true)?)
    })
    .noticed_within(BLACK_HOLE),
    Fault::slow(
        "the carrier refuses our name",
        "authentication",
        60,
        |scene| next_call(scene, |settings| settings.auth = Auth::Chap),
    ),
    Fault::slow(
        "the carrier gives an address behind its own NAT",
        "cannot be reached from the internet",
        20,
        |scene| {
            next_call(scene, |settings| {
                settings.remote = Ipv4Addr::new(100, 64, 0, 17);
            })
        },
    ),
];

/// Ends the call; changes the settings for the next one.
fn next_call(scene: &mut Scene, change: fn(&mut CarrierSettings)) -> Outcome {
    let mut settings = CarrierSettings::default();
    change(&mut settings);
    scene.carrier.set(settings)?;
    Ok(scene.carrier.terminate_call()?)
}
