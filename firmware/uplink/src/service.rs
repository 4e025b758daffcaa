//! The process: feeds the machine with events, and does what it says.

use std::{fs, future::Future, io, path::PathBuf, pin::Pin, process};

use failberry_config::{Carrier, Stick, UplinkConfig};
use failberry_service::{Capability, Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::{BootMillis, StateError, StateFile, UplinkState, directory};
use failberry_usb::{Sysfs, UeventSocket, power};
use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use smol::{
    Async, Timer,
    future::{self, FutureExt},
    unblock,
};
use tokio_modem::dial::Settings;

use crate::{
    attempt::{Attempt, Recipe},
    desk::{Desk, Heard},
    history::{self, History},
    machine::{Action, Event, Machine, Outcome, PinUse},
    question, rescue,
};

/// Dials, and keeps the link, until told to stop.
///
/// # Errors
/// A configuration that cannot be read, a socket or a privilege that the kernel refuses. A stick,
/// a carrier or a configuration that is wrong is no error: it is told and waited for.
pub fn run() -> ServiceResult {
    let config: UplinkConfig = read_config(Service::Uplink)?;
    let uevents = UeventSocket::open()?;
    // Before any thread is made, so that all have it blocked and the descriptor gets it.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&signals, flags)?;
    light_sockets();
    drop_to(Service::Uplink, &[Capability::CAP_NET_ADMIN])?;

    let recipe = recipe(config.carrier, &config.stick);
    let unusable = recipe.as_ref().err().cloned();
    let mut dialler = Dialler {
        machine: Machine::new(unusable, remembered_pin(), BootMillis::now()),
        recipe: recipe.ok(),
        sysfs: Sysfs::default(),
        uevents: Async::new(uevents)?,
        signals: Async::new(signals)?,
        attempt: None,
        rescue: None,
        earlier: Some(Box::pin(async {
            Event::Earlier(unblock(history::read).await)
        })),
        history: History::new(),
        desk: Desk::open(),
        port: config.stick.port,
        file: StateFile::new(),
        published: None,
    };
    block_on(dialler.serve())?;
    // The supervisor asked for the end, so this is none of the failures that a result can tell.
    process::exit(0)
}

struct Dialler {
    machine: Machine,
    recipe: Option<Recipe>,
    sysfs: Sysfs,
    uevents: Async<UeventSocket>,
    signals: Async<SignalFd>,
    attempt: Option<Attempt>,
    /// What the ladder or a CD-ROM wants done, one thing at a time.
    rescue: Option<Pin<Box<dyn Future<Output = Event>>>>,
    /// The card is being read, which a dying one can hold up for ever.
    earlier: Option<Pin<Box<dyn Future<Output = Event>>>>,
    history: History,
    /// What a person wants.
    desk: Desk,
    /// Where the stick to use is, if a person says.
    port: Option<String>,
    file: StateFile<UplinkState>,
    published: Option<UplinkState>,
}

impl Dialler {
    async fn serve(&mut self) -> io::Result<()> {
        describe_bus();
        let mut event = self.look();
        loop {
            let actions = self.machine.step(event, BootMillis::now());
            // Before the actions: what they lead to must not be told first.
            self.publish();
            let mut look = false;
            for action in actions {
                match action {
                    Action::LookAtBus => look = true,
                    Action::DescribeBus => describe_bus(),
                    Action::Attempt {
                        stick,
                        spend_pin,
                        count_pin,
                        dial_ms,
                        had_cdrom,
                    } => {
                        let chosen = stick.tty.clone();
                        let stick = self.sysfs.in_turn(&stick, self.machine.port_turn());
                        if stick.tty != chosen {
                            log::info!(
                                "{chosen} does not answer AT; this attempt dials on {}",
                                stick.tty
                            );
                        }
                        self.attempt = self.recipe.clone().map(|mut recipe| {
                            recipe.settings.dial_within(dial_ms);
                            if count_pin {
                                recipe.settings.allow_pin_without_counter(false);
                            }
                            Attempt::start(recipe, stick, spend_pin, had_cdrom)
                        });
                    }
                    Action::Eject(device) => {
                        let eject = rescue::eject(device);
                        self.rescue = Some(Box::pin(async { Event::Ejected(eject.await) }));
                    }
                    Action::Reset(stick) => self.rescue_by(rescue::reset(stick)),
                    Action::CutPower => self.rescue_by(rescue::cut_power()),
                    Action::Reboot(reason) => self.rescue_by(rescue::reboot(reason)),
                    Action::Abort => self.attempt = None,
                    Action::Terminate => {
                        if let Some(attempt) = &self.attempt {
                            attempt.terminate();
                        }
                    }
                    Action::RememberPinRefused => remember_pin(PIN_REFUSED),
                    Action::RememberPinDoubted => remember_pin(PIN_DOUBTED),
                    Action::Reply(reply) => self.desk.reply(&reply),
                    Action::Question { stick, tty, order } => {
                        self.desk.ask(question::put(stick, tty, order));
                    }
                    Action::DropQuestion => self.desk.drop_question(),
                    Action::Say(level, text) => log::log!(level, "{text}"),
                    Action::Keep => self.history.keep(&self.machine.state().recovery),
                    Action::Exit => {
                        self.history.settle();
                        return Ok(());
                    }
                }
            }
            event = if look {
                self.look()
            } else {
                self.next().await?
            };
        }
    }

    /// Another thing under way is let go of: the machine asks for one only where it is over, or
    /// its time is.
    fn rescue_by(&mut self, doing: impl Future<Output = Outcome> + 'static) {
        self.attempt = None;
        self.rescue = Some(Box::pin(async { Event::Recovered(doing.await) }));
    }

    /// Waits for the next event.
    async fn next(&mut self) -> io::Result<Event> {
        let stop = async {
            self.signals.readable().await?;
            // Taken, or it would be heard again while the link is being ended.
            self.signals.get_ref().read_signal()?;
            Ok::<_, io::Error>(Event::Stop)
        };
        let attempt = async {
            match &mut self.attempt {
                Some(attempt) => Ok(attempt.next().await),
                None => future::pending().await,
            }
        };
        let rescue = async {
            match &mut self.rescue {
                Some(rescue) => Ok(rescue.await),
                None => future::pending().await,
            }
        };
        let earlier = async {
            match &mut self.earlier {
                Some(earlier) => Ok(earlier.await),
                None => future::pending().await,
            }
        };
        let bus = async {
            loop {
                match self.uevents.read_with(UeventSocket::drain).await {
                    Ok(false) => {}
                    Ok(true) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        let bus = async {
            bus.await?;
            let (look, current) = self.machine.look();
            let port = self.port.as_deref();
            Ok(Event::Bus(self.sysfs.stick(look, current, port)))
        };
        let desk = async {
            Ok(match self.desk.next().await {
                Heard::Answered => Event::Answered,
                Heard::Order(order) => {
                    let (_, stick) = self.machine.look();
                    let turn = self.machine.port_turn();
                    let stick = stick.map(|stick| self.sysfs.in_turn(stick, turn));
                    let beside = stick.and_then(|stick| self.sysfs.command_port(&stick));
                    Event::Order { order, beside }
                }
            })
        };
        let deadline = async {
            match self.machine.deadline() {
                Some(at) => {
                    let left = at.since(BootMillis::now());
                    Timer::after(std::time::Duration::from_millis(left)).await;
                    Ok(Event::Deadline)
                }
                None => future::pending().await,
            }
        };
        let event = stop
            .or(bus)
            .or(attempt)
            .or(rescue)
            .or(earlier)
            .or(desk)
            .or(deadline)
            .await?;
        if matches!(event, Event::Ejected(_) | Event::Recovered(_)) {
            self.rescue = None;
        } else if matches!(event, Event::Earlier(_)) {
            self.earlier = None;
        }
        Ok(event)
    }

    fn look(&self) -> Event {
        let (look, current) = self.machine.look();
        Event::Bus(self.sysfs.stick(look, current, self.port.as_deref()))
    }

    fn publish(&mut self) {
        let state = self.machine.state();
        if self.published.as_ref() == Some(state) {
            return;
        }
        match self.file.publish(state) {
            Ok(()) => self.published = Some(state.clone()),
            // The link is worth more than telling of it.
            Err(error @ (StateError::Io { .. } | StateError::Format { .. })) => {
                log::error!("cannot tell the other services: {error}");
            }
        }
    }
}

/// What to dial with, or why nothing can be dialled, in words.
fn recipe(carrier: Option<Carrier>, stick: &Stick) -> Result<Recipe, String> {
    let carrier =
        carrier.ok_or("failberrypi.toml has no [carrier] table with the carrier's apn")?;
    let pin = carrier.pin.as_ref().map(failberry_config::Secret::reveal);
    let mut settings = Settings::new(&carrier.apn, &carrier.dial, pin)
        .map_err(|error| format!("failberrypi.toml, table [carrier]: {error}"))?;
    settings.allow_pin_without_counter(carrier.pin_without_counter);
    Ok(Recipe {
        settings,
        user: carrier.user,
        password: carrier.password,
        keep_cdrom: stick.keep_cdrom,
    })
}

/// Whoever cut the sockets' power last may have died over it.
fn light_sockets() {
    if let Some(board) = rescue::board()
        && let Err(error) = power::restore(board)
    {
        log::debug!("the sockets have the power they had: {error}");
    }
}

fn describe_bus() {
    match failberry_usb::list() {
        Ok(devices) if devices.is_empty() => log::info!("USB: nothing on the bus"),
        Ok(devices) => devices
            .iter()
            .for_each(|device| log::info!("USB: {device}")),
        Err(error) => log::warn!("USB: the bus cannot be listed: {error}"),
    }
}

/// Names of files that outlive this process but not the boot, as does the configuration.
const PIN_REFUSED: &str = "pin-refused";
const PIN_DOUBTED: &str = "pin-doubted";

fn pin_marker(name: &str) -> PathBuf {
    directory(Service::Uplink).join(name)
}

fn remembered_pin() -> PinUse {
    if pin_marker(PIN_REFUSED).exists() {
        PinUse::Refused
    } else if pin_marker(PIN_DOUBTED).exists() {
        PinUse::Doubted
    } else {
        PinUse::Fresh
    }
}

fn remember_pin(name: &str) {
    if let Err(error) = fs::write(pin_marker(name), b"") {
        log::error!("cannot keep in mind what became of the PIN ({name}): {error}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use failberry_config::parse;

    use super::*;

    fn recipe_of(text: &str) -> Result<Recipe, String> {
        let config = parse(text).config;
        recipe(config.carrier, &config.stick)
    }

    #[test]
    fn the_pin_needs_a_count_unless_the_file_says_otherwise() {
        for (line, allowed) in [
            ("", "uncounted: false"),
            ("pin_without_counter = false", "uncounted: false"),
            ("pin_without_counter = true", "uncounted: true"),
        ] {
            let text = format!("[carrier]\napn = 'a'\npin = '1234'\n{line}\n");
            let settings = format!("{:?}", recipe_of(&text).unwrap().settings);
            assert!(settings.contains(allowed), "{line}: {settings}");
        }
    }

    #[test]
    fn without_a_carrier_the_missing_key_is_named() {
        let why = recipe_of("").err().unwrap();
        assert!(why.contains("[carrier]") && why.contains("apn"), "{why}");
    }
}
