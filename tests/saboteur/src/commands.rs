//! Parser and executor of the agent's commands.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use nix::{
    sys::{
        ptrace,
        signal::{Signal, kill},
        time::TimeSpec,
    },
    time::{ClockId, clock_gettime, clock_settime},
    unistd::Pid,
};

use crate::{exhaustion, process_faults, processes};

/// PID 1's root directory, in its mount namespace.
const ROOT: &str = "/proc/1/root";

/// PID 1's control socket.
const REQUESTS: &str = "/proc/1/root/run/failberry/supervisor/requests";

/// Result of a command.
pub(crate) enum Outcome {
    /// Succeeded, with the text of the reply.
    Done(String),
    /// Failed, with the reason.
    Failed(String),
    /// Action to execute after the reply has been sent.
    AfterReply(fn() -> io::Result<()>),
}

impl<E: std::fmt::Display> From<Result<String, E>> for Outcome {
    fn from(result: Result<String, E>) -> Self {
        match result {
            Ok(text) => Self::Done(text),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Executes one command line.
pub(crate) fn execute(command: &str) -> Outcome {
    let words: Vec<&str> = command.split(' ').collect();
    let done = |result: io::Result<()>| result.map(|()| String::new()).into();
    // The request itself contains spaces.
    if let Some(request) = command.strip_prefix("ask ") {
        return ask(request).into();
    }
    match words.as_slice() {
        ["sample"] => processes::sample(Path::new("/proc")).into(),
        ["signal", name, signal] => done(send(name, signal)),
        ["freeze"] => done(freeze_pid1()),
        ["hog", adjust] => match adjust.parse() {
            Ok(adjust) => done(exhaustion::exhaust_memory(adjust)),
            Err(error) => Outcome::Failed(format!("{adjust:?}: {error}")),
        },
        ["orphans", count] => match count.parse() {
            Ok(count) => done(process_faults::create_orphans(count)),
            Err(error) => Outcome::Failed(format!("{count:?}: {error}")),
        },
        ["hunt", name, seconds] => match seconds.parse() {
            Ok(seconds) => done(process_faults::kill_repeatedly(name, seconds)),
            Err(error) => Outcome::Failed(format!("{seconds:?}: {error}")),
        },
        ["fill", path] => {
            let filled = exhaustion::fill_disk(Path::new(&format!("{ROOT}{path}")));
            filled.map(|bytes| bytes.to_string()).into()
        }
        ["remove", path] => done(fs::remove_file(format!("{ROOT}{path}"))),
        ["read", path] => {
            let text = fs::read_to_string(format!("{ROOT}{path}"));
            text.map(|text| text.replace('\n', " ")).into()
        }
        ["time"] => now().map(|time| time.to_string()).into(),
        ["clock", seconds] => match seconds.parse() {
            Ok(seconds) => done(set_clock(seconds)),
            Err(error) => Outcome::Failed(format!("{seconds:?}: {error}")),
        },
        ["panic"] => Outcome::AfterReply(|| fs::write("/proc/sysrq-trigger", "c")),
        _ => Outcome::Failed(format!("expected an order, got {command:?}")),
    }
}

fn send(name: &str, signal: &str) -> io::Result<()> {
    let signal: Signal = signal.parse()?;
    let pid =
        processes::pid_of(name)?.ok_or_else(|| io::Error::other(format!("{name} does not run")))?;
    Ok(kill(Pid::from_raw(pid), signal)?)
}

/// Stops PID 1 by ptrace: it ignores SIGSTOP from its children, but they may trace it.
fn freeze_pid1() -> io::Result<()> {
    let one = Pid::from_raw(1);
    ptrace::seize(one, ptrace::Options::empty())?;
    Ok(ptrace::interrupt(one)?)
}

fn now() -> io::Result<i64> {
    Ok(clock_gettime(ClockId::CLOCK_REALTIME)?.tv_sec())
}

/// Sets the clock to `seconds` since the Unix epoch.
fn set_clock(seconds: u64) -> io::Result<()> {
    let time = TimeSpec::from_duration(Duration::from_secs(seconds));
    Ok(clock_settime(ClockId::CLOCK_REALTIME, time)?)
}

/// Sends a request to PID 1's control socket as root and returns the reply.
fn ask(request: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(REQUESTS)?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.trim().to_owned())
}
