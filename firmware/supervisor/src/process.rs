//! Starting, ending and burying processes.

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

/// Read from one service before the others have their turn.
const READ_BYTES_PER_TURN: usize = 4096;

/// The reading end of what a service writes to stdout and stderr.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) service: Service,
    pipe: io::PipeReader,
    lines: Lines,
}

/// Starts `program` as `service` with `arguments`; gives out its process id and its output.
pub(crate) fn spawn(
    program: &Path,
    service: Service,
    arguments: &[&str],
) -> io::Result<(i32, Output)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // A process group of its own keeps a signal from the console's keyboard away from it.
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
    /// Reads one turn's worth, handing each line to `each`; false where all writers are gone.
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

    /// Reads what an ended process left behind.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&str)) {
        /// A pipe holds 64 KiB; more can only come from somebody who still writes.
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

/// Lets signals through again, as the first thing a service does: the supervisor reads its own
/// from a descriptor and has them blocked, and a new process inherits that.
///
/// # Errors
/// The kernel's.
pub fn unblock_signals() -> nix::Result<()> {
    SigSet::empty().thread_set_mask()
}

/// Sends a signal; a process that is gone already is none to complain about.
pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid), signal)
        && error != Errno::ESRCH
    {
        log::warn!("cannot send {signal} to process {pid}: {error}");
    }
}

/// Ended processes buried before the others have their turn: a service that forks without end
/// must not keep the watchdog from being petted.
pub(crate) const MAX_REAPS_PER_TURN: usize = 256;

/// Buries one ended process, ours or an orphan; gives out its id and how it ended.
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
            // Nobody is traced or stopped here; look at the next one.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                log::error!("waitpid: {error}");
                return None;
            }
        }
    }
}
