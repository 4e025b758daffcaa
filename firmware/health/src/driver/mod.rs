//! Event loop: one thread, one epoll, both ports. Decides only the order within a turn.
//!
//! In a turn open connections come first and new ones last, a bounded number of each port: so a
//! request that has arrived is read before it could be evicted.

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
    pages::PagesClient,
    port::Port,
    token::{Token, Which},
};
use crate::{
    backend::Pages,
    gate::{Audience, Gate, Id},
    request_queue::QueueDecision,
};

/// Largest number of connections to port 9000. Sixteen checkers ask about once in 2 s; the rest is
/// room for a flood, whose oldest connection stays for this many divided by its rate: 0.25 s at
/// 3,000 a second. One costs 4 KiB, most of it the kernel's.
const PUBLIC_PLACES: usize = 768;

/// Largest number of connections to port 9001.
const LAN_PLACES: usize = 32;

/// File descriptors reserved for everything else: log, epoll, listeners, the pages' server and its
/// files. It panics if it gets none, so connections leave these alone.
const OTHER_FILES: usize = 64;

/// Shortest time between two writes of the state file, in milliseconds.
const PUBLISH_MS: u64 = 10_000;

/// Events handled in a turn.
const EVENTS: usize = 256;

/// Event loop of both ports.
pub(crate) struct Driver {
    epoll: Epoll,
    public: Port,
    lan: Port,
    pages_client: PagesClient,
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
        let (checkers, people) = capacities();
        let public = Port::new(
            Which::Public,
            public,
            Gate::new(Audience::Public, checkers),
            &epoll,
        )?;
        let lan = Port::new(Which::Lan, lan, Gate::new(Audience::Lan, people), &epoll)?;
        let mut driver = Self {
            epoll,
            public,
            lan,
            pages_client: PagesClient::new(path, pages, now),
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

    /// Runs the event loop for ever.
    ///
    /// # Errors
    /// The failure of epoll itself.
    pub(crate) fn run(&mut self) -> io::Result<Infallible> {
        let mut heartbeat = Heartbeat::new();
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let now = BootMillis::now();
            let beat = heartbeat.beat(now);
            self.turn(&mut events, beat)?;
        }
    }

    /// Waits for events, up to `until`, and handles them.
    fn turn(&mut self, events: &mut [EpollEvent], until: BootMillis) -> io::Result<()> {
        let now = BootMillis::now();
        let wakes = [
            self.public.wake(),
            self.lan.wake(),
            self.pages_client.wake(),
        ];
        let publish = self
            .is_state_outdated()
            .then(|| self.published.plus(PUBLISH_MS));
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
                Some(Token::Request(number)) => self.answered(number, now),
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
        if self.pages_client.is_stuck(now) {
            self.give_up("no answer in time", now);
        }
        self.forward_requests(now);
        self.public.report();
        self.lan.report();
        if self.is_state_outdated() && now.since(self.published) >= PUBLISH_MS {
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

    /// Sends the LAN's requests to the pages' server, and removes clients that have gone.
    fn forward_requests(&mut self, now: BootMillis) {
        while let Some(id) = self.lan.gone.pop() {
            self.pages_client.forget(id);
        }
        for id in std::mem::take(&mut self.lan.asks) {
            if self.lan.gate.line(id).is_none() {
                continue;
            }
            match self.pages_client.ask(id, now) {
                QueueDecision::Run => self.hand_over(id, now),
                QueueDecision::Wait => {}
                QueueDecision::Refuse => self.lan.deliver(&self.epoll, id, None, now),
            }
        }
    }

    fn hand_over(&mut self, id: Id, now: BootMillis) {
        let line = self.lan.gate.line(id).unwrap_or_default();
        if let Err(error) = self.pages_client.hand_over(id, line, &self.epoll, now) {
            self.lan.deliver(&self.epoll, id, None, now);
            self.give_up(&error.to_string(), now);
        }
    }

    /// Reads the pages' server's answer, and sends the next request when one has ended.
    fn answered(&mut self, number: u32, now: BootMillis) {
        let Some((id, page)) = self.pages_client.read(number) else {
            return;
        };
        self.lan.deliver(&self.epoll, id, page, now);
        while let Some(gone) = self.lan.gone.pop() {
            self.pages_client.forget(gone);
        }
        if let Some(next) = self.pages_client.next() {
            self.hand_over(next, now);
        }
    }

    fn give_up(&mut self, why: &str, now: BootMillis) {
        for id in self.pages_client.give_up(why) {
            self.lan.deliver(&self.epoll, id, None, now);
        }
    }

    /// Returns whether the state file is out of date.
    fn is_state_outdated(&self) -> bool {
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

/// Returns the capacities of both ports, as far as there are file descriptors.
fn capacities() -> (usize, usize) {
    let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    capacities_of(files)
}

fn capacities_of(files: usize) -> (usize, usize) {
    let room = files.saturating_sub(OTHER_FILES);
    let lan = LAN_PLACES.min(room / 4).max(1);
    (PUBLIC_PLACES.min(room.saturating_sub(lan)).max(1), lan)
}
