//! One call: pppd on a pty that stands for the line.

use std::{
    collections::VecDeque,
    fs,
    io::{self, PipeReader, Read, Write},
    net::Ipv4Addr,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    pty::openpty,
    sys::{
        signal::{Signal, kill},
        termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
    },
    unistd::{Pid, ttyname},
};

use super::{GuestError, at};
use crate::carrier::{CarrierSettings, Program};

/// Bytes buffered for pppd; excess is dropped, as on a line with a full buffer.
const WAITING: usize = 256 * 1024;

/// The line of a call.
pub(super) struct Line {
    pub(super) master: fs::File,
    /// Kept open so that the master sees no end of file before pppd opens and after it closes the
    /// tty.
    _slave: OwnedFd,
    waiting: VecDeque<u8>,
    /// Whether pppd has made the tty a PPP channel. Earlier data would be discarded.
    taken: bool,
}

/// A call.
pub(super) struct Call {
    pub(super) number: u32,
    /// `None` after the caller hung up.
    pub(super) line: Option<Line>,
    pub(super) output: PipeReader,
    /// Whether IPCP has been opened.
    pub(super) up: bool,
    program: Child,
    text: Vec<u8>,
    local: Option<Ipv4Addr>,
}

/// Line of pppd's log, with the addresses it completes.
pub(super) struct LogEvent {
    pub(super) line: String,
    /// Local and remote address, in the line that completes them.
    pub(super) up: Option<(Ipv4Addr, Ipv4Addr)>,
}

impl Call {
    pub(super) fn begin(number: u32, settings: &CarrierSettings) -> Result<Self, GuestError> {
        for path in ["/etc/ppp/pap-secrets", "/etc/ppp/chap-secrets"] {
            fs::write(path, settings.secrets()).map_err(at(path))?;
        }
        let pty = openpty(None, None).map_err(at("openpty"))?;
        // Raw from the start: data before pppd must not be echoed.
        let mut raw = tcgetattr(&pty.slave).map_err(at("tcgetattr"))?;
        cfmakeraw(&mut raw);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &raw).map_err(at("tcsetattr"))?;
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(at("fcntl"))?;
        // A master inherited by pppd would prevent the hang-up.
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(at("fcntl"))?;
        }
        let tty = ttyname(&pty.slave).map_err(at("ttyname"))?;
        let (output, input) = io::pipe().map_err(at("pipe"))?;
        let tty = tty.to_string_lossy();
        let mut command = match settings.program {
            Program::Pppd | Program::PppdSubscriber => {
                let mut pppd = Command::new("/usr/sbin/pppd");
                pppd.args(settings.arguments(&tty));
                pppd
            }
            Program::EngineSubscriber => {
                let mut engine = Command::new("/proc/self/exe");
                engine.args([&tty, settings.user.as_str(), settings.password.as_str()]);
                engine
            }
        };
        let program = command
            .stdin(Stdio::null())
            .stdout(input.try_clone().map_err(at("pipe"))?)
            .stderr(input)
            .spawn()
            .map_err(at("the program of the call"))?;
        let line = Line {
            master: pty.master.into(),
            _slave: pty.slave,
            waiting: VecDeque::new(),
            taken: false,
        };
        Ok(Self {
            number,
            line: Some(line),
            output,
            up: false,
            program,
            text: Vec::new(),
            local: None,
        })
    }

    /// Asks pppd to end the call.
    pub(super) fn terminate(&self) -> Result<(), GuestError> {
        let pid = i32::try_from(self.program.id())
            .map_err(|_| at("pid")(io::Error::from(Errno::ESRCH)))?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(at("kill"))
    }

    /// Reads new log lines of pppd; `None` when it has closed its output by exiting.
    pub(super) fn read_log(&mut self) -> Result<Option<Vec<LogEvent>>, GuestError> {
        let mut buffer = [0; 4096];
        let length = self.output.read(&mut buffer).map_err(at("pppd's output"))?;
        if length == 0 {
            return Ok(None);
        }
        self.text.extend(buffer.iter().take(length));
        let mut told = Vec::new();
        while let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if let Some(address) = address(&line, "local  IP address ") {
                self.local = Some(address);
            }
            if let Some(tty) = self.line.as_mut().filter(|_| line.starts_with("Connect: ")) {
                tty.taken = true;
            }
            let remote = address(&line, "remote IP address ");
            told.push(LogEvent {
                up: self.local.zip(remote),
                line,
            });
        }
        Ok(Some(told))
    }

    /// Returns pppd's exit status, after its output ended.
    pub(super) fn status(&mut self) -> Result<Option<i32>, GuestError> {
        Ok(self.program.wait().map_err(at("pppd"))?.code())
    }
}

fn address(line: &str, before: &str) -> Option<Ipv4Addr> {
    line.strip_prefix(before)?.trim().parse().ok()
}

impl Line {
    /// Buffers bytes for pppd.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.waiting.len() + bytes.len() <= WAITING {
            self.waiting.extend(bytes);
        }
    }

    /// Returns whether there are buffered bytes to write.
    pub(super) fn is_pushing(&self) -> bool {
        self.taken && !self.waiting.is_empty()
    }

    /// Writes as much to pppd as it accepts now.
    pub(super) fn push(&mut self) -> Result<(), GuestError> {
        while self.is_pushing() {
            let (front, _) = self.waiting.as_slices();
            match self.master.write(front) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(at("pty")(error)),
            }
        }
        Ok(())
    }

    /// Returns the bytes sent by pppd; empty if there are none.
    pub(super) fn pull(&mut self) -> Result<Vec<u8>, GuestError> {
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(length) => Ok(buffer.iter().take(length).copied().collect()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(error) => Err(at("pty")(error)),
        }
    }
}
