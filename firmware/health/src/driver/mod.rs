//! The loop: one thread, one epoll, both ports. Decides nothing but the order of a turn.
//!
//! In a turn what is open comes first and new connections last, a bounded number of each port: so
//! a request that has arrived is read before it could have to make room.

mod listener;
mod pages;
mod port;
#[cfg(test)]
mod tests;
mod token;

use std::{convert::Infallible, io, net::TcpListener, path::PathBuf};

use failberry_service::Heartbeat;
use failberry_state::{BootMillis, HealthState, StateFile};
use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout},
        resource::{Resource, getrlimit},
    },
};

pub(crate) use self::listener::listen;
use self::{
    pages::Desk,
    port::Port,
    token::{Token, Which},
};
use crate::{
    backend::Pages,
    errands::Errand,
    gate::{Gate, Id, Site},
};

/// Connections to port 9000 at a time. Sixteen checkers ask about once in 2 s; the rest is room
/// for a flood, whose oldest connection lives this many divided by its rate: 0.25 s at 3,000 a
/// second. One costs 4 KiB, most of it the kernel's.
const PUBLIC_PLACES: usize = 768;

/// Connections to port 9001 at a time.
const LAN_PLACES: usize = 32;

/// Descriptors for everything else: log, epoll, listeners, the pages' server and its files. It
/// panics where it gets none, so connections leave these alone.
const OTHER_FILES: usize = 64;

/// Shortest time between two writes of the state file, in milliseconds.
const PUBLISH_MS: u64 = 10_000;

/// Events handled in a turn.
const EVENTS: usize = 256;

/// Both ports, served.
pub(crate) struct Driver {
    epoll: Epoll,
    public: Port,
    lan: Port,
    desk: Desk,
    file: StateFile<HealthState>,
    state: HealthState,
    published: BootMillis,
}

impl Driver {
    /// Serves checkers on `public` and `pages` on `lan`, with the pages' server at `path`.
    ///
    /// # Errors
    /// The kernel's refusal to watch the listeners.
    pub(crate) fn new(
        public: TcpListener,
        lan: TcpListener,
        path: PathBuf,
        pages: Pages,
        file: StateFile<HealthState>,
    ) -> io::Result<Self> {
        let now = BootMillis::now();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let (checkers, people) = places();
        let public = Port::new(
            Which::Public,
            public,
            Gate::new(Site::Public, checkers),
            &epoll,
        )?;
        let lan = Port::new(Which::Lan, lan, Gate::new(Site::Lan, people), &epoll)?;
        let mut driver = Self {
            epoll,
            public,
            lan,
            desk: Desk::new(path, pages, now),
            file,
            state: HealthState {
                listening: true,
                ..HealthState::default()
            },
            published: now,
        };
        driver.publish(now);
        Ok(driver)
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// What epoll says about itself.
    pub(crate) fn run(&mut self) -> io::Result<Infallible> {
        let mut heartbeat = Heartbeat::new();
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let now = BootMillis::now();
            let beat = heartbeat.beat(now);
            self.turn(&mut events, beat)?;
        }
    }

    /// Waits for events, `until` then at the latest, and handles them.
    fn turn(&mut self, events: &mut [EpollEvent], until: BootMillis) -> io::Result<()> {
        let now = BootMillis::now();
        let wakes = [self.public.wake(), self.lan.wake(), self.desk.wake()];
        let publish = self.is_news().then(|| self.published.plus(PUBLISH_MS));
        let wake = (wakes.into_iter().chain([publish]).flatten()).fold(until, BootMillis::min);
        let millis = u16::try_from(wake.since(now)).unwrap_or(u16::MAX);
        let count = match self.epoll.wait(events, EpollTimeout::from(millis)) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        let now = BootMillis::now();
        let events = events.get(..count).unwrap_or_default();
        for event in events {
            match Token::unpack(event.data()) {
                Some(Token::Connection(which, id)) => self.connection(which, id, event, now),
                Some(Token::Errand(number)) => self.answered(number, now),
                _ => {}
            }
        }
        self.public.expire(&self.epoll, now);
        self.lan.expire(&self.epoll, now);
        for event in events {
            match Token::unpack(event.data()) {
                Some(Token::Listener(Which::Public)) => self.public.accept(&self.epoll, now),
                Some(Token::Listener(Which::Lan)) => self.lan.accept(&self.epoll, now),
                _ => {}
            }
        }
        if self.desk.is_stuck(now) {
            self.give_up("no answer in time", now);
        }
        self.errands(now);
        self.public.report();
        self.lan.report();
        if self.is_news() && now.since(self.published) >= PUBLISH_MS {
            self.publish(now);
        }
        Ok(())
    }

    fn connection(&mut self, which: Which, id: Id, event: &EpollEvent, now: BootMillis) {
        let port = match which {
            Which::Public => &mut self.public,
            Which::Lan => &mut self.lan,
        };
        port.event(&self.epoll, id, event.events(), now);
    }

    /// Hands what the LAN asks for to the pages' server, and forgets who has gone.
    fn errands(&mut self, now: BootMillis) {
        while let Some(id) = self.lan.gone.pop() {
            self.desk.forget(id);
        }
        for id in std::mem::take(&mut self.lan.asks) {
            if self.lan.gate.line(id).is_none() {
                continue;
            }
            match self.desk.ask(id, now) {
                Errand::Run => self.hand_over(id, now),
                Errand::Wait => {}
                Errand::Refuse => self.lan.deliver(&self.epoll, id, None, now),
            }
        }
    }

    fn hand_over(&mut self, id: Id, now: BootMillis) {
        let line = self.lan.gate.line(id).unwrap_or_default();
        if let Err(error) = self.desk.hand_over(id, line, &self.epoll, now) {
            self.lan.deliver(&self.epoll, id, None, now);
            self.give_up(&error.to_string(), now);
        }
    }

    /// Reads what the pages' server says, and hands over the next request where it has ended.
    fn answered(&mut self, number: u32, now: BootMillis) {
        let Some((id, page)) = self.desk.read(number) else {
            return;
        };
        self.lan.deliver(&self.epoll, id, page, now);
        while let Some(gone) = self.lan.gone.pop() {
            self.desk.forget(gone);
        }
        if let Some(next) = self.desk.next() {
            self.hand_over(next, now);
        }
    }

    fn give_up(&mut self, why: &str, now: BootMillis) {
        for id in self.desk.give_up(why) {
            self.lan.deliver(&self.epoll, id, None, now);
        }
    }

    /// Whether the state file says less than is known.
    fn is_news(&self) -> bool {
        let tally = self.public.gate.tally();
        (tally.answered, tally.malformed) != (self.state.answered, self.state.malformed)
    }

    fn publish(&mut self, now: BootMillis) {
        let tally = self.public.gate.tally();
        (self.state.answered, self.state.malformed) = (tally.answered, tally.malformed);
        self.published = now;
        if let Err(error) = self.file.publish(&self.state) {
            log::warn!("{error}");
        }
    }
}

/// Places of both ports, as far as there are descriptors for them.
fn places() -> (usize, usize) {
    let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    places_of(files)
}

fn places_of(files: usize) -> (usize, usize) {
    let room = files.saturating_sub(OTHER_FILES);
    let lan = LAN_PLACES.min(room / 4).max(1);
    (PUBLIC_PLACES.min(room.saturating_sub(lan)).max(1), lan)
}
