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

/// QEMU opens its sockets in its first second even on a busy machine.
const LISTENING: Duration = Duration::from_secs(20);

/// Between two looks at a socket that a child process is about to make.
const STEP: Duration = Duration::from_millis(20);

/// A running QEMU; killed when dropped.
pub(super) struct Qemu {
    program: &'static str,
    child: Child,
    log: PathBuf,
    /// Writes the log; ends with QEMU.
    logger: Option<JoinHandle<()>>,
}

/// Starts `machine` with QEMU inside `namespace`; it waits until a client connects to `console`.
/// What it says goes to `log`, and what of it is about the power of its USB sockets to `sockets`.
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
        // It must not outlive whoever started it, however that ends.
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
                // The log is for a reader; the sockets do not depend on it.
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
    /// Connects to one of its sockets, which it makes while it starts.
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

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.finish_log();
    }

    /// Waits until all that it said is in the log.
    fn finish_log(&mut self) {
        // A panic there is on standard error already.
        let _ = self.logger.take().map(JoinHandle::join);
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}
