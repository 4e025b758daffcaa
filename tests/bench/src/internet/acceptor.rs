//! Server threads that serve a socket until stopped.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

/// Longest silence of a peer before its connection is closed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Running server thread; dropping it stops and joins it.
#[derive(Debug)]
pub(crate) struct ServiceThread {
    /// Closing it wakes the thread. A connection to the socket itself would not do: it may lie in
    /// another network namespace.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl ServiceThread {
    /// Starts a thread that calls `ready` whenever `socket` is readable.
    #[expect(
        clippy::expect_used,
        reason = "a bench that cannot be set up has nothing to test"
    )]
    pub(crate) fn start<S>(socket: S, ready: impl Fn(&S) + Send + 'static) -> Self
    where
        S: AsFd + Send + 'static,
    {
        let (stop, stopped) = UnixStream::pair().expect("a pair of sockets");
        let thread = thread::spawn(move || {
            while readable(socket.as_fd(), stopped.as_fd()) {
                ready(&socket);
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Starts a thread that accepts connections and runs `serve` for each on a thread of its own.
    #[expect(
        clippy::expect_used,
        reason = "a bench that cannot be set up has nothing to test"
    )]
    pub(crate) fn accept(
        listener: TcpListener,
        serve: impl Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
    ) -> Self {
        // A peer that leaves between poll and accept must not hold the thread.
        listener
            .set_nonblocking(true)
            .expect("a listener is a socket");
        let serve = Arc::new(serve);
        Self::start(listener, move |listener| {
            let Ok((stream, peer)) = listener.accept() else {
                return;
            };
            let bounded = stream
                .set_read_timeout(Some(PATIENCE))
                .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
            if bounded.is_ok() {
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream, peer));
            }
        })
    }
}

impl Drop for ServiceThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread's panic message is on stderr already.
            let _ = thread.join();
        }
    }
}

/// Waits for either socket; returns true if there is something to serve, false to stop.
fn readable(socket: BorrowedFd<'_>, stopped: BorrowedFd<'_>) -> bool {
    loop {
        let mut fds = [
            PollFd::new(socket, PollFlags::POLLIN),
            PollFd::new(stopped, PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(_) => return false,
            Ok(_) => {
                let [socket, stopped] = fds;
                let stop = stopped.any().unwrap_or(true);
                return !stop && socket.any().unwrap_or(false);
            }
        }
    }
}
