//! The loop of PID 1: events from the kernel and the services into the keeper, its actions out.

use std::{
    collections::VecDeque,
    fs,
    os::fd::AsFd,
    path::{Path, PathBuf},
    time::Duration,
};

use failberry_service::parse_line;
use failberry_state::{BootMillis, RUN, Service, StateFile, SupervisorState};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

use crate::{
    Ending, Kmsg, devices,
    keeper::{Action, Event, Keeper},
    limiter::Limiter,
    memory, mounts,
    process::{self, Output},
    uevent::{Heard, Uevents},
};

/// Events read before the services have their turn.
const UEVENTS_A_TURN: usize = 256;

/// What the loop works with.
#[derive(Debug)]
pub struct Settings {
    /// Program that is every service under its name.
    pub program: PathBuf,
    /// Directory of the state files.
    pub run: PathBuf,
    /// The log.
    pub log: Kmsg,
    /// What is known before the loop starts.
    pub state: SupervisorState,
    /// Whether the machine is ours: device nodes are handed over and the root becomes read-only.
    pub machine: bool,
}

impl Settings {
    /// Those of the real PID 1.
    pub fn of_the_machine(log: Kmsg, state: SupervisorState) -> Self {
        Self {
            program: "/init".into(),
            run: RUN.into(),
            log,
            state,
            machine: true,
        }
    }
}

/// Keeps the services until somebody asks for the end by a signal: TERM or INT (which the kernel
/// sends for ctrl-alt-del) to reboot, USR1 to switch off.
///
/// # Errors
/// The kernel's, where not even signals can be had.
pub fn keep(settings: Settings) -> nix::Result<Ending> {
    let mut heard = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGUSR1,
    ] {
        heard.add(signal);
    }
    heard.thread_block()?;
    let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let uevents = settings.machine.then(Uevents::open).and_then(|opened| {
        opened
            .inspect_err(|error| log::error!("cannot hear of new devices: {error}"))
            .ok()
    });
    Ok(Loop::new(settings, signals, uevents).run())
}

struct Loop {
    settings: Settings,
    signals: SignalFd,
    uevents: Option<Uevents>,
    keeper: Keeper,
    outputs: Vec<Output>,
    limiters: Vec<(Service, Limiter)>,
    file: StateFile<SupervisorState>,
    events: VecDeque<Event>,
    ending: Option<Ending>,
}

impl Loop {
    fn new(settings: Settings, signals: SignalFd, uevents: Option<Uevents>) -> Self {
        let now = BootMillis::now();
        let services = Service::SUPERVISED.into_iter().chain([Service::Storage]);
        Self {
            file: StateFile::under(&settings.run),
            settings,
            signals,
            uevents,
            keeper: Keeper::new(now),
            outputs: Vec::new(),
            limiters: services
                .map(|service| (service, Limiter::new(now)))
                .collect(),
            events: VecDeque::from([Event::Begin]),
            ending: None,
        }
    }

    fn run(mut self) -> Ending {
        if self.uevents.is_some() {
            // What came before the socket was opened sent its events to nobody.
            devices::hand_over_all(Path::new(devices::DEV));
        }
        loop {
            self.events.push_back(Event::Tick);
            while let Some(event) = self.events.pop_front() {
                for action in self.keeper.step(event, BootMillis::now()) {
                    self.act(action);
                }
            }
            if let Some(ending) = self.ending {
                return ending;
            }
            self.wait();
            // Output before ends: the last line tells why.
            self.read_outputs();
            self.hear_signals();
            self.bury();
            self.hear_uevents();
            self.report_dropped();
        }
    }

