//! The process: the driver that feeds the session with input and log records, writes its bytes to
//! the terminal and executes its actions.

use std::{
    collections::VecDeque, convert::Infallible, future::Future, io, pin::Pin, time::Duration,
};

use failberry_config::ConsoleConfig;
use failberry_service::{Capability, Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::BootMillis;
use smol::{
    Timer,
    future::{self, FutureExt},
};

use crate::{
    execute,
    kernel_log::{self, KernelLog, Position},
    pages::Record,
    presence,
    session::{Action, Event, Session},
    tty::Tty,
};

/// Time between two attempts to open the line, whose owner the supervisor changes at its start.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

/// Queued bytes above which no more of the log is read: a third of a second at 115,200 baud.
const QUEUE_HIGH_WATER: usize = 4096;

/// Runs the console until the process ends.
///
/// # Errors
/// A configuration that cannot be read, privileges that cannot be dropped.
pub fn run() -> ServiceResult {
    let config: ConsoleConfig = read_config(Service::Console)?;
    // For /dev/kmsg and the kernel's log level.
    drop_to(Service::Console, &[Capability::CAP_SYSLOG])?;
    // An earlier process may have ended during a session.
    mark_absent();
    if !config.console.enabled {
        log::info!("the serial console is switched off (console.enabled)");
        return block_on(future::pending());
    }
    let password = config.console.password;
    let password = password.map(|secret| secret.reveal().to_owned());
    let mut console = Console::new(Session::new(password.filter(|own| !own.is_empty())));
    block_on(console.run())
}

fn mark_absent() {
    presence::mark(false);
    kernel_log::set_console_quiet(false);
}

struct Console {
    session: Session,
    /// Bytes not yet written to the terminal.
    queue: Vec<u8>,
    /// The command being executed.
    command: Option<Pin<Box<dyn Future<Output = Vec<String>>>>>,
    log_view: Option<LogView>,
    /// Reader of new log records during a session.
    new_records: Option<KernelLog>,
}

/// The log being shown.
struct LogView {
    log: KernelLog,
    follow: bool,
    /// Records to show before new ones are followed.
    backlog: VecDeque<Record>,
}

/// Number of records shown before new ones are followed.
const FOLLOW_BACKLOG: usize = 20;

/// What made the event loop run.
enum Wake {
    Typed(usize),
    Written(usize),
    Step(Event<'static>),
}

impl Console {
    const fn new(session: Session) -> Self {
        Self {
            session,
            queue: Vec::new(),
            command: None,
            log_view: None,
            new_records: None,
        }
    }

    async fn run(&mut self) -> ServiceResult {
        let mut logged = false;
        loop {
            match Tty::open() {
                Ok(tty) => {
                    logged = false;
                    let Err(error) = self.run_line(&tty).await;
                    log::warn!("the serial console's line is gone: {error}");
                    self.step(Event::HungUp);
                    self.queue.clear();
                }
                Err(error) if !logged => {
                    log::info!("no serial console yet: {error}");
                    logged = true;
                }
                Err(_) => {}
            }
            Timer::after(REOPEN_INTERVAL).await;
        }
    }

    /// Runs the session on an open line until an error of the line.
    async fn run_line(&mut self, tty: &Tty) -> io::Result<Infallible> {
        let mut buffer = [0; 256];
        loop {
            match self.wait(tty, &mut buffer).await? {
                Wake::Typed(length) => {
                    let typed = buffer.get(..length).unwrap_or_default();
                    self.step(Event::Typed(typed));
                }
                Wake::Written(length) => drop(self.queue.drain(..length.min(self.queue.len()))),
                Wake::Step(event) => self.step(event),
            }
        }
    }

    async fn wait(&mut self, tty: &Tty, buffer: &mut [u8]) -> io::Result<Wake> {
        let read = async { tty.read(buffer).await.map(Wake::Typed) };
        let write = async {
            if self.queue.is_empty() {
                return future::pending().await;
            }
            tty.write(&self.queue).await.map(Wake::Written)
        };
        let command = async {
            let lines = match &mut self.command {
                Some(command) => command.await,
                None => future::pending().await,
            };
            Ok(Wake::Step(Event::Answer(lines)))
        };
        let room = self.queue.len() < QUEUE_HIGH_WATER;
        let log_view = async {
            match self.log_view.as_mut().filter(|_| room) {
                Some(log_view) => Ok(Wake::Step(log_view.next().await)),
                None => future::pending().await,
            }
        };
        let new_records = async {
            match self.new_records.as_ref().filter(|_| room) {
                Some(new_records) => Ok(Wake::Step(match new_records.next().await {
                    Ok(record) => Event::NewRecord(record),
                    Err(error) => {
                        log::debug!("/dev/kmsg: {error}");
                        future::pending().await
                    }
                })),
                None => future::pending().await,
            }
        };
        let deadline = self.session.deadline();
        let late = async {
            match deadline {
                Some(at) => {
                    let left = at.since(BootMillis::now());
                    Timer::after(Duration::from_millis(left)).await;
                    Ok(Wake::Step(Event::Tick))
                }
                None => future::pending().await,
            }
        };
        read.or(write)
            .or(command)
            .or(late)
            .or(new_records)
            .or(log_view)
            .await
    }

    fn step(&mut self, event: Event<'_>) {
        if matches!(event, Event::Answer(_)) {
            self.command = None;
        }
        for action in self.session.step(event, BootMillis::now()) {
            match action {
                Action::MarkPresent => {
                    if self.new_records.is_none() {
                        kernel_log::set_console_quiet(true);
                        self.new_records = open(Position::End);
                    }
                    presence::mark(true);
                }
                Action::MarkAbsent => {
                    self.new_records = None;
                    mark_absent();
                }
                Action::Greet => self.command = Some(Box::pin(execute::greet())),
                Action::Execute(command) => {
                    self.command = Some(Box::pin(execute::execute(command)));
                }
                Action::Cancel => self.command = None,
                Action::ShowLog { follow, of } => {
                    self.log_view =
                        open(Position::Start).map(|log| LogView::new(log, follow, of.as_deref()));
                }
                Action::HideLog => self.log_view = None,
            }
        }
        self.queue.extend(self.session.take_output());
        if self.log_view.is_none() && self.session.shows_log() {
            self.step(Event::LogEnd);
        }
    }
}

impl LogView {
    fn new(log: KernelLog, follow: bool, of: Option<&str>) -> Self {
        let mut backlog = VecDeque::new();
        while follow && let Ok(Some(record)) = log.next_stored() {
            if record.is_of(of) {
                backlog.push_back(record);
            }
            if backlog.len() > FOLLOW_BACKLOG {
                backlog.pop_front();
            }
        }
        Self {
            log,
            follow,
            backlog,
        }
    }

    /// Waits for the next record, or returns the end of a log that is not followed.
    async fn next(&mut self) -> Event<'static> {
        // Typed keys are handled in between.
        future::yield_now().await;
        if let Some(record) = self.backlog.pop_front() {
            return Event::Logged(record);
        }
        match self.log.next_stored() {
            Ok(Some(record)) => Event::Logged(record),
            Ok(None) if self.follow => match self.log.next().await {
                Ok(record) => Event::Logged(record),
                Err(_) => Event::LogEnd,
            },
            Ok(None) | Err(_) => Event::LogEnd,
        }
    }
}

fn open(from: Position) -> Option<KernelLog> {
    KernelLog::open(from)
        .inspect_err(|error| log::warn!("/dev/kmsg: {error}"))
        .ok()
}
