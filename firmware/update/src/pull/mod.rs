//! Pull of an update from a URL: a check, on a schedule or on an operator's order, that costs the
//! first bytes of the bundle, and the rest only if it is newer.
//!
//! The wire is used while it works, though the default route goes by the carrier while both links
//! are up; mobile data is spent only with `update.over_mobile`.

mod error;
mod schedule;
mod source;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use failberry_config::Update;
use failberry_service::{
    Request, ServiceResult, http,
    orders::{Given, OrderReply, Orders, UpdateOrder},
};
use failberry_state::{BootMillis, RUN};
use smol::{Timer, future::FutureExt};

use crate::{
    manager::{UpdateManager, send_request},
    push::UpdateReceiver,
};
use schedule::Schedule;
use source::{Found, Source};

/// Checks for updates until the process ends, on schedule and on orders.
pub(crate) async fn run_pulls(manager: &Arc<UpdateManager>, config: &Update) -> ServiceResult {
    let mut orders = match Orders::listen(Path::new(RUN)) {
        Ok(orders) => Some(orders),
        Err(error) => {
            log::warn!("orders cannot be taken: {error}");
            None
        }
    };
    let source = match source(config) {
        Ok(source) => source,
        Err(why) => {
            log::info!("no update is looked for: {why}");
            loop {
                refuse(next(&mut orders).await, &why);
            }
        }
    };
    let mut schedule = Schedule::new(BootMillis::now(), config.every_hours);
    loop {
        let ordered = async { Some(next(&mut orders).await) };
        let timed = async {
            let left = schedule.due().since(BootMillis::now());
            Timer::after(Duration::from_millis(left)).await;
            None
        };
        let ordered = ordered.or(timed).await;
        if manager.is_busy() {
            let why = "an update is being written, waits for its start, or is on trial";
            match ordered {
                Some(given) => refuse(given, why),
                None => schedule.postpone(BootMillis::now()),
            }
            continue;
        }
        // Not an error without an order: a wire without its cable is nothing new.
        if let (None, Err(why)) = (&ordered, source.bearer(None)) {
            log::info!("the look for an update is postponed: {why}");
            schedule.postpone(BootMillis::now());
            continue;
        }
        let work = check(&source, manager);
        let (found, answer) = refusing_others(&mut orders, work).await;
        schedule.record_check(BootMillis::now(), found.is_err());
        if let Some(given) = ordered {
            given.answer(&OrderReply::Answer {
                lines: vec![answer],
            });
        }
        if let Ok(Some(found)) = found {
            refusing_others(&mut orders, install_found(found, manager)).await;
        }
    }
}

/// Returns the configured source, or why there is none.
fn source(config: &Update) -> Result<Source, String> {
    if config.keys.is_empty() {
        return Err("no update.keys are set".into());
    }
    let url = config.url.clone().ok_or("no update.url is set")?;
    let roots = http::roots(config.ca.as_deref());
    let roots = roots.map_err(|error| format!("update.ca: {error}"))?;
    Ok(Source::new(url, roots, config.over_mobile))
}

async fn next(orders: &mut Option<Orders<UpdateOrder>>) -> Given<UpdateOrder> {
    match orders {
        Some(orders) => orders.next().await,
        None => smol::future::pending().await,
    }
}

fn refuse(given: Given<UpdateOrder>, why: &str) {
    given.answer(&OrderReply::Refused { why: why.into() });
}

/// Runs `work`; refuses orders that arrive meanwhile.
async fn refusing_others<T>(
    orders: &mut Option<Orders<UpdateOrder>>,
    work: impl Future<Output = T>,
) -> T {
    let refusing = async {
        loop {
            refuse(next(orders).await, "the update service is at work on one");
        }
    };
    work.or(refusing).await
}

/// Checks once; returns what was found, and its description.
async fn check(
    source: &Source,
    manager: &Arc<UpdateManager>,
) -> (Result<Option<Found>, ()>, String) {
    let (source, manager) = (source.clone(), manager.clone());
    smol::unblock(move || {
        let running = manager.running();
        let wanted = |header: &crate::Header| {
            header.version > running && !manager.version_has_failed(header.version)
        };
        match source.check(manager.keys(), wanted) {
            Ok(None) => {
                let text = format!("nothing newer than {running} at {}", source.url);
                log::info!("{text}");
                manager.on_check_end(None);
                (Ok(None), text)
            }
            Ok(Some(found)) => {
                let version = found.header.version;
                let text = format!("version {version} found by {}", found.link);
                match manager.admit(&found.header, false) {
                    Ok(_) => {
                        log::info!("{text}");
                        manager.on_check_end(None);
                        (Ok(Some(found)), format!("{text}; it is being fetched"))
                    }
                    Err(why) => {
                        let text = format!("{text}, and refused: {why}");
                        manager.on_check_end(Some(&text));
                        (Ok(None), text)
                    }
                }
            }
            Err(error) => {
                let text = format!("looking for an update: {error}");
                manager.on_check_end(Some(&text));
                // A server that answers is asked again at the usual interval.
                let outcome = if error.is_transient() {
                    Err(())
                } else {
                    Ok(None)
                };
                (outcome, text)
            }
        }
    })
    .await
}

/// Installs what was found, and requests the reboot that tries it.
async fn install_found(found: Found, manager: &Arc<UpdateManager>) {
    let Found {
        header, mut image, ..
    } = found;
    let manager = manager.clone();
    smol::unblock(move || {
        let taken = manager
            .install(&header, &mut image, &mut |_| Ok(()))
            .and_then(|()| {
                send_request(&Request::Reboot {
                    reason: format!("to try version {}", header.version),
                })
            });
        // A failed installation is in the state already.
        if let Err(error) = taken {
            log::warn!("version {} is not tried now: {error}", header.version);
        }
    })
    .await;
}
