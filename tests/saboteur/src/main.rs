//! Fault agent: injects faults inside the emulated box. The kernel starts it in place of `/init`;
//! it forks a child, then executes the shipped `/init`, so PID 1 runs as shipped.
//!
//! The child owns a mount namespace of its own, invisible to PID 1. It takes in commands on a
//! virtio-serial port, one line each, and gives out one reply line for each; both begin with the
//! command's number. Client: `failberry_bench::board::FaultAgent`.

mod commands;
mod exhaustion;
mod fork;
mod process_faults;
mod processes;
mod virtio_port;

use std::{
    convert::Infallible,
    env,
    ffi::{CString, OsString},
    io::{self, BufRead, BufReader, Write},
    os::unix::ffi::OsStringExt,
    process::ExitCode,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::execv,
};

/// Program shipped as PID 1.
const INIT: &str = "/init";

fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!("saboteur: expected to be PID 1 of an emulated box");
        return ExitCode::FAILURE;
    }
    let child = fork::spawn(|| {
        if let Err(error) = serve() {
            eprintln!("saboteur: {error}");
        }
    });
    if let Err(error) = child {
        eprintln!("saboteur: {error}");
    }
    // PID 1 ends, so the kernel panics; this is the last console line.
    let Err(error) = become_init();
    eprintln!("saboteur: {INIT}: {error}");
    ExitCode::FAILURE
}

fn become_init() -> io::Result<Infallible> {
    let words = env::args_os()
        .skip(1)
        .map(OsString::into_vec)
        .map(CString::new);
    let first = CString::new(INIT);
    let arguments: Vec<CString> = [first].into_iter().chain(words).collect::<Result<_, _>>()?;
    Ok(execv(c"/init", &arguments)?)
}

/// Executes commands until the port closes.
fn serve() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        let flags = MsFlags::empty();
        mount(Some(kind), place, Some(kind), flags, None::<&str>)?;
    }
    let mut commands = BufReader::new(virtio_port::open()?);
    let mut answers = commands.get_ref().try_clone()?;
    loop {
        let mut line = String::new();
        if commands.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (number, command) = line.trim().split_once(' ').unwrap_or_default();
        match commands::execute(command) {
            commands::Outcome::Done(text) => writeln!(answers, "{number} ok {text}")?,
            commands::Outcome::Failed(why) => writeln!(answers, "{number} error {why}")?,
            // The command leaves nothing that could reply afterwards.
            commands::Outcome::AfterReply(act) => {
                writeln!(answers, "{number} ok ")?;
                act()?;
            }
        }
    }
}
