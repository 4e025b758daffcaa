//! The process: the line and the log into the stay, its bytes and actions out.

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
    attended, deeds,
    kernel_log::{self, From, KernelLog},
    pages::Record,
    session::{Action, Event, Session},
    tty::Tty,
};

/// The supervisor gives us the line when it has come to it.
const AGAIN: Duration = Duration::from_secs(1);

/// Bytes on their way to the terminal above which no more of the log is read: a third of a second
/// at 115,200 baud.
const ENOUGH: usize = 4096;

/// Keeps the console until the process ends.
///
/// # Errors
/// A configuration that cannot be read, privileges that cannot be dropped.
pub fn run() -> ServiceResult {
    let config: ConsoleConfig = read_config(Service::Console)?;
    // For /dev/kmsg and the kernel's log level.
    drop_to(Service::Console, &[Capability::CAP_SYSLOG])?;
    // An earlier run may have ended while somebody was here.
    leave();
    if !config.console.enabled {
        log::info!("the serial console is switched off (console.enabled)");
        return block_on(future::pending());
    }
    let password = config.console.password;
    let password = password.map(|secret| secret.reveal().to_owned());
    let mut console = Console::new(Session::new(password.filter(|own| !own.is_empty())));
    block_on(console.serve())
}

fn leave() {
    attended::mark(false);
    kernel_log::attend(false);
}

struct Console {
    session: Session,
    /// Bytes for the terminal that it has not taken yet.
    queue: Vec<u8>,
    deed: Option<Pin<Box<dyn Future<Output = Vec<String>>>>>,
    shown: Option<Shown>,
    /// What is written while somebody is here.
    news: Option<KernelLog>,
}

/// The log on its way to the terminal.
struct Shown {
    log: KernelLog,
    follow: bool,
    /// Those before what is followed.
    last: VecDeque<Record>,
}

/// Records shown of the past before those that come.
const LAST: usize = 20;

/// What woke us up.
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
            deed: None,
            shown: None,
            news: None,
        }
    }

    async fn serve(&mut self) -> ServiceResult {
        let mut told = false;
        loop {
            match Tty::open() {
                Ok(tty) => {
                    told = false;
                    let Err(error) = self.keep(&tty).await;
                    log::warn!("the serial console's line is gone: {error}");
                    self.step(Event::HungUp);
                    self.queue.clear();
                }
                Err(error) if !told => {
                    log::info!("no serial console yet: {error}");
                    told = true;
                }
                Err(_) => {}
            }
            Timer::after(AGAIN).await;
        }
    }

    /// Until the line is gone.
    async fn keep(&mut self, tty: &Tty) -> io::Result<Infallible> {
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
        let deed = async {
            let lines = match &mut self.deed {
                Some(deed) => deed.await,
                None => future::pending().await,
            };
            Ok(Wake::Step(Event::Answer(lines)))
        };
        let room = self.queue.len() < ENOUGH;
        let shown = async {
            match self.shown.as_mut().filter(|_| room) {
                Some(shown) => Ok(Wake::Step(shown.next().await)),
                None => future::pending().await,
            }
        };
        let news = async {
            match self.news.as_ref().filter(|_| room) {
                Some(news) => Ok(Wake::Step(match news.next().await {
                    Ok(record) => Event::News(record),
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
        read.or(write).or(deed).or(late).or(news).or(shown).await
    }

    fn step(&mut self, event: Event<'_>) {
        if matches!(event, Event::Answer(_)) {
            self.deed = None;
        }
        for action in self.session.step(event, BootMillis::now()) {
            match action {
                Action::Attend => {
                    if self.news.is_none() {
                        kernel_log::attend(true);
                        self.news = open(From::End);
                    }
                    attended::mark(true);
                }
                Action::Leave => {
                    self.news = None;
                    leave();
                }
                Action::Greet => self.deed = Some(Box::pin(deeds::greet())),
                Action::Do(command) => self.deed = Some(Box::pin(deeds::carry_out(command))),
                Action::Abandon => self.deed = None,
                Action::ShowLog { follow, of } => {
                    self.shown =
                        open(From::Start).map(|log| Shown::new(log, follow, of.as_deref()));
                }
                Action::HideLog => self.shown = None,
            }
        }
        self.queue.extend(self.session.take_output());
        if self.shown.is_none() && self.session.shows_log() {
            self.step(Event::LogEnd);
        }
    }
}

impl Shown {
    fn new(log: KernelLog, follow: bool, of: Option<&str>) -> Self {
        let mut last = VecDeque::new();
        while follow && let Ok(Some(record)) = log.next_kept() {
            if record.is_of(of) {
                last.push_back(record);
            }
            if last.len() > LAST {
                last.pop_front();
            }
        }
        Self { log, follow, last }
    }

    /// The next record, or the end where nothing is followed.
    async fn next(&mut self) -> Event<'static> {
        // The terminal's keys have their turn in between.
        future::yield_now().await;
        if let Some(record) = self.last.pop_front() {
            return Event::Logged(record);
        }
        match self.log.next_kept() {
            Ok(Some(record)) => Event::Logged(record),
            Ok(None) if self.follow => match self.log.next().await {
                Ok(record) => Event::Logged(record),
                Err(_) => Event::LogEnd,
            },
            Ok(None) | Err(_) => Event::LogEnd,
        }
    }
}

fn open(from: From) -> Option<KernelLog> {
    KernelLog::open(from)
        .inspect_err(|error| log::warn!("/dev/kmsg: {error}"))
        .ok()
}
