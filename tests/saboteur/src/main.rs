//! The bench's hand inside the box. The kernel starts it in the place of `/init`, which it becomes
//! after it has left a child behind: PID 1 runs as it is shipped.
//!
//! The child owns nothing that PID 1 knows of: its mounts are its own. It takes in orders on a
//! virtio port, one line each, and gives out one line for each, both with the order's number.

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

/// What is shipped as PID 1.
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
    // The kernel panics now, with this as the last line.
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

/// Answers orders for ever.
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
            // Nobody is left to answer afterwards.
            commands::Outcome::AfterReply(act) => {
                writeln!(answers, "{number} ok ")?;
                act()?;
            }
        }
    }
}
