//! Dynamic DNS client: keeps a Route 53 A record at the carrier address, so that the house can be
//! reached when the wired line is dead.
//!
//! Owns the A record. Takes in the carrier address from `uplink` and whether the clock can be
//! trusted; gives out signed Route 53 requests over TLS and [`DyndnsState`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod route53;
mod updater;

use std::{net::Ipv4Addr, time::Duration};

use failberry_config::DyndnsConfig;
use failberry_service::{Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::{
    BootMillis, ClockState, DyndnsState, NetworkState, StateFile, UplinkState, Watcher, read,
};
use smol::{Async, Timer, future::FutureExt};

use crate::{
    route53::{RecordError, Route53, SignedBy},
    updater::{Action, Event, Inputs, RecordUpdater},
};

/// Timeout of one exchange with Route 53. A 3G link with retransmissions needs seconds, not
/// minutes.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Updates the record until the process ends; idle if none is configured.
///
/// # Errors
/// The configuration cannot be used, privileges cannot be dropped, or the kernel refuses a watch.
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
    let updater = RecordUpdater::new(record.publish_private);
    let name = record.name.clone();
    let zone = Route53::new(record, keys)?;
    block_on(run_updater(updater, &name, zone, &watcher))
}

async fn run_updater(
    mut updater: RecordUpdater,
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
        match updater.step(event, BootMillis::now()) {
            Action::Publish(address) => {
                let zone = zone.clone();
                let signed = BootMillis::now();
                let request = async move {
                    let outcome = smol::unblock(move || zone.upsert(address)).await;
                    Ok(RequestEnd::Answered(outcome))
                };
                let end = request.or(superseded(address, watcher)).await?;
                let next = match end {
                    RequestEnd::Answered(Ok(signed_by)) => {
                        log::info!("{name} is now {address}");
                        state.published = Some(address);
                        state.since = BootMillis::now();
                        if signed_by == SignedBy::SystemClock {
                            state.signed = signed;
                        } else {
                            log::warn!("the clock is off, so AWS told the time for the signature");
                        }
                        state.last_error = None;
                        Event::Published(address)
                    }
                    RequestEnd::Answered(Err(error)) => {
                        log::warn!("cannot set {name}: {error}");
                        state.last_error = Some(error.to_string());
                        Event::Failed {
                            refused: matches!(error, RecordError::Refused { .. }),
                        }
                    }
                    RequestEnd::Superseded(inputs) => {
                        log::info!("{address} is gone before {name} was set to it");
                        Event::Superseded(inputs)
                    }
                };
                file.publish(&state)?;
                event = if matches!(next, Event::Superseded(_)) {
                    next
                } else {
                    updater.step(next, BootMillis::now());
                    // Other changes during the request were drained, but not read.
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
enum RequestEnd {
    Answered(Result<SignedBy, RecordError>),
    Superseded(Inputs),
}

/// Waits until `address` is not the carrier address any more.
async fn superseded(address: Ipv4Addr, watcher: &Async<Watcher>) -> std::io::Result<RequestEnd> {
    loop {
        watcher.readable().await?;
        watcher.get_ref().drain();
        let inputs = inputs();
        if inputs.address != Some(address) {
            return Ok(RequestEnd::Superseded(inputs));
        }
    }
}

/// Waits until the deadline or a change of state.
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
    // An unreadable state counts as none: its owner rewrites it.
    let uplink: UplinkState = read().unwrap_or_default();
    let network: NetworkState = read().unwrap_or_default();
    let clock: ClockState = read().unwrap_or_default();
    // Before the routes are set, a request could only fail and wait for its retry.
    let routed = uplink
        .link
        .filter(|link| network.default_via.as_ref() == Some(&link.interface));
    Inputs {
        address: routed.map(|link| link.local),
        clock: clock.synced.then_some(clock.stepped),
    }
}
