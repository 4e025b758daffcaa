//! Child process that is killed when its owner is dropped, or when this process ends.

use std::{
    io,
    process::Command,
    sync::mpsc::{Sender, channel},
    thread::{self, JoinHandle},
};

/// Running child process; killed and reaped on drop.
#[derive(Debug)]
pub(crate) struct ChildGuard {
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl ChildGuard {
    /// Spawns the program on a thread of its own: the kernel sends the parent-death signal when the
    /// *thread* that spawned it ends, and the caller's may be short-lived.
    pub(crate) fn spawn(mut command: Command) -> io::Result<Self> {
        let (started, outcome) = channel();
        let (stop, stopped) = channel::<()>();
        let keeper = thread::spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(started.send(Err(error))),
            };
            let _ = started.send(Ok(()));
            // Nothing is ever sent; returns when the sender is dropped.
            let _ = stopped.recv();
            let _ = child.kill();
            let _ = child.wait();
        });
        outcome.recv().map_err(io::Error::other)??;
        Ok(Self {
            stop: Some(stop),
            keeper: Some(keeper),
        })
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}
