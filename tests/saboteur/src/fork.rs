//! Child processes by `fork`, without `exec`.
#![allow(unsafe_code)]

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
};

use nix::unistd::{ForkResult, Pid, fork};

/// Runs `body` in a child process, which exits with it; returns its process id.
pub(crate) fn spawn(body: impl FnOnce()) -> io::Result<Pid> {
    // SAFETY: this program has one thread, so that no lock is held by another one in the child.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let outcome = catch_unwind(AssertUnwindSafe(body));
            process::exit(i32::from(outcome.is_err()));
        }
    }
}