    fn wait(&self) {
        let now = BootMillis::now();
        let limits = self
            .limiters
            .iter()
            .filter_map(|(_, limiter)| limiter.deadline());
        let timeout = self
            .keeper
            .deadline()
            .into_iter()
            .chain(limits)
            .min()
            .map_or(
                PollTimeout::NONE,
                // One more, since the clocks are cut to whole milliseconds.
                |at| {
                    PollTimeout::try_from(at.since(now).saturating_add(1))
                        .unwrap_or(PollTimeout::MAX)
                },
            );
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![readable(self.signals.as_fd())];
        fds.extend(self.uevents.iter().map(|uevents| readable(uevents.as_fd())));
        fds.extend(self.outputs.iter().map(|output| readable(output.as_fd())));
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                log::error!("poll: {error}");
                // Only the kernel's lack of memory leads here; going round at full speed
                // would not help it.
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start(service) => self.start(service),
            Action::Terminate(pid) => process::signal(pid, Signal::SIGTERM),
            Action::Kill(pid) => process::signal(pid, Signal::SIGKILL),
            Action::SealRoot => self.prepared(),
            Action::Publish => self.publish(),
            Action::Measure => self.measure(),
            Action::Say(level, text) => log::log!(level, "{text}"),
            Action::Warn(text) => {
                log::warn!("{text}");
                self.settings.state.warnings.push(text);
            }
            Action::Finish(ending) => self.ending = Some(ending),
        }
    }

    fn start(&mut self, service: Service) {
        // Whatever still holds the old pipe is not the service.
        self.drain(service);
        self.outputs.retain(|output| output.service != service);
        let event = match process::start(&self.settings.program, service) {
            Ok((pid, output)) => {
                self.outputs.push(output);
                Event::Started(service, pid)
            }
            Err(error) => Event::NotStarted(service, error.to_string()),
        };
        self.events.push_back(event);
    }

    fn prepared(&mut self) {
        self.settings
            .state
            .warnings
            .extend(crate::storage::warnings(&self.settings.run));
        if self.settings.machine {
            mounts::seal_root();
        }
    }

    fn measure(&mut self) {
        let services = self.keeper.services();
        let own = i32::try_from(std::process::id()).ok();
        let pids = services.iter().filter_map(|service| service.pid).chain(own);
        self.settings.state.pss_kib = memory::proportional(pids);
        self.settings.state.used_kib = memory::used();
    }

    fn publish(&mut self) {
        self.settings.state.services = self.keeper.services();
        if let Err(error) = self.file.publish(&self.settings.state) {
            log::warn!("cannot tell how the services stand: {error}");
        }
    }

    fn read_outputs(&mut self) {
        let (log, limiters) = (&self.settings.log, &mut self.limiters);
        self.outputs.retain_mut(|output| {
            let service = output.service;
            output.read(|line| pass_on(log, limiters, service, line))
        });
    }

    fn drain(&mut self, service: Service) {
        let (log, limiters) = (&self.settings.log, &mut self.limiters);
        for output in self
            .outputs
            .iter_mut()
            .filter(|output| output.service == service)
        {
            output.drain(|line| pass_on(log, limiters, service, line));
        }
    }

    fn hear_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok())
            {
                Some(Signal::SIGTERM | Signal::SIGINT) => {
                    self.events.push_back(Event::Stop(Ending::Reboot));
                }
                Some(Signal::SIGUSR1) => self.events.push_back(Event::Stop(Ending::PowerOff)),
                _ => {}
            }
        }
    }

    fn bury(&mut self) {
        while let Some((pid, how)) = process::bury() {
            if let Some(service) = self.keeper.service_of(pid) {
                self.drain(service);
            }
            self.events.push_back(Event::Ended(pid, how));
        }
    }

    fn hear_uevents(&mut self) {
        let Some(uevents) = &self.uevents else { return };
        let dev = Path::new(devices::DEV);
        for _ in 0..UEVENTS_A_TURN {
            match uevents.next() {
                Heard::Added(name) => devices::hand_over(dev, &name),
                Heard::Lost => devices::hand_over_all(dev),
                Heard::Other => {}
                Heard::Nothing => break,
            }
        }
    }

    fn report_dropped(&mut self) {
        let now = BootMillis::now();
        for (service, limiter) in &mut self.limiters {
            if let Some(dropped) = limiter.report(now) {
                log::warn!("{} wrote too much: {dropped} lines dropped", service.name());
            }
        }
    }
}

fn pass_on(log: &Kmsg, limiters: &mut [(Service, Limiter)], service: Service, line: &str) {
    let limiter = limiters.iter_mut().find(|(of, _)| *of == service);
    if limiter.is_some_and(|(_, limiter)| limiter.admits(BootMillis::now())) {
        let (severity, text) = parse_line(line);
        log.say(severity, service.name(), text);
    }
}

/// Makes the directories of all services below `run`.
///
/// # Errors
/// The file system's.
pub fn make_directories(run: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{PermissionsExt, chown};
    let make = |name: &str, mode, uid| {
        let path = run.join(name);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        chown(&path, Some(uid), Some(uid))
    };
    for service in Service::SUPERVISED
        .into_iter()
        .chain([Service::Supervisor, Service::Storage])
    {
        make(service.name(), 0o755, service.uid())?;
    }
    // Each configuration in it is readable for its service alone.
    make("config", 0o711, 0)
}
