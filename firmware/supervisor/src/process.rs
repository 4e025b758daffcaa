//! Child processes: spawn, signal, reap.

use std::{
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use failberry_state::Service;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::lines::Lines;

/// Most bytes read from one service in a turn, so that the others get theirs.
const READ_BYTES_PER_TURN: usize = 4096;

/// Reading end of the pipe for stdout and stderr of a service.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) service: Service,
    pipe: io::PipeReader,
    lines: Lines,
}

/// Spawns `program` as `service` with `arguments`. Returns its process id and its output.
pub(crate) fn spawn(
    program: &Path,
    service: Service,
    arguments: &[&str],
) -> io::Result<(i32, Output)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // Its own process group keeps signals of the console's keyboard away from it.
    let child = Command::new(program)
        .arg0("failberry")
        .arg(service.name())
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok((
        pid,
        Output {
            service,
            pipe: reader,
            lines: Lines::default(),
        },
    ))
}

impl Output {
    /// Reads once, and calls `each` with every line. Returns false if all writers are gone.
    pub(crate) fn read(&mut self, each: impl FnMut(&str)) -> bool {
        let mut buffer = [0; READ_BYTES_PER_TURN];
        match self.pipe.read(&mut buffer) {
            Ok(0) => {
                self.lines.finish(each);
                false
            }
            Ok(length) => {
                self.lines
                    .push(buffer.get(..length).unwrap_or_default(), each);
                true
            }
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ),
        }
    }

    /// Reads the rest of the output of an exited process.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&str)) {
        /// Most reads: a pipe holds 64 KiB; more can only come from a process that still writes.
        const MAX_TURNS: usize = 16;
        for _ in 0..MAX_TURNS {
            if !self.read(&mut each) {
                return;
            }
        }
        self.lines.finish(each);
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Unblocks all signals, as the first step of a service. The supervisor reads its signals from a
/// descriptor and has them blocked, and a new process inherits that.
///
/// # Errors
/// Errors of the kernel.
pub fn unblock_signals() -> nix::Result<()> {
    SigSet::empty().thread_set_mask()
}

/// Sends a signal; no error if the process is gone.
pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid), signal)
        && error != Errno::ESRCH
    {
        log::warn!("cannot send {signal} to process {pid}: {error}");
    }
}

/// Most exited processes reaped in one turn: a service that forks without end must not keep the
/// watchdog from being petted.
pub(crate) const MAX_REAPS_PER_TURN: usize = 256;

/// Reaps one exited process, a child or an orphan. Returns its id and how it exited.
pub(crate) fn reap_one() -> Option<(i32, String)> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => {
                return Some((pid.as_raw(), format!("exit code {code}")));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Some((pid.as_raw(), format!("signal {signal}")));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            // A process that has not exited: continue with the next one.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                log::error!("waitpid: {error}");
                return None;
            }
        }
    }
}
