//! Children that make trouble by their number or their patience.

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

/// Between two looks for a service that is not there: it shall not live for long.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Leaves `count` processes to PID 1 that all end at the same moment.
pub(crate) fn create_orphans(count: usize) -> io::Result<()> {
    let (wait, signal) = io::pipe()?;
    let mut signal = Some(signal);
    let parent = fork::spawn(|| {
        drop(signal.take());
        for _ in 0..count {
            // All wait for the end of the same pipe.
            let born = fork::spawn(|| {
                let _ = (&wait).read(&mut [0]);
            });
            if born.is_err() {
                return;
            }
        }
    })?;
    // When it has ended its children are orphans; then they end too.
    waitpid(parent, None)?;
    drop(signal);
    Ok(())
}

/// Leaves a child that kills the service called `name` whenever it appears, for `seconds`.
pub(crate) fn kill_repeatedly(name: &str, seconds: u64) -> io::Result<()> {
    fork::spawn(|| {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            if let Ok(Some(pid)) = processes::pid_of(name) {
                // It may have gone by itself.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            thread::sleep(POLL_INTERVAL);
        }
    })
    .map(drop)
}
