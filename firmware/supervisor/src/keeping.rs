//! The loop of PID 1: events from the kernel and the services into the keeper, its actions out.

mod asked;
mod directories;
mod permit;

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
use self::permit::Circumstances;
use crate::{
    Ending, Kmsg,
    cmdline::Cmdline,
    devices::{self, Owners},
    keeper::{Action, Event, Keeper},
    limiter::Limiter,
    lives::Lives,
    memory, mounts,
    orders::Orders,
    process::{self, Output},
    requests::Requests,
    storage,
    uevent::{Heard, Uevents},
    watchdog::{Turn, Watchdog},
};

/// Events read before the services have their turn.
const UEVENTS_A_TURN: usize = 256;

/// Severity of an error as in RFC 5424; what is below is worse.
const ERROR: u8 = 3;

/// A sign of life comes every 10 s; six missing are no accident, even on a busy board.
const PATIENCE: u64 = 60_000;

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
    /// How long a service may give no sign of life, in milliseconds.
    pub patience: u64,
    /// The watchdog's device, where it is to be used.
    pub watchdog: Option<PathBuf>,
    /// Directory on the card for what the next life is to know.
    pub memory: PathBuf,
    /// Whether the machine is ours: device nodes are handed over and the root becomes read-only.
    pub machine: bool,
}

