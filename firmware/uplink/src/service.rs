//! The process: the driver that feeds the state machine with events and executes its actions.

use std::{fs, future::Future, io, path::PathBuf, pin::Pin, process};

use failberry_config::UplinkConfig;
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

use crate::{
    at_passthrough,
    attempt::Attempt,
    control::{ControlEvent, ControlServer},
    dial_config::DialConfig,
    machine::{Action, Event, Outcome, PinState, UplinkMachine},
    recovery_actions,
    recovery_log::{self, RecoveryLog},
};

/// Runs the dialler until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration that cannot be read, a socket or a privilege that the kernel refuses. A faulty
/// stick, carrier or setting is no error: it is logged, and the service waits for a change.
pub fn run() -> ServiceResult {
    let config: UplinkConfig = read_config(Service::Uplink)?;
    let uevents = UeventSocket::open()?;
    // Before the first thread, which inherits the mask: only the descriptor gets the signals.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&signals, flags)?;
    restore_socket_power();
    drop_to(Service::Uplink, &[Capability::CAP_NET_ADMIN])?;

    let dial_config = DialConfig::new(config.carrier, &config.stick);
    let config_error = dial_config.as_ref().err().cloned();
    let mut driver = Driver {
        machine: UplinkMachine::new(config_error, load_pin_state(), BootMillis::now()),
        dial_config: dial_config.ok(),
        sysfs: Sysfs::default(),
        uevents: Async::new(uevents)?,
        signals: Async::new(signals)?,
        attempt: None,
        recovery_action: None,
        history_load: Some(Box::pin(async {
            Event::HistoryLoaded(unblock(recovery_log::read).await)
        })),
        recovery_log: RecoveryLog::new(),
        control: ControlServer::open(),
        port: config.stick.port,
        file: StateFile::new(),
        published: None,
    };
    block_on(driver.run())?;
    // An orderly stop: a returned result would count as a failure.
    process::exit(0)
}

struct Driver {
    machine: UplinkMachine,
    dial_config: Option<DialConfig>,
    sysfs: Sysfs,
    uevents: Async<UeventSocket>,
    signals: Async<SignalFd>,
    attempt: Option<Attempt>,
    /// The recovery action in progress; at most one at a time.
    recovery_action: Option<Pin<Box<dyn Future<Output = Event>>>>,
    /// The read of the recovery log in progress, which a failing card can delay for ever.
    history_load: Option<Pin<Box<dyn Future<Output = Event>>>>,
    recovery_log: RecoveryLog,
    control: ControlServer,
    /// The USB port of the stick to use, if configured (`stick.port`).
    port: Option<String>,
    file: StateFile<UplinkState>,
    published: Option<UplinkState>,
}

