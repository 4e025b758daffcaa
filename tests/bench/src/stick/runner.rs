//! I/O thread: connects the stick's state machine with QEMU's socket and the carrier's line.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket},
};

use super::{
    StickError,
    machine::{LineAction, StickMachine},
    wire::Codec,
};

/// Bytes read from a socket at once.
const CHUNK: usize = 16 * 1024;

/// Longest time for QEMU to accept sent bytes; then it counts as stuck.
const FLUSH: Duration = Duration::from_secs(5);

/// State shared by the thread and the handle.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    waker: UnixStream,
    start: Instant,
}

/// Shared state under its lock.
pub(super) struct State {
    /// The stick.
    pub(super) machine: StickMachine,
    /// Why the thread ended by itself.
    pub(super) ended: Option<StickError>,
    /// Commands that a wait has passed.
    pub(super) cursor: usize,
}

impl Shared {
    /// Creates the state, and the wake-up socket for [`Runner::new`].
    pub(super) fn new(
        machine: StickMachine,
        start: Instant,
    ) -> io::Result<(Arc<Self>, UnixStream)> {
        let (waker, wake) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let state = State {
            machine,
            ended: None,
            cursor: 0,
        };
        let shared = Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            waker,
            start,
        };
        Ok((Arc::new(shared), wake))
    }

    /// Locks the state.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state machine; the thread then carries out its outputs.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut StickMachine, u64) -> T) -> T {
        let result = change(&mut self.lock().machine, self.now());
        // A full socket wakes the thread as well; a closed one means that it has ended.
        let _ = (&self.waker).write(&[0]);
        result
    }

    /// Waits until `found` returns a value, the thread ends or the time is over.
    pub(super) fn wait<T>(
        &self,
        bound: Duration,
        mut found: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, StickError> {
        let until = Instant::now() + bound;
        let mut state = self.lock();
        loop {
            if let Some(found) = found(&mut state) {
                return Ok(Some(found));
            }
            if let Some(error) = &state.ended {
                return Err(StickError::Ended {
                    why: error.to_string(),
                });
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Ok(None);
            };
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// State of the I/O thread.
pub(super) struct Runner {
    shared: Arc<Shared>,
    wake: UnixStream,
    redir: UnixStream,
    codec: Codec,
    outgoing: Vec<u8>,
    line: Option<UnixStream>,
    line_path: PathBuf,
}

/// Sockets that are ready.
#[derive(Default)]
struct Ready {
    redir: bool,
    line: bool,
}

impl Runner {
    /// Creates a runner for a connection that has exchanged hellos.
    pub(super) fn new(
        shared: Arc<Shared>,
        wake: UnixStream,
        redir: UnixStream,
        codec: Codec,
        line_path: PathBuf,
    ) -> Self {
        Self {
            shared,
            wake,
            redir,
            codec,
            outgoing: Vec::new(),
            line: None,
            line_path,
        }
    }

    /// Until the stick is unplugged or QEMU is gone.
    pub(super) fn run(mut self) -> Result<(), StickError> {
        let result = self.turns();
        if let Err(error) = &result {
            let why = error.to_string();
            self.shared.lock().ended = Some(StickError::Ended { why });
        }
        self.shared.changed.notify_all();
        result
    }

    fn turns(&mut self) -> Result<(), StickError> {
        let mut unplugged: Option<Instant> = None;
        loop {
            let now = self.shared.now();
            let (deadline, done) = self.carry_out(now);
            if done {
                let since = *unplugged.get_or_insert_with(Instant::now);
                if self.outgoing.is_empty() {
                    return Ok(());
                }
                if since.elapsed() > FLUSH {
                    return Err(StickError::Stuck);
                }
            }
            let wait = deadline.map(|at| at.saturating_sub(now));
            let wait = if done { Some(100) } else { wait };
            let ready = self.poll(wait).map_err(StickError::Poll)?;
            self.read_redir(&ready)?;
            self.write_redir()?;
            self.move_line(&ready);
        }
    }

    /// Does what the machine wants; gives out when it wants to be called again and whether it has
    /// left the bus for good.
    fn carry_out(&mut self, now: u64) -> (Option<u64>, bool) {
        let mut state = self.shared.lock();
        let machine = &mut state.machine;
        machine.tick(now);
        // An order's outcome may bring the next.
        loop {
            let line_actions = machine.take_line_actions();
            if line_actions.is_empty() {
                break;
            }
            for order in line_actions {
                match order {
                    LineAction::Close => self.line = None,
                    LineAction::Connect => match open_line(&self.line_path) {
                        Ok(line) => {
                            self.line = Some(line);
                            machine.connected(now);
                        }
                        Err(_) => machine.no_carrier(now),
                    },
                }
            }
        }
        for frame in machine.take_frames() {
            self.codec.encode(&frame, &mut self.outgoing);
        }
        let outcome = (machine.deadline(), machine.is_unplugged());
        drop(state);
        self.shared.changed.notify_all();
        outcome
    }

    fn poll(&mut self, wait_ms: Option<u64>) -> nix::Result<Ready> {
        let mut redir = PollFlags::POLLIN;
        redir.set(PollFlags::POLLOUT, !self.outgoing.is_empty());
        let mut line = PollFlags::empty();
        {
            let mut state = self.shared.lock();
            line.set(PollFlags::POLLIN, state.machine.line_room() > 0);
            line.set(PollFlags::POLLOUT, !state.machine.uplink().is_empty());
        }
        let mut fds = vec![
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.redir.as_fd(), redir),
        ];
        // A line nobody wants anything of would report its hang-up over and over.
        if let Some(socket) = self.line.as_ref().filter(|_| !line.is_empty()) {
            fds.push(PollFd::new(socket.as_fd(), line));
        }
        // One more, or the rest of a millisecond is spent turning.
        let timeout = wait_ms.map_or(PollTimeout::NONE, |ms| {
            PollTimeout::try_from(ms.saturating_add(1)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
        let woken = ready.next().unwrap_or(false);
        let ready = Ready {
            redir: ready.next().unwrap_or(false),
            line: ready.next().unwrap_or(false),
        };
        drop(fds);
        if woken {
            // However often it was woken, one turn looks at everything.
            let _ = self.wake.read(&mut [0; 256]);
        }
        Ok(ready)
    }

    fn read_redir(&mut self, ready: &Ready) -> Result<(), StickError> {
        if !ready.redir {
            return Ok(());
        }
        let mut chunk = vec![0; CHUNK];
        match self.redir.read(&mut chunk) {
            Ok(0) => return Err(StickError::Gone),
            Ok(count) => self.codec.push(chunk.get(..count).unwrap_or_default()),
            Err(error) if is_later(&error) => return Ok(()),
            Err(error) => return Err(StickError::Redir(error)),
        }
        let now = self.shared.now();
        while let Some(frame) = self.codec.next()? {
            self.shared.lock().machine.handle(frame, now);
            // In order: a packet behind a `D` must find the call made.
            self.carry_out(now);
        }
        Ok(())
    }

    fn write_redir(&mut self) -> Result<(), StickError> {
        while !self.outgoing.is_empty() {
            match self.redir.write(&self.outgoing) {
                Ok(0) => return Err(StickError::Gone),
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(StickError::Redir(error)),
            }
        }
        Ok(())
    }

    /// An error of the line is its end, as the far end's hang-up is.
    fn move_line(&mut self, ready: &Ready) {
        let Some(line) = self.line.as_mut().filter(|_| ready.line) else {
            return;
        };
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let machine = &mut state.machine;
        let written = match machine.uplink() {
            [] => Ok(0),
            bytes => line.write(bytes),
        };
        let room = machine.line_room().min(CHUNK);
        let mut chunk = vec![0; room];
        let read = if room > 0 {
            Some(line.read(&mut chunk))
        } else {
            None
        };
        let ended = match (&written, &read) {
            (Err(error), _) | (_, Some(Err(error))) => !is_later(error),
            (_, Some(Ok(0))) => true,
            _ => false,
        };
        if let Ok(count) = written {
            machine.sent(count, now);
        }
        if let Some(Ok(count)) = read {
            machine.line_bytes(chunk.get(..count).unwrap_or_default(), now);
        }
        if ended {
            machine.no_carrier(now);
            self.line = None;
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Without waiting: a carrier with a full backlog is one that does not answer.
fn open_line(path: &Path) -> nix::Result<UnixStream> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(fd.into())
}
