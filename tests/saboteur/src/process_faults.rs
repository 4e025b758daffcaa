//! Process faults: mass exit of orphans, and repeated killing of a service.

use std::{
    io::{self, Read},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::waitpid,
    },
    unistd::Pid,
};

use crate::{fork, processes};

/// Poll interval for a restarted service; short, so that it is killed soon after its start.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Creates `count` orphans of PID 1 that all exit at once.
pub(crate) fn create_orphans(count: usize) -> io::Result<()> {
    let (wait, signal) = io::pipe()?;
    let mut signal = Some(signal);
    let parent = fork::spawn(|| {
        drop(signal.take());
        for _ in 0..count {
            // All block on one pipe until it closes.
            let born = fork::spawn(|| {
                let _ = (&wait).read(&mut [0]);
            });
            if born.is_err() {
                return;
            }
        }
    })?;
    // Its exit makes its children orphans; closing the pipe then ends them.
    waitpid(parent, None)?;
    drop(signal);
    Ok(())
}

/// Forks a child that kills the service `name` whenever it runs, for `seconds`.
pub(crate) fn kill_repeatedly(name: &str, seconds: u64) -> io::Result<()> {
    fork::spawn(|| {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            if let Ok(Some(pid)) = processes::pid_of(name) {
                // It may have exited already.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            thread::sleep(POLL_INTERVAL);
        }
    })
    .map(drop)
}
