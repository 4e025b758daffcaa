//! Keeps a DNS name at the carrier address, so that the house is found when the wired line is dead.
//!
//! Owns the A record. Takes in the carrier address from `uplink` and whether the clock can be
//! trusted; gives out signed Route 53 requests over TLS and [`DyndnsState`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod core;
mod route53;

use std::{net::Ipv4Addr, time::Duration};

use failberry_config::DyndnsConfig;
use failberry_service::{Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::{
    BootMillis, ClockState, DyndnsState, NetworkState, StateFile, UplinkState, Watcher, read,
};
use smol::{Async, Timer, future::FutureExt};

use crate::{
    core::{Action, Core, Event, Inputs},
    route53::{By, RecordError, Route53},
};

/// A whole exchange with the zone's server. A 3G link with retransmissions needs seconds, not
/// minutes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps the record until the process ends; idle where none is configured.
///
/// # Errors
/// A configuration that cannot be used, privileges that cannot be dropped, a watch that the
/// kernel refuses.
pub fn run() -> ServiceResult {
    let config: DyndnsConfig = read_config(Service::Dyndns)?;
    drop_to(Service::Dyndns, &[])?;
    let Some((record, keys)) = config.record else {
        log::info!("no [dyndns] with [aws] keys in failberrypi.toml, so no name is kept");
        return block_on(smol::future::pending());
    };
    let watcher = Async::new(Watcher::new(&[
        Service::Uplink,
        Service::Network,
        Service::Clock,
    ])?)?;
    let core = Core::new(record.publish_private);
    let name = record.name.clone();
    let zone = Route53::new(record, keys)?;
    block_on(keep(core, &name, zone, &watcher))
}

async fn keep(
    mut core: Core,
    name: &str,
    zone: Route53,
    watcher: &Async<Watcher>,
) -> ServiceResult {
    let file = StateFile::new();
    let mut state = DyndnsState {
        name: Some(name.to_owned()),
        ..DyndnsState::default()
    };
    file.publish(&state)?;
    let mut event = Event::Inputs(inputs());
    loop {
        match core.step(event, BootMillis::now()) {
            Action::Publish(address) => {
                let zone = zone.clone();
                let signed = BootMillis::now();
                let asking = async move {
                    let outcome = smol::unblock(move || zone.upsert(address)).await;
                    Ok(Asked::Told(outcome))
                };
                let asked = asking.or(overtaken(address, watcher)).await?;
                let told = match asked {
                    Asked::Told(Ok(by)) => {
                        log::info!("{name} is now {address}");
                        state.published = Some(address);
                        state.since = BootMillis::now();
                        if by == By::OurClock {
                            state.signed = signed;
                        } else {
                            log::warn!("the clock is off, so AWS told the time for the signature");
                        }
                        state.last_error = None;
                        Event::Published(address)
                    }
                    Asked::Told(Err(error)) => {
                        log::warn!("cannot set {name}: {error}");
                        state.last_error = Some(error.to_string());
                        Event::Failed {
                            refused: matches!(error, RecordError::Refused { .. }),
                        }
                    }
                    Asked::Overtaken(inputs) => {
                        log::info!("{address} is gone before {name} was set to it");
                        Event::Overtaken(inputs)
                    }
                };
                file.publish(&state)?;
                event = if matches!(told, Event::Overtaken(_)) {
                    told
                } else {
                    core.step(told, BootMillis::now());
                    // What else changed meanwhile was heard, and not looked at.
                    Event::Inputs(inputs())
                };
            }
            Action::Refuse(address) => {
                let reason = format!(
                    "{address} cannot be reached from the internet (carrier NAT), so {name} is \
                     left alone; publish_private = true would set it all the same"
                );
                log::warn!("{reason}");
                state.last_error = Some(reason);
                file.publish(&state)?;
                event = Event::Tick;
            }
            Action::Wait { until } => event = wait(until, watcher).await?,
        }
    }
}

/// How a request ended.
enum Asked {
    Told(Result<By, RecordError>),
    Overtaken(Inputs),
}

/// Until `address` is not ours any more.
async fn overtaken(address: Ipv4Addr, watcher: &Async<Watcher>) -> std::io::Result<Asked> {
    loop {
        watcher.readable().await?;
        watcher.get_ref().drain();
        let inputs = inputs();
        if inputs.address != Some(address) {
            return Ok(Asked::Overtaken(inputs));
        }
    }
}

/// Until the time comes or a state changes.
async fn wait(until: Option<BootMillis>, watcher: &Async<Watcher>) -> std::io::Result<Event> {
    let changed = async {
        watcher.readable().await?;
        watcher.get_ref().drain();
        Ok(Event::Inputs(inputs()))
    };
    let timed = async {
        match until {
            Some(until) => {
                let wait = Duration::from_millis(until.since(BootMillis::now()));
                Timer::after(wait).await;
                Ok(Event::Tick)
            }
            None => smol::future::pending().await,
        }
    };
    changed.or(timed).await
}

fn inputs() -> Inputs {
    // An unreadable state is as good as none: its owner will write it anew.
    let uplink: UplinkState = read().unwrap_or_default();
    let network: NetworkState = read().unwrap_or_default();
    let clock: ClockState = read().unwrap_or_default();
    // Before the routes stand, a request could only fail and wait for its next turn.
    let routed = uplink
        .link
        .filter(|link| network.default_via.as_ref() == Some(&link.interface));
    Inputs {
        address: routed.map(|link| link.local),
        clock: clock.synced.then_some(clock.stepped),
    }
}
