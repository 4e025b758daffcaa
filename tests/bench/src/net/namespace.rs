//! One network namespace.

use std::{fs::File, path::PathBuf, process::Command, thread};

use nix::{
    sched::{CloneFlags, setns},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{NetError, tool, with_parent_death_signal};

/// Network namespace; dropping it kills its processes and removes it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: File,
}

impl Namespace {
    pub(super) fn create(name: String) -> Result<Self, NetError> {
        remove(&name)?;
        tool::run(Command::new("ip").args(["netns", "add", &name]), "")?;
        let path = path_of(&name);
        let handle = File::open(&path).map_err(NetError::file(path))?;
        let this = Self { name, handle };
        this.ip("link set dev lo up\n")?;
        Ok(this)
    }

    /// Returns its name in `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a command that runs in this namespace. The kernel kills the process when the
    /// *thread* that spawned it ends, so that nothing outlives an aborted test.
    pub fn command(&self, program: &str) -> Command {
        // `ip netns exec` replaces itself by the program, so that the child is the program.
        let mut command = with_parent_death_signal("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs `f` on a thread of its own in this namespace: sockets created there belong to it, also
    /// if used elsewhere later.
    ///
    /// # Panics
    /// `f` panics, or the kernel refuses the namespace, which takes root.
    #[allow(clippy::panic, reason = "a test cannot go on in the wrong network")]
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            if let Err(error) = setns(&self.handle, CloneFlags::CLONE_NEWNET) {
                panic!("cannot enter the network namespace {}: {error}", self.name);
            }
            f()
        };
        match thread::scope(|scope| scope.spawn(inside).join()) {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Runs commands of iproute2, one a line, in this namespace.
    ///
    /// # Errors
    /// One of them fails; the effects of those before it remain.
    pub fn ip(&self, batch: &str) -> Result<(), NetError> {
        let mut command = Command::new("ip");
        command.args(["-netns", &self.name, "-batch", "-"]);
        tool::run(&mut command, batch).map(drop)
    }

    /// Sets a value below `/proc/sys/net`, which each namespace has for itself.
    pub(super) fn sysctl(&self, key: &str, value: &str) -> Result<(), NetError> {
        let path = PathBuf::from("/proc/sys/net").join(key);
        self.run(|| std::fs::write(&path, value))
            .map_err(NetError::file(path))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run with that prefix.
        let _ = remove(&self.name);
    }
}

fn path_of(name: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(name)
}

/// Kills the processes in the namespace `name` and removes it, if it exists.
fn remove(name: &str) -> Result<(), NetError> {
    if !path_of(name).exists() {
        return Ok(());
    }
    let pids = tool::run(Command::new("ip").args(["netns", "pids", name]), "")?;
    for pid in pids.lines().filter_map(|line| line.parse().ok()) {
        // A thread of this very process may be inside for a moment.
        if Pid::from_raw(pid) != Pid::this() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    tool::run(Command::new("ip").args(["netns", "delete", name]), "").map(drop)
}
