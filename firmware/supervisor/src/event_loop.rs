//! The poll(2) event loop of PID 1.
//!
//! Feeds events of the kernel and of the services to the [`ServiceManager`] and carries out the
//! actions that it returns.

mod directories;
mod reboot_policy;
mod request_handler;

use std::{
    collections::VecDeque,
    os::fd::AsFd,
    path::{Path, PathBuf},
    time::Duration,
};

use failberry_service::{HEARTBEAT, REQUESTS, parse_line};
use failberry_state::{BootMillis, RUN, Service, StateFile, SupervisorState};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

pub use self::directories::make_directories;
use self::reboot_policy::RebootConditions;
use crate::{
    Kmsg, ShutdownMode,
    boot_history::BootHistory,
    cmdline::Cmdline,
    devices::{self, DevicePermissions},
    limiter::Limiter,
    memory, mounts,
    one_shot::JobRunner,
    process::{self, Output},
    request_server::RequestServer,
    service_manager::{Action, Event, ServiceManager},
    storage,
    uevent::{UeventOutcome, Uevents},
    watchdog::{Watchdog, WatchdogTick},
};

/// Most uevents read in one turn of the loop, so that the services get their turn.
const MAX_UEVENTS_PER_TURN: usize = 256;

/// Severity of an error in RFC 5424; lower numbers are worse.
const SEVERITY_ERROR: u8 = 3;

/// Longest time between two heartbeats of a service, in milliseconds. They come every 10 s; six
/// missing ones are no accident, even on a busy board.
const HEARTBEAT_TIMEOUT_MS: u64 = 60_000;

/// Parameters of the event loop.
#[derive(Debug)]
pub struct SupervisorOptions {
    /// Program that runs each service, chosen by its name as the first argument.
    pub program: PathBuf,
    /// Directory of the state files.
    pub run: PathBuf,
    /// Log of all processes.
    pub log: Kmsg,
    /// Initial state to publish.
    pub state: SupervisorState,
    /// Longest time between two heartbeats of a service, in milliseconds.
    pub heartbeat_timeout: u64,
    /// Device of the hardware watchdog; none if it is not to be used.
    pub watchdog: Option<PathBuf>,
    /// Directory on the data partition for boot history and crash report.
    pub data_dir: PathBuf,
    /// Whether to change the owners of device nodes and to make the root read-only. Not so in
    /// tests.
    pub owns_machine: bool,
}

impl SupervisorOptions {
    /// Returns the options of the real PID 1.
    pub fn for_pid1(log: Kmsg, state: SupervisorState, watchdog: Option<PathBuf>) -> Self {
        Self {
            heartbeat_timeout: HEARTBEAT_TIMEOUT_MS,
            watchdog,
            data_dir: storage::SUPERVISOR_DATA_DIR.into(),
            program: "/init".into(),
            run: RUN.into(),
            log,
            state,
            owns_machine: true,
        }
    }
}

/// Runs the services until a signal or an accepted request ends it. SIGTERM and SIGINT (which the
/// kernel sends for ctrl-alt-del) reboot, SIGUSR1 switches off.
///
/// # Errors
/// Errors of the kernel when setting up the signals.
pub fn run_event_loop(options: SupervisorOptions) -> nix::Result<ShutdownMode> {
    let mut signal_set = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGUSR1,
    ] {
        signal_set.add(signal);
    }
    signal_set.thread_block()?;
    let signals =
        SignalFd::with_flags(&signal_set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let uevents = options.owns_machine.then(Uevents::open).and_then(|opened| {
        opened
            .inspect_err(|error| log::error!("cannot hear of new devices: {error}"))
            .ok()
    });
    Ok(EventLoop::new(options, signals, uevents).run())
}

/// State of the event loop.
struct EventLoop {
    options: SupervisorOptions,
    signals: SignalFd,
    uevents: Option<Uevents>,
    device_permissions: DevicePermissions,
    service_manager: ServiceManager,
    outputs: Vec<Output>,
    limiters: Vec<(Service, Limiter)>,
    /// Last error line of each service.
    last_errors: Vec<(Service, String)>,
    state_file: StateFile<SupervisorState>,
    requests: Option<RequestServer>,
    jobs: JobRunner,
    watchdog: Watchdog,
    boot_history: BootHistory,
    /// False if more exited children may be waiting than one turn reaps.
    reaping_complete: bool,
    /// Whether a shutdown was requested.
    stopping: bool,
    events: VecDeque<Event>,
    /// Set when all processes are gone.
    shutdown: Option<ShutdownMode>,
}

