//! slirp on a pty: a user-space PPP of 1995 with the network of this host.
//!
//! Its negotiation comes from ppp 2.2, an ancestor of today's pppd; framing, data path and timers
//! are its own.

use std::{
    fs,
    fs::OpenOptions,
    io::{self, Write},
    net::Ipv4Addr,
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use failberry_bench::ppp_end::PppEnd;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::openpty,
    sys::{
        signal::{Signal, kill},
        termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
    },
    unistd::Pid,
};
use tokio_modem::ppp::Config;

use crate::Outcome;

/// Name under which slirp finds its own entry in the secrets files.
const NAME: &str = "slirp";

/// Variant without pacing by baud rate; Debian's other one exits when it first reads the tty's
/// settings.
const PROGRAM: &str = "slirp-fullbolt";

/// Its own address. It asks the resolver for that of its host, and takes no loopback address: in
/// a namespace of its own the host is named so that there is only one answer.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Running slirp; killed when dropped.
pub(crate) struct Slirp {
    child: Child,
}

impl Slirp {
    /// Starts slirp with these words, and our end on the other side of its tty. `dir` takes its
    /// home, with the secrets in it.
    pub(crate) fn start(
        dir: &Path,
        options: &[&str],
        secret: (&str, &str),
        config: Config,
    ) -> Outcome<(Self, PppEnd)> {
        let (user, password) = secret;
        for file in [".pap-secrets", ".chap-secrets"] {
            secrets(&dir.join(file), &format!("{user} * {password}\n"))?;
        }
        let pty = openpty(None, None)?;
        let mut raw = tcgetattr(&pty.slave)?;
        cfmakeraw(&mut raw);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &raw)?;
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        let begin = format!("hostname {ADDRESS} && exec {PROGRAM} \"$@\"");
        let child = Command::new("unshare")
            .args(["--uts", "sh", "-c", &begin, PROGRAM, "-P", "debugppp"])
            .arg(format!("name {NAME}"))
            .args(options)
            .env("HOME", dir)
            .current_dir(dir)
            .stdin(tty(&pty.slave)?)
            .stdout(tty(&pty.slave)?)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("slirp: {error}; run board/setup/packages.sh"))?;
        drop(pty.slave);
        Ok((Self { child }, PppEnd::new(pty.master, config)))
    }

    /// Makes slirp exit.
    pub(crate) fn terminate(&self) -> Outcome {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?;
        Ok(())
    }
}

impl Drop for Slirp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tty(slave: &OwnedFd) -> io::Result<Stdio> {
    Ok(slave.try_clone()?.into())
}

/// Writes a secrets file that only its owner may read, which slirp requires.
fn secrets(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
