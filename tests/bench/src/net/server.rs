//! dnsmasq process: DHCP server of the LAN or resolver of the internet.

use std::{
    fs::{self, File},
    path::Path,
    process::Stdio,
    time::Duration,
};

use super::{ChildGuard, Namespace, NetError, watch};

/// Longest start-up time; it takes milliseconds, more on a busy host.
const START: Duration = Duration::from_secs(20);

/// Starts dnsmasq and waits until it serves. `name` is that of its log in `dir`.
pub(super) fn start(
    namespace: &Namespace,
    dir: &Path,
    name: &str,
    arguments: &[String],
) -> Result<ChildGuard, NetError> {
    let path = dir.join(name);
    let log = File::create(&path).map_err(NetError::file(&path))?;
    let mut command = namespace.command("dnsmasq");
    command
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--pid-file=",
        ])
        // Changing the user would clear the parent-death signal.
        .args(["--user=root", "--group=root"])
        .args(["--log-facility=-", "--log-dhcp", "--log-queries"])
        .args(["--no-hosts", "--no-resolv", "--bind-interfaces"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let server = ChildGuard::spawn(command).map_err(|source| NetError::ToolMissing {
        tool: "setpriv".into(),
        source,
    })?;
    let said = || fs::read_to_string(&path).map_err(NetError::file(&path));
    let started = watch::until(dir, START, || {
        Ok(said()?.contains("started, version").then_some(()))
    })?;
    match started {
        Some(()) => Ok(server),
        None => Err(NetError::NotServing {
            bound: START,
            log: said()?,
        }),
    }
}
