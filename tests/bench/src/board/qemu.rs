//! QEMU as a child process.

use std::{
    fs::{self, File},
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::BoardError;
use crate::net::Namespace;

const PROGRAM: &str = "qemu-system-arm";

/// QEMU opens its sockets in its first second even on a busy machine.
const LISTENING: Duration = Duration::from_secs(20);

/// Between two looks at a socket that a child process is about to make.
const STEP: Duration = Duration::from_millis(20);

/// A running QEMU; killed when dropped.
pub(super) struct Qemu(Child);

/// Starts QEMU inside `namespace` and connects to its console, for which it waits.
pub(super) fn start(
    namespace: &Namespace,
    arguments: &[String],
    console: &Path,
    log: &Path,
) -> Result<(Qemu, UnixStream), BoardError> {
    let stderr = File::create(log).map_err(BoardError::io(log.display()))?;
    // A socket left from an earlier run would answer for the new one.
    let _ = fs::remove_file(console);
    let serial = format!(
        "socket,id=console,path={},server=on,wait=on",
        console.display()
    );
    let child = namespace
        // It must not outlive whoever started it, however that ends.
        .command("setpriv")
        .args(["--pdeathsig", "KILL", PROGRAM])
        .args([
            "-display",
            "none",
            "-nodefaults",
            "-no-user-config",
            "-monitor",
            "none",
        ])
        .args(["-chardev", &serial, "-serial", "chardev:console"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .map_err(BoardError::io(PROGRAM))?;
    let mut qemu = Qemu(child);
    let until = Instant::now() + LISTENING;
    loop {
        match UnixStream::connect(console) {
            Ok(stream) => return Ok((qemu, stream)),
            Err(error) if Instant::now() >= until => {
                return Err(BoardError::io(console.display())(error));
            }
            Err(_) => {}
        }
        if let Some(status) = qemu.0.try_wait().map_err(BoardError::io(PROGRAM))? {
            return Err(BoardError::Ended {
                status: status.to_string(),
                stderr: fs::read_to_string(log).unwrap_or_default(),
            });
        }
        thread::sleep(STEP);
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