impl Driver {
    async fn run(&mut self) -> io::Result<()> {
        describe_bus();
        let mut event = self.look();
        loop {
            let actions = self.machine.step(event, BootMillis::now());
            // Before the actions, whose effects must not become visible before the state.
            self.publish();
            let mut look = false;
            for action in actions {
                match action {
                    Action::LookAtBus => look = true,
                    Action::DescribeBus => describe_bus(),
                    Action::Attempt {
                        stick,
                        withhold_pin,
                        require_pin_counter,
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
                        self.attempt = self.dial_config.clone().map(|mut dial_config| {
                            dial_config.settings.dial_within(dial_ms);
                            if require_pin_counter {
                                dial_config.settings.allow_pin_without_counter(false);
                            }
                            Attempt::start(dial_config, stick, withhold_pin, had_cdrom)
                        });
                    }
                    Action::Eject(device) => {
                        let eject = recovery_actions::eject(device);
                        self.recovery_action =
                            Some(Box::pin(async { Event::Ejected(eject.await) }));
                    }
                    Action::Reset(stick) => self.start_recovery(recovery_actions::reset(stick)),
                    Action::PowerCycle => self.start_recovery(recovery_actions::power_cycle()),
                    Action::Reboot(reason) => self.start_recovery(recovery_actions::reboot(reason)),
                    Action::Abort => self.attempt = None,
                    Action::Terminate => {
                        if let Some(attempt) = &self.attempt {
                            attempt.terminate();
                        }
                    }
                    Action::PersistPinRejected => persist_pin_marker(PIN_REJECTED_MARKER),
                    Action::PersistPinUncertain => persist_pin_marker(PIN_UNCERTAIN_MARKER),
                    Action::Reply(reply) => self.control.reply(&reply),
                    Action::Passthrough {
                        stick,
                        tty,
                        command,
                    } => {
                        let passthrough = at_passthrough::execute(stick, tty, command);
                        self.control.start_passthrough(passthrough);
                    }
                    Action::CancelPassthrough => self.control.cancel_passthrough(),
                    Action::Log(level, text) => log::log!(level, "{text}"),
                    Action::PersistHistory => {
                        self.recovery_log.persist(&self.machine.state().recovery);
                    }
                    Action::Exit => {
                        self.recovery_log.flush();
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

    /// Starts a recovery action. A previous one is dropped: the state machine starts the next only
    /// after its end or its timeout.
    fn start_recovery(&mut self, action: impl Future<Output = Outcome> + 'static) {
        self.attempt = None;
        self.recovery_action = Some(Box::pin(async { Event::Recovered(action.await) }));
    }

    /// Waits for the next event.
    async fn next(&mut self) -> io::Result<Event> {
        let stop = async {
            self.signals.readable().await?;
            // Consumed, or the descriptor would stay readable during the orderly termination.
            self.signals.get_ref().read_signal()?;
            Ok::<_, io::Error>(Event::Stop)
        };
        let attempt = async {
            match &mut self.attempt {
                Some(attempt) => Ok(attempt.next().await),
                None => future::pending().await,
            }
        };
        let recovery_action = async {
            match &mut self.recovery_action {
                Some(action) => Ok(action.await),
                None => future::pending().await,
            }
        };
        let history_load = async {
            match &mut self.history_load {
                Some(load) => Ok(load.await),
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
        let control = async {
            Ok(match self.control.next().await {
                ControlEvent::PassthroughDone => Event::PassthroughDone,
                ControlEvent::Command(command) => {
                    let (_, stick) = self.machine.look();
                    let turn = self.machine.port_turn();
                    let stick = stick.map(|stick| self.sysfs.in_turn(stick, turn));
                    let command_port = stick.and_then(|stick| self.sysfs.command_port(&stick));
                    Event::Command {
                        command,
                        command_port,
                    }
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
            .or(recovery_action)
            .or(history_load)
            .or(control)
            .or(deadline)
            .await?;
        if matches!(event, Event::Ejected(_) | Event::Recovered(_)) {
            self.recovery_action = None;
        } else if matches!(event, Event::HistoryLoaded(_)) {
            self.history_load = None;
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
            // No reason to end: the link matters more than its state file.
            Err(error @ (StateError::Io { .. } | StateError::Format { .. })) => {
                log::error!("cannot tell the other services: {error}");
            }
        }
    }
}

/// Restores the power of the USB sockets, which a process that died in a power cycle left off.
fn restore_socket_power() {
    if let Some(board) = recovery_actions::board()
        && let Err(error) = power::restore(board)
    {
        log::debug!("the sockets have the power they had: {error}");
    }
}

/// Logs the devices on the USB bus.
fn describe_bus() {
    match failberry_usb::list() {
        Ok(devices) if devices.is_empty() => log::info!("USB: nothing on the bus"),
        Ok(devices) => devices
            .iter()
            .for_each(|device| log::info!("USB: {device}")),
        Err(error) => log::warn!("USB: the bus cannot be listed: {error}"),
    }
}

/// Names of marker files in `/run`: like the configuration they outlive this process, not the boot.
const PIN_REJECTED_MARKER: &str = "pin-refused";
const PIN_UNCERTAIN_MARKER: &str = "pin-doubted";

fn pin_marker(name: &str) -> PathBuf {
    directory(Service::Uplink).join(name)
}

fn load_pin_state() -> PinState {
    if pin_marker(PIN_REJECTED_MARKER).exists() {
        PinState::Rejected
    } else if pin_marker(PIN_UNCERTAIN_MARKER).exists() {
        PinState::UsableIfCounted
    } else {
        PinState::Usable
    }
}

fn persist_pin_marker(name: &str) {
    if let Err(error) = fs::write(pin_marker(name), b"") {
        log::error!("cannot keep in mind what became of the PIN ({name}): {error}");
    }
}
