//! A program that runs exactly as long as its owner, or as this process if the owner is forgotten.

use std::{
    io,
    process::Command,
    sync::mpsc::{Sender, channel},
    thread::{self, JoinHandle},
};

/// A running program; it is killed with this value.
#[derive(Debug)]
pub(crate) struct ChildGuard {
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl ChildGuard {
    /// Starts the program on a thread of its own: the kernel ties the death of a child to the
    /// *thread* that made it, and the caller's may be a passing one.
    pub(crate) fn spawn(mut command: Command) -> io::Result<Self> {
        let (started, outcome) = channel();
        let (stop, stopped) = channel::<()>();
        let keeper = thread::spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(started.send(Err(error))),
            };
            let _ = started.send(Ok(()));
            // Nothing is ever sent: the other end goes away.
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