impl EventLoop {
    fn new(mut options: SupervisorOptions, signals: SignalFd, uevents: Option<Uevents>) -> Self {
        let now = BootMillis::now();
        let services = Service::SUPERVISED.into_iter().chain(Service::ONE_SHOTS);
        let requests = RequestServer::listen(&options.run.join(REQUESTS))
            .inspect_err(|error| log::error!("cannot listen at {REQUESTS}: {error}"))
            .ok();
        let service_manager = ServiceManager::new(now, options.heartbeat_timeout);
        let watchdog = Watchdog::open(options.watchdog.as_deref(), now);
        log::info!("hardware watchdog: {}", watchdog.status);
        options.state.watchdog.clone_from(&watchdog.status);
        Self {
            device_permissions: DevicePermissions::from_cmdline(&Cmdline::read()),
            requests,
            jobs: JobRunner::default(),
            watchdog,
            boot_history: BootHistory::new(&options.data_dir),
            last_errors: Vec::new(),
            reaping_complete: true,
            stopping: false,
            state_file: StateFile::under(&options.run),
            options,
            signals,
            uevents,
            service_manager,
            outputs: Vec::new(),
            limiters: services
                .map(|service| (service, Limiter::new(now)))
                .collect(),
            events: VecDeque::from([Event::Begin]),
            shutdown: None,
        }
    }

    fn run(mut self) -> ShutdownMode {
        if self.uevents.is_some() {
            // Events of devices that came before the socket was opened are lost.
            self.device_permissions
                .apply_to_all(Path::new(devices::DEV));
        }
        loop {
            self.events.push_back(Event::Tick);
            while let Some(event) = self.events.pop_front() {
                for action in self.service_manager.step(event, BootMillis::now()) {
                    self.execute(action);
                }
            }
            // A job on the card is better finished than interrupted.
            if let Some(mode) = self.shutdown.filter(|_| !self.jobs.is_awaited()) {
                self.boot_history.flush();
                if mode == ShutdownMode::PowerOff {
                    self.watchdog.stop();
                }
                return mode;
            }
            self.run_periodic_checks();
            self.wait_for_events();
            // Output before exits: the last line says why.
            self.read_outputs();
            self.read_signals();
            self.handle_requests();
            self.reap_children();
            self.kill_overdue_job();
            self.read_uevents();
            self.report_dropped_lines();
        }
    }

    /// Runs the periodic duties: reboot budget, pending reboot, watchdog, kernel oopses.
    fn run_periodic_checks(&mut self) {
        let now = BootMillis::now();
        self.boot_history.tick(now);
        if let Some(reason) = self
            .boot_history
            .pending_reboot(now)
            .filter(|_| !self.stopping)
            && RebootConditions::read(&self.options.run)
                .check(false)
                .is_ok()
        {
            log::warn!("rebooting: {reason}");
            self.request_shutdown(ShutdownMode::Reboot, reason, true);
        }
        let stuck = self.service_manager.stuck_service(now);
        match self.watchdog.tick(now, stuck.is_some()) {
            WatchdogTick::NotDue => return,
            WatchdogTick::Done => {}
            WatchdogTick::Withhold => {
                let name = stuck.map_or("?", Service::name);
                let text =
                    format!("{name} cannot even be killed: leaving the machine to the watchdog");
                log::error!("{text}");
                self.boot_history
                    .save_crash_report(format!("supervisor: {text}\n"));
            }
        }
        if self.boot_history.check_oopses(&mut self.options.state) {
            log::error!("the kernel has erred (oops), see its log; the next life will tell");
            self.publish();
        }
    }

