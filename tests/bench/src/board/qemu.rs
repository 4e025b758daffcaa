//! QEMU as a child process.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    BoardError, Machine,
    usb_power::{PortPower, TRACE},
};
use crate::net::Namespace;

/// Longest time until QEMU listens on its sockets; it takes under a second even on a busy machine.
const LISTENING: Duration = Duration::from_secs(20);

/// Poll interval while QEMU creates a socket.
const STEP: Duration = Duration::from_millis(20);

/// A running QEMU; killed when dropped.
pub(super) struct Qemu {
    program: &'static str,
    child: Child,
    log: PathBuf,
    /// Thread that writes the log; ends with QEMU.
    logger: Option<JoinHandle<()>>,
}

/// Starts `machine` with QEMU inside `namespace`; it waits until a client connects to `console`.
/// Its standard error goes to `log`; traced USB hub requests also go to `ports`.
pub(super) fn start(
    machine: &Machine,
    namespace: &Namespace,
    arguments: &[String],
    console: &Path,
    log: &Path,
    ports: PortPower,
) -> Result<Qemu, BoardError> {
    let mut file = File::create(log).map_err(BoardError::io(log.display()))?;
    // A socket left from an earlier run would answer for the new one.
    let _ = fs::remove_file(console);
    let serial = format!(
        "socket,id=console,path={},server=on,wait=on",
        console.display()
    );
    let program = machine.emulator();
    let mut child = namespace
        // QEMU must not outlive this process, even if that is killed.
        .command("setpriv")
        .args(["--pdeathsig", "KILL", program])
        .args(["-display", "none", "-nodefaults", "-no-user-config"])
        .args(["-serial", "null"].repeat(machine.silent_serial_ports()))
        .args(["-chardev", &serial, "-serial", "chardev:console"])
        .args(TRACE)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(BoardError::io(program))?;
    let logger = child.stderr.take().map(|stderr| {
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let text = String::from_utf8_lossy(&line);
                // A failed log write must not stop the power tracking.
                let _ = writeln!(file, "{text}");
                ports.on_trace_line(&text);
            }
        })
    });
    Ok(Qemu {
        program,
        child,
        log: log.to_owned(),
        logger,
    })
}

impl Qemu {
    /// Connects to one of QEMU's sockets, which appear while it starts.
    pub(super) fn connect(&mut self, socket: &Path) -> Result<UnixStream, BoardError> {
        let until = Instant::now() + LISTENING;
        loop {
            match UnixStream::connect(socket) {
                Ok(stream) => return Ok(stream),
                Err(error) if Instant::now() >= until => {
                    return Err(BoardError::io(socket.display())(error));
                }
                Err(_) => {}
            }
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(BoardError::io(self.program))?
            {
                self.finish_log();
                return Err(BoardError::Ended {
                    status: status.to_string(),
                    stderr: fs::read_to_string(&self.log).unwrap_or_default(),
                });
            }
            thread::sleep(STEP);
        }
    }

    /// Kills QEMU.
    pub(super) fn kill(&mut self) {
        // QEMU may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.finish_log();
    }

    /// Waits until its whole output is in the log.
    fn finish_log(&mut self) {
        // A panic of the logger is on standard error already.
        let _ = self.logger.take().map(JoinHandle::join);
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}
