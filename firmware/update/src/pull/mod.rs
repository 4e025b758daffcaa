//! Fetching an update from a URL: a look on a schedule or on a person's order that costs the first
//! bytes of the bundle, and the rest only where it is newer.
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
    desk::{Desk, order},
    push::Taker,
};
use schedule::Schedule;
use source::{Found, Source};

/// Looks for updates until the process ends, on schedule and on orders.
pub(crate) async fn fetch_for_ever(desk: &Arc<Desk>, config: &Update) -> ServiceResult {
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
        if desk.is_busy() {
            let why = "an update is being written, waits for its start, or is on trial";
            match ordered {
                Some(given) => refuse(given, why),
                None => schedule.postpone(BootMillis::now()),
            }
            continue;
        }
        // No error where nobody has ordered it: a wire without its cable is no news.
        if let (None, Err(why)) = (&ordered, source.bearer(None)) {
            log::info!("the look for an update is postponed: {why}");
            schedule.postpone(BootMillis::now());
            continue;
        }
        let work = look(&source, desk);
        let (found, answer) = undisturbed(&mut orders, work).await;
        schedule.looked(BootMillis::now(), found.is_err());
        if let Some(given) = ordered {
            given.answer(&OrderReply::Answer {
                lines: vec![answer],
            });
        }
        if let Ok(Some(found)) = found {
            undisturbed(&mut orders, take(found, desk)).await;
        }
    }
}

/// The source that the settings name, or why there is none.
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

/// Does `work`; orders that come meanwhile are refused.
async fn undisturbed<T>(
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

/// Looks once; gives out what was found, and that in words.
async fn look(source: &Source, desk: &Arc<Desk>) -> (Result<Option<Found>, ()>, String) {
    let (source, desk) = (source.clone(), desk.clone());
    smol::unblock(move || {
        let running = desk.running();
        let wanted =
            |header: &crate::Header| header.version > running && !desk.has_failed(header.version);
        match source.look(desk.keys(), wanted) {
            Ok(None) => {
                let text = format!("nothing newer than {running} at {}", source.url);
                log::info!("{text}");
                desk.look_ended(None);
                (Ok(None), text)
            }
            Ok(Some(found)) => {
                let version = found.header.version;
                let text = format!("version {version} found by {}", found.link);
                match desk.admit(&found.header, false) {
                    Ok(_) => {
                        log::info!("{text}");
                        desk.look_ended(None);
                        (Ok(Some(found)), format!("{text}; it is being fetched"))
                    }
                    Err(why) => {
                        let text = format!("{text}, and refused: {why}");
                        desk.look_ended(Some(&text));
                        (Ok(None), text)
                    }
                }
            }
            Err(error) => {
                let text = format!("looking for an update: {error}");
                desk.look_ended(Some(&text));
                // A server that answers is asked again at the usual time.
                let outcome = if error.is_passing() {
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

/// Installs what was found, and asks for the reboot that tries it.
async fn take(found: Found, desk: &Arc<Desk>) {
    let Found {
        header, mut image, ..
    } = found;
    let desk = desk.clone();
    smol::unblock(move || {
        let taken = desk
            .install(&header, &mut image, &mut |_| Ok(()))
            .and_then(|()| {
                order(&Request::Reboot {
                    reason: format!("to try version {}", header.version),
                })
            });
        // What failed in installing stands in the state already.
        if let Err(error) = taken {
            log::warn!("version {} is not tried now: {error}", header.version);
        }
    })
    .await;
}