    /// Waits for the next readable descriptor or deadline.
    fn wait_for_events(&self) {
        let now = BootMillis::now();
        let limits = self
            .limiters
            .iter()
            .filter_map(|(_, limiter)| limiter.deadline());
        let timeout = self
            .service_manager
            .deadline()
            .into_iter()
            .chain(limits)
            .chain(self.requests.as_ref().and_then(RequestServer::deadline))
            .chain(self.jobs.deadline())
            .chain(self.boot_history.deadline())
            .chain([self.watchdog.deadline()])
            .chain((!self.reaping_complete).then_some(now))
            .min()
            .map_or(
                PollTimeout::NONE,
                // One more, since both times are truncated to milliseconds.
                |at| {
                    PollTimeout::try_from(at.since(now).saturating_add(1))
                        .unwrap_or(PollTimeout::MAX)
                },
            );
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(self.signals.as_fd())];
        fds.extend(self.uevents.iter().map(|uevents| readable(uevents.as_fd())));
        fds.extend(
            self.requests
                .iter()
                .flat_map(RequestServer::fds)
                .map(readable),
        );
        fds.extend(self.outputs.iter().map(|output| readable(output.as_fd())));
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                log::error!("poll: {error}");
                // Only lack of memory in the kernel leads here; a busy loop would not help.
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }

    /// Carries out an action of the service manager.
    fn execute(&mut self, action: Action) {
        match action {
            Action::Start(service) => self.start(service),
            Action::Terminate(pid) => process::signal(pid, Signal::SIGTERM),
            Action::Abort(pid) => process::signal(pid, Signal::SIGABRT),
            Action::Kill(pid) => process::signal(pid, Signal::SIGKILL),
            Action::StorageDone => self.on_storage_done(),
            Action::Publish => self.publish(),
            Action::MeasureMemory => self.measure_memory(),
            Action::Log(level, text) => log::log!(level, "{text}"),
            Action::Warn(text) => {
                log::warn!("{text}");
                self.options.state.warnings.push(text);
            }
            Action::Finish(mode) => self.shutdown = Some(mode),
        }
    }

    fn start(&mut self, service: Service) {
        let event = match self.spawn(service, &[]) {
            Ok(pid) => Event::Started(service, pid),
            Err(error) => Event::StartFailed(service, error.to_string()),
        };
        self.events.push_back(event);
    }

    /// Spawns a process of `service` and reads its output from now on.
    fn spawn(&mut self, service: Service, arguments: &[&str]) -> std::io::Result<i32> {
        // A process that still holds the old pipe is an orphan, not the service.
        self.drain(service);
        self.outputs.retain(|output| output.service != service);
        let (pid, output) = process::spawn(&self.options.program, service, arguments)?;
        self.outputs.push(output);
        Ok(pid)
    }

    /// Takes over what `storage` read, and makes the root read-only.
    fn on_storage_done(&mut self) {
        self.options
            .state
            .warnings
            .extend(crate::storage::warnings(&self.options.run));
        self.boot_history
            .load(&self.options.run, &mut self.options.state);
        if self.options.owns_machine {
            mounts::remount_root_read_only();
        }
    }

    fn measure_memory(&mut self) {
        let services = self.service_manager.service_states();
        let own = i32::try_from(std::process::id()).ok();
        let pids = services.iter().filter_map(|service| service.pid).chain(own);
        self.options.state.pss_kib = memory::pss_kib(pids);
        self.options.state.used_kib = memory::used_kib();
    }

    /// Publishes the state of the supervisor and its services.
    fn publish(&mut self) {
        let mut services = self.service_manager.service_states();
        for state in &mut services {
            let last_error = self.last_errors.iter().find(|(of, _)| *of == state.service);
            state.last_words = last_error.map(|(_, text)| text.clone());
        }
        self.options.state.services = services;
        if let Err(error) = self.state_file.publish(&self.options.state) {
            log::warn!("cannot tell how the services stand: {error}");
        }
    }

    fn read_outputs(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.retain_mut(|output| {
            let service = output.service;
            output.read(|line| self.forward_line(service, line))
        });
        self.outputs = outputs;
    }

    /// Reads the rest of the output of an exited process.
    fn drain(&mut self, service: Service) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs
            .iter_mut()
            .filter(|output| output.service == service)
        {
            output.drain(|line| self.forward_line(service, line));
        }
        self.outputs = outputs;
    }

    /// Records a heartbeat, or forwards a log line within the rate limit.
    fn forward_line(&mut self, service: Service, line: &str) {
        if line == HEARTBEAT {
            self.events.push_back(Event::Heartbeat(service));
            return;
        }
        let limiter = self.limiters.iter_mut().find(|(of, _)| *of == service);
        if limiter.is_some_and(|(_, limiter)| limiter.admits(BootMillis::now())) {
            let (severity, text) = parse_line(line);
            self.options
                .log
                .write_record(severity, service.name(), text);
            if severity <= SEVERITY_ERROR {
                self.last_errors.retain(|(of, _)| *of != service);
                self.last_errors.push((service, text.to_owned()));
            }
        }
    }

    fn read_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok())
            {
                Some(signal @ (Signal::SIGTERM | Signal::SIGINT)) => {
                    self.request_shutdown(
                        ShutdownMode::Reboot,
                        &format!("reboot asked for by {signal}"),
                        false,
                    );
                }
                Some(signal @ Signal::SIGUSR1) => {
                    let reason = format!("switched off, asked for by {signal}");
                    self.request_shutdown(ShutdownMode::PowerOff, &reason, false);
                }
                _ => {}
            }
        }
    }

    /// Reaps exited children, a bounded number a turn.
    fn reap_children(&mut self) {
        self.reaping_complete = false;
        for _ in 0..process::MAX_REAPS_PER_TURN {
            let Some((pid, how)) = process::reap_one() else {
                self.reaping_complete = true;
                return;
            };
            let service = self.service_manager.service_of(pid);
            if let Some(service) = service.or(self.jobs.service_of(pid)) {
                self.drain(service);
            }
            if let Some(finished) = self.jobs.on_exit(pid, &how) {
                self.finish_job(finished);
            }
            self.events.push_back(Event::Exited(pid, how));
        }
    }

    fn read_uevents(&mut self) {
        let Some(uevents) = &self.uevents else { return };
        let dev = Path::new(devices::DEV);
        for _ in 0..MAX_UEVENTS_PER_TURN {
            match uevents.next() {
                UeventOutcome::Added(name) => self.device_permissions.apply(dev, &name),
                UeventOutcome::Overflow => self.device_permissions.apply_to_all(dev),
                UeventOutcome::Ignored => {}
                UeventOutcome::Empty => break,
            }
        }
    }

    fn report_dropped_lines(&mut self) {
        let now = BootMillis::now();
        for (service, limiter) in &mut self.limiters {
            if let Some(dropped) = limiter.report(now) {
                log::warn!("{} wrote too much: {dropped} lines dropped", service.name());
            }
        }
    }
}
