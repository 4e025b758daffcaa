//! Wall-clock time on a board without a clock chip.
//!
//! Owns the system clock after boot and the time saved on the card. Takes in SNTP answers
//! (RFC 4330) and changes of the links; gives out a clock that TLS and request signing can rely
//! on and [`ClockState`]. Where `dyndns` had a signature accepted, the clock is right beyond doubt.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod core;
mod doubt;
mod jumps;
mod round;
mod saved;
mod sntp;
mod system;

use std::{net::Ipv4Addr, path::Path, time::Duration};

use failberry_config::ClockConfig;
use failberry_service::{Capability, Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::{
    BootMillis, ClockState, DyndnsState, NetworkState, StateFile, UplinkState, Watcher, read,
};
use smol::{Async, Timer, future::FutureExt};

use crate::{
    core::{Action, Core, Event},
    doubt::Doubt,
    jumps::Jumps,
    saved::{SavedTime, Times},
};

/// Where the time survives a power cut; made for this service by `storage`.
const SAVED: &str = "/data/clock/time";

/// Keeps the clock until the process ends.
///
/// # Errors
/// A configuration that cannot be read, privileges that cannot be dropped, a watch that the
/// kernel refuses.
pub fn run() -> ServiceResult {
    let config: ClockConfig = read_config(Service::Clock)?;
    let watcher = Async::new(Watcher::new(&[
        Service::Network,
        Service::Uplink,
        Service::Dyndns,
    ])?)?;
    drop_to(Service::Clock, &[Capability::CAP_SYS_TIME])?;

    let saved = SavedTime::at(Path::new(SAVED));
    let Times { time, floor } = saved.read();
    // What an earlier life of this service made of the clock is no floor.
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
    let jumps = Async::new(Jumps::listen()?)?;
    let core = Core::new(config.time.servers, floor.max(built), before.stepped);
    let driver = Driver {
        state: ClockState {
            floor: core.floor().as_secs(),
            stepped: before.stepped,
            ..ClockState::default()
        },
        core,
        saved,
        jumps,
        proof: BootMillis(0),
        doubted: None,
    };
    block_on(driver.run(&watcher))
}

struct Driver {
    core: Core,
    saved: SavedTime,
    jumps: Async<Jumps>,
    state: ClockState,
    /// When the last signature was made that is known to have been accepted.
    proof: BootMillis,
    /// The answer that was not believed last.
    doubted: Option<Doubt>,
}

impl Driver {
    async fn run(mut self, watcher: &Async<Watcher>) -> ServiceResult {
        let file = StateFile::new();
        let mut links = None;
        let mut event = Event::Tick;
        file.publish(&self.state)?;
        loop {
            let action = self.core.step(event, BootMillis::now());
            self.state.settled = self.core.settled();
            self.state.floor = self.core.floor().as_secs();
            self.state.stepped = self.core.stepped();
            match action {
                Action::Ask(server) => {
                    event = match sntp::ask(&server).await {
                        Ok(time) => Event::Answer { server, time },
                        Err(error) => Event::Failed(format!("{server}: {error}")),
                    };
                    if let Event::Failed(reason) = &event {
                        self.complain(reason);
                        file.publish(&self.state)?;
                    }
                }
                Action::Doubt(doubt) => {
                    self.doubt(doubt);
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

    /// Tells a reason once, not with each try.
    fn complain(&mut self, reason: &str) {
        if self.state.last_error.as_deref() != Some(reason) {
            log::warn!("no time from {reason}");
            self.state.last_error = Some(reason.to_owned());
        }
    }

    /// The same for an answer that is not believed; its time is another with each try.
    fn doubt(&mut self, doubt: Doubt) {
        let error = doubt.to_string();
        if self.doubted.as_ref().map(Doubt::key) != Some(doubt.key()) {
            log::warn!("time: {error}");
        }
        self.state.last_error = Some(error);
        self.doubted = Some(doubt);
    }

    fn set(&mut self, time: Duration, server: String, step: bool) -> std::io::Result<()> {
        let before = system::now();
        if step {
            system::set(time)?;
            // This one was ours.
            let _ = self.jumps.get_ref().any()?;
            log::info!("{}", stepped(&server, before, time));
        }
        self.state = ClockState {
            synced: true,
            server: Some(server),
            since: BootMillis::now(),
            last_error: None,
            ..self.state
        };
        self.doubted = None;
        Ok(())
    }

    fn save(&mut self) {
        let times = Times {
            time: system::now(),
            floor: self.core.floor(),
        };
        if let Err(error) = self.saved.write(times) {
            log::warn!("{error}");
            self.state.last_error = Some(error.to_string());
        }
    }

    /// Until the time comes, a link changes, the time is proven or taken away.
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
                let any = present != Links::default();
                *links = Some(present);
                return Ok(Event::LinkChanged { any });
            }
            let dyndns: DyndnsState = read().unwrap_or_default();
            let at = dyndns.signed;
            if std::mem::replace(&mut self.proof, at) != at {
                let ours = system::now();
                return Ok(Event::Proven { at, ours });
            }
            if self.jumps.get_ref().any()? {
                let shows = system::display(system::now());
                log::warn!("somebody else has stepped the clock, it shows {shows} now");
                return Ok(Event::Jumped);
            }
            let wait = Duration::from_millis(until.since(BootMillis::now()));
            let changed = async { watcher.readable().await.map(|()| true) };
            let jumped = async { self.jumps.readable().await.map(|()| true) };
            let timed = async {
                Timer::after(wait).await;
                Ok(false)
            };
            if !changed.or(jumped).or(timed).await? {
                return Ok(Event::Tick);
            }
        }
    }
}

/// The log's line on a step of the clock from `before` to `time`.
fn stepped(server: &str, before: Duration, time: Duration) -> String {
    let off = system::span(time.abs_diff(before));
    let way = if before < time { "behind" } else { "ahead" };
    let time = system::display(time);
    format!("time set from {server}: it is {time}, the clock was {off} {way}")
}

/// The addresses that could reach a time server, once their routes stand.
#[derive(Default, PartialEq, Eq)]
struct Links {
    lan: Option<Ipv4Addr>,
    carrier: Option<Ipv4Addr>,
}

impl Links {
    fn read() -> Self {
        // An unreadable state is as good as no link: its owner will write it anew.
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
    fn a_step_is_logged_in_days_and_hours_with_its_direction() {
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
