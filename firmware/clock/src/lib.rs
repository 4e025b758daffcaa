//! SNTP client: wall-clock time on a board without a clock chip.
//!
//! Owns the system clock after boot and the time saved on the card. Takes in SNTP answers (RFC
//! 4330), changes of the links and `dyndns`' accepted signatures, which confirm the time; gives out
//! a clock that TLS and request signing can rely on, and [`ClockState`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod quorum;
mod rejected;
mod saved;
mod sntp;
mod step_watch;
mod sync;
mod system;

use std::{net::Ipv4Addr, path::Path, time::Duration};

use failberry_config::ClockConfig;
use failberry_service::{Capability, Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::{
    BootMillis, ClockState, DyndnsState, NetworkState, StateFile, UplinkState, Watcher, read,
};
use smol::{Async, Timer, future::FutureExt};

use crate::{
    rejected::RejectedAnswer,
    saved::{SavedTime, Times},
    step_watch::StepWatch,
    sync::{Action, ClockSync, Event},
};

/// File that keeps the time over a power loss; `storage` creates its directory.
const SAVED_TIME_PATH: &str = "/data/clock/time";

/// Synchronises the clock until the process ends.
///
/// # Errors
/// The configuration cannot be read, privileges cannot be dropped, or the kernel refuses a watch.
pub fn run() -> ServiceResult {
    let config: ClockConfig = read_config(Service::Clock)?;
    let watcher = Async::new(Watcher::new(&[
        Service::Network,
        Service::Uplink,
        Service::Dyndns,
    ])?)?;
    drop_to(Service::Clock, &[Capability::CAP_SYS_TIME])?;

    let saved = SavedTime::at(Path::new(SAVED_TIME_PATH));
    let Times { time, floor } = saved.read();
    // A time that an earlier process of this service has set is no floor.
    let before: ClockState = read().unwrap_or_default();
    let built = match before.floor {
        0 => system::now(),
        known => Duration::from_secs(known),
    };
    if before == ClockState::default() && time > system::now() {
        system::set(time)?;
        log::info!(
            "clock raised to the time saved last, {}",
            system::display(time)
        );
    }
    let step_watch = Async::new(StepWatch::arm()?)?;
    let sync = ClockSync::new(config.time.servers, floor.max(built), before.stepped);
    let driver = Driver {
        state: ClockState {
            floor: sync.floor().as_secs(),
            stepped: before.stepped,
            ..ClockState::default()
        },
        sync,
        saved,
        step_watch,
        last_signature: BootMillis(0),
        last_rejected: None,
    };
    block_on(driver.run(&watcher))
}

struct Driver {
    sync: ClockSync,
    saved: SavedTime,
    step_watch: Async<StepWatch>,
    state: ClockState,
    /// When the last accepted signature was made.
    last_signature: BootMillis,
    /// The last rejected answer.
    last_rejected: Option<RejectedAnswer>,
}

impl Driver {
    async fn run(mut self, watcher: &Async<Watcher>) -> ServiceResult {
        let file = StateFile::new();
        let mut links = None;
        let mut event = Event::Tick;
        file.publish(&self.state)?;
        loop {
            let action = self.sync.step(event, BootMillis::now());
            self.state.settled = self.sync.settled();
            self.state.floor = self.sync.floor().as_secs();
            self.state.stepped = self.sync.stepped();
            match action {
                Action::Ask(server) => {
                    event = match sntp::ask(&server).await {
                        Ok(time) => Event::Answer { server, time },
                        Err(error) => Event::Failed(format!("{server}: {error}")),
                    };
                    if let Event::Failed(reason) = &event {
                        self.record_failure(reason);
                        file.publish(&self.state)?;
                    }
                }
                Action::Reject(rejected) => {
                    self.record_rejection(rejected);
                    file.publish(&self.state)?;
                    event = Event::Tick;
                }
                Action::Set { time, server, step } => {
                    self.set(time, server, step)?;
                    file.publish(&self.state)?;
                    event = Event::Tick;
                }
                Action::Save => {
                    self.save();
                    file.publish(&self.state)?;
                    event = Event::Tick;
                }
                Action::Wait { until } => {
                    event = self.wait(until, watcher, &mut links).await?;
                }
            }
        }
    }

    /// Records a failed query; logs each reason once, not with each attempt.
    fn record_failure(&mut self, reason: &str) {
        if self.state.last_error.as_deref() != Some(reason) {
            log::warn!("no time from {reason}");
            self.state.last_error = Some(reason.to_owned());
        }
    }

    /// Records a rejected answer; logs it once, although its time differs with each attempt.
    fn record_rejection(&mut self, rejected: RejectedAnswer) {
        let error = rejected.to_string();
        if self.last_rejected.as_ref().map(RejectedAnswer::key) != Some(rejected.key()) {
            log::warn!("time: {error}");
        }
        self.state.last_error = Some(error);
        self.last_rejected = Some(rejected);
    }

    fn set(&mut self, time: Duration, server: String, step: bool) -> std::io::Result<()> {
        let before = system::now();
        if step {
            system::set(time)?;
            // Consumes the notification of this step.
            let _ = self.step_watch.get_ref().clock_was_stepped()?;
            log::info!("{}", stepped(&server, before, time));
        }
        self.state = ClockState {
            synced: true,
            server: Some(server),
            since: BootMillis::now(),
            last_error: None,
            ..self.state
        };
        self.last_rejected = None;
        Ok(())
    }

    fn save(&mut self) {
        let times = Times {
            time: system::now(),
            floor: self.sync.floor(),
        };
        if let Err(error) = self.saved.write(times) {
            log::warn!("{error}");
            self.state.last_error = Some(error.to_string());
        }
    }

    /// Waits until the deadline, a change of the links, an accepted signature or an external step.
    async fn wait(
        &mut self,
        until: BootMillis,
        watcher: &Async<Watcher>,
        links: &mut Option<Links>,
    ) -> std::io::Result<Event> {
        loop {
            watcher.get_ref().drain();
            let present = Links::read();
            if links.as_ref() != Some(&present) {
                let any_up = present != Links::default();
                *links = Some(present);
                return Ok(Event::LinkChanged { any_up });
            }
            let dyndns: DyndnsState = read().unwrap_or_default();
            let at = dyndns.signed;
            if std::mem::replace(&mut self.last_signature, at) != at {
                let local_time = system::now();
                return Ok(Event::SignatureAccepted { at, local_time });
            }
            if self.step_watch.get_ref().clock_was_stepped()? {
                let shows = system::display(system::now());
                log::warn!("somebody else has stepped the clock, it shows {shows} now");
                return Ok(Event::SteppedExternally);
            }
            let wait = Duration::from_millis(until.since(BootMillis::now()));
            let changed = async { watcher.readable().await.map(|()| true) };
            let stepped = async { self.step_watch.readable().await.map(|()| true) };
            let timed = async {
                Timer::after(wait).await;
                Ok(false)
            };
            if !changed.or(stepped).or(timed).await? {
                return Ok(Event::Tick);
            }
        }
    }
}

/// Returns the log line for a step of the clock from `before` to `time`.
fn stepped(server: &str, before: Duration, time: Duration) -> String {
    let off = system::span(time.abs_diff(before));
    let way = if before < time { "behind" } else { "ahead" };
    let time = system::display(time);
    format!("time set from {server}: it is {time}, the clock was {off} {way}")
}

/// Local addresses from which a time server can be reached, once their routes are set.
#[derive(Default, PartialEq, Eq)]
struct Links {
    lan: Option<Ipv4Addr>,
    carrier: Option<Ipv4Addr>,
}

impl Links {
    fn read() -> Self {
        // An unreadable state counts as no link: its owner rewrites it.
        let network: NetworkState = read().unwrap_or_default();
        let uplink: UplinkState = read().unwrap_or_default();
        Self {
            lan: network.lan.map(|lan| lan.address),
            carrier: uplink
                .link
                .filter(|link| network.default_via.as_ref() == Some(&link.interface))
                .map(|link| link.local),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_log_line_has_size_and_direction() {
        let now = Duration::from_secs(1_796_083_200);
        let off = Duration::from_millis(460_799_300);
        assert_eq!(
            stepped("a.example", now.saturating_sub(off), now),
            "time set from a.example: it is 2026-12-01 00:00:00 UTC, the clock was 5 days 7 h behind"
        );
        assert_eq!(
            stepped("a.example", now + Duration::from_millis(740), now),
            "time set from a.example: it is 2026-12-01 00:00:00 UTC, the clock was 0.7 s ahead"
        );
    }
}
