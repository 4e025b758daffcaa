//! Faults of the carrier.

use std::time::Duration;

use failberry_bench::carrier::{Auth, CarrierSettings};

use super::{Fault, stick::DOWN};

/// The box promises 12 s to its verdict. The console says so when the call has been ended, which
/// takes until the peer has answered, on a host that may be busy.
const BLACK_HOLE: Duration = Duration::from_secs(15);

pub(super) const FAULTS: &[Fault] = &[
    Fault::quick("the carrier ends the call", DOWN, 15, |scene| {
        Ok(scene.carrier.terminate_call()?)
    }),
    Fault::quick("a carrier that swallows everything", DOWN, 30, |scene| {
        Ok(scene.carrier.blackhole(true)?)
    })
    .noticed_within(BLACK_HOLE),
    Fault::slow(
        "the carrier refuses our name",
        "authentication",
        60,
        |scene| {
            let settings = CarrierSettings {
                auth: Auth::Chap,
                ..CarrierSettings::default()
            };
            scene.carrier.set(settings)?;
            Ok(scene.carrier.terminate_call()?)
        },
    ),
    Fault::slow(
        "the carrier gives an address behind its own NAT",
        "cannot be reached from the internet",
        20,
        |scene| {
            let settings = CarrierSettings {
                remote: std::net::Ipv4Addr::new(100, 64, 0, 17),
                ..CarrierSettings::default()
            };
            scene.carrier.set(settings)?;
            Ok(scene.carrier.terminate_call()?)
        },
    ),
];