impl Settings {
    /// Those of the real PID 1.
    pub fn of_the_machine(log: Kmsg, state: SupervisorState, watchdog: Option<PathBuf>) -> Self {
        Self {
            patience: PATIENCE,
            watchdog,
            memory: storage::MEMORY.into(),
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
    owners: Owners,
    keeper: Keeper,
    outputs: Vec<Output>,
    limiters: Vec<(Service, Limiter)>,
    /// The last error each wrote.
    last_words: Vec<(Service, String)>,
    file: StateFile<SupervisorState>,
    requests: Option<Requests>,
    orders: Orders,
    watchdog: Watchdog,
    lives: Lives,
    /// Whether there may be more to bury.
    buried_enough: bool,
    /// Whether the end has begun.
    stopping: bool,
    events: VecDeque<Event>,
    ending: Option<Ending>,
}

impl Loop {
    fn new(mut settings: Settings, signals: SignalFd, uevents: Option<Uevents>) -> Self {
        let now = BootMillis::now();
        let services = Service::SUPERVISED.into_iter().chain(Service::ONE_SHOTS);
        let requests = Requests::listen(&settings.run.join(REQUESTS))
            .inspect_err(|error| log::error!("cannot listen at {REQUESTS}: {error}"))
            .ok();
        let keeper = Keeper::new(now, settings.patience);
        let watchdog = Watchdog::open(settings.watchdog.as_deref(), now);
        log::info!("hardware watchdog: {}", watchdog.told);
        settings.state.watchdog.clone_from(&watchdog.told);
        Self {
            owners: Owners::of(&Cmdline::read()),
            requests,
            orders: Orders::default(),
            watchdog,
            lives: Lives::new(&settings.memory),
            last_words: Vec::new(),
            buried_enough: true,
            stopping: false,
            file: StateFile::under(&settings.run),
            settings,
            signals,
            uevents,
            keeper,
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
            self.owners.hand_over_all(Path::new(devices::DEV));
        }
        loop {
            self.events.push_back(Event::Tick);
            while let Some(event) = self.events.pop_front() {
                for action in self.keeper.step(event, BootMillis::now()) {
                    self.act(action);
                }
            }
            // What is half done on the card is better finished.
            if let Some(ending) = self.ending.filter(|_| !self.orders.is_awaited()) {
                self.lives.settle();
                if ending == Ending::PowerOff {
                    self.watchdog.stop();
                }
                return ending;
            }
            self.guard();
            self.wait();
            // Output before ends: the last line tells why.
            self.read_outputs();
            self.hear_signals();
            self.hear_requests();
            self.bury();
            self.hurry_orders();
            self.hear_uevents();
            self.report_dropped();
        }
    }

    /// Everything that has the watchdog's rhythm.
    fn guard(&mut self) {
        let now = BootMillis::now();
        self.lives.turn(now);
        if let Some(reason) = self.lives.wish(now).filter(|_| !self.stopping)
            && Circumstances::look(&self.settings.run).allow(false).is_ok()
        {
            log::warn!("rebooting: {reason}");
            self.stop(Ending::Reboot, reason, true);
        }
        let stuck = self.keeper.stuck(now);
        match self.watchdog.turn(now, stuck.is_some()) {
            Turn::NotYet => return,
            Turn::Done => {}
            Turn::Withhold => {
                let name = stuck.map_or("?", Service::name);
                let text =
                    format!("{name} cannot even be killed: leaving the machine to the watchdog");
                log::error!("{text}");
                self.lives.leave(format!("supervisor: {text}\n"));
            }
        }
        if self.lives.look_at_kernel(&mut self.settings.state) {
            log::error!("the kernel has erred (oops), see its log; the next life will tell");
            self.publish();
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
            .chain(self.requests.as_ref().and_then(Requests::deadline))
            .chain(self.orders.deadline())
            .chain(self.lives.deadline())
            .chain([self.watchdog.deadline()])
            .chain((!self.buried_enough).then_some(now))
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
        fds.extend(self.requests.iter().flat_map(Requests::fds).map(readable));
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
            Action::Abort(pid) => process::signal(pid, Signal::SIGABRT),
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
        let event = match self.spawn(service, &[]) {
            Ok(pid) => Event::Started(service, pid),
            Err(error) => Event::NotStarted(service, error.to_string()),
        };
        self.events.push_back(event);
    }

    fn spawn(&mut self, service: Service, arguments: &[&str]) -> std::io::Result<i32> {
        // Whatever still holds the old pipe is not the service.
        self.drain(service);
        self.outputs.retain(|output| output.service != service);
        let (pid, output) = process::start(&self.settings.program, service, arguments)?;
        self.outputs.push(output);
        Ok(pid)
    }

    fn prepared(&mut self) {
        self.settings
            .state
            .warnings
            .extend(crate::storage::warnings(&self.settings.run));
        self.lives
            .learn(&self.settings.run, &mut self.settings.state);
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
        let mut services = self.keeper.services();
        for state in &mut services {
            let words = self.last_words.iter().find(|(of, _)| *of == state.service);
            state.last_words = words.map(|(_, text)| text.clone());
        }
        self.settings.state.services = services;
        if let Err(error) = self.file.publish(&self.settings.state) {
            log::warn!("cannot tell how the services stand: {error}");
        }
    }

    fn read_outputs(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.retain_mut(|output| {
            let service = output.service;
            output.read(|line| self.pass_on(service, line))
        });
        self.outputs = outputs;
    }

    fn drain(&mut self, service: Service) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs
            .iter_mut()
            .filter(|output| output.service == service)
        {
            output.drain(|line| self.pass_on(service, line));
        }
        self.outputs = outputs;
    }

    fn pass_on(&mut self, service: Service, line: &str) {
        if line == HEARTBEAT {
            self.events.push_back(Event::Alive(service));
            return;
        }
        let limiter = self.limiters.iter_mut().find(|(of, _)| *of == service);
        if limiter.is_some_and(|(_, limiter)| limiter.admits(BootMillis::now())) {
            let (severity, text) = parse_line(line);
            self.settings.log.say(severity, service.name(), text);
            if severity <= ERROR {
                self.last_words.retain(|(of, _)| *of != service);
                self.last_words.push((service, text.to_owned()));
            }
        }
    }

    fn hear_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok())
            {
                Some(signal @ (Signal::SIGTERM | Signal::SIGINT)) => {
                    self.stop(
                        Ending::Reboot,
                        &format!("reboot asked for by {signal}"),
                        false,
                    );
                }
                Some(signal @ Signal::SIGUSR1) => {
                    let reason = format!("switched off, asked for by {signal}");
                    self.stop(Ending::PowerOff, &reason, false);
                }
                _ => {}
            }
        }
    }

    fn bury(&mut self) {
        self.buried_enough = false;
        for _ in 0..process::BURIALS_A_TURN {
            let Some((pid, how)) = process::bury() else {
                self.buried_enough = true;
                return;
            };
            let service = self.keeper.service_of(pid);
            if let Some(service) = service.or(self.orders.service_of(pid)) {
                self.drain(service);
            }
            if let Some(done) = self.orders.ended(pid, &how) {
                self.conclude(done);
            }
            self.events.push_back(Event::Ended(pid, how));
        }
    }

    fn hear_uevents(&mut self) {
        let Some(uevents) = &self.uevents else { return };
        let dev = Path::new(devices::DEV);
        for _ in 0..UEVENTS_A_TURN {
            match uevents.next() {
                Heard::Added(name) => self.owners.hand_over(dev, &name),
                Heard::Lost => self.owners.hand_over_all(dev),
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
