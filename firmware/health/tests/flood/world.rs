//! A network of its own, the service as a process in it, and what the kernel counts of that.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::chown,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use failberry_service::{HEARTBEAT, Service};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

/// Until the service listens, on a busy machine.
const START: Duration = Duration::from_secs(30);

/// Written by the service once it has counted the descriptors that it may have.
pub(crate) const STATE: &str = "/run/failberry/health/state.json";

/// The namespaces of the calling thread, which its threads and processes inherit.
pub(crate) struct World(());

impl World {
    /// Moves the calling thread into a network with nothing but `lo`, and gives it a `/run`.
    pub(crate) fn enter() -> Self {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
        let own = "/run/failberry/health";
        fs::create_dir_all(own).unwrap();
        let uid = Service::Health.uid();
        chown(own, Some(uid), Some(uid)).unwrap();
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.unwrap().success());
        // A flood of a minute needs more ports than a client has by default.
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65000").unwrap();
        Self(())
    }

    /// Starts the service with at most `files` descriptors, and `later` of them once it listens.
    pub(crate) fn start(&self, files: usize, later: usize) -> Running {
        // The service limits itself when this is there.
        let _ = fs::remove_file(STATE);
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .args(["service", &files.to_string(), &later.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(Log::default()));
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap_or_else(PoisonError::into_inner);
                if line == HEARTBEAT {
                    log.heartbeats += 1;
                } else {
                    log.lines.push(line);
                }
            }
        });
        let running = Running { child, log };
        let end = Instant::now() + START;
        while running.heartbeats() == 0 || !running.may_have(later) {
            assert!(Instant::now() < end, "{}", running.lines().join("\n"));
            thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    heartbeats: usize,
}

/// The service as a process.
pub(crate) struct Running {
    child: Child,
    log: Arc<Mutex<Log>>,
}

/// Highest figures of a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) threads: u64,
    pub(crate) rss_kib: u64,
    pub(crate) descriptors: usize,
}

impl Running {
    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn heartbeats(&self) -> usize {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .heartbeats
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lines
            .clone()
    }

    /// Whether the kernel lets it have `files` descriptors, no more and no less.
    fn may_have(&self, files: usize) -> bool {
        let path = format!("/proc/{}/limits", self.child.id());
        let limits = fs::read_to_string(path).unwrap_or_default();
        let open = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"));
        let soft = open.and_then(|rest| rest.split_whitespace().next());
        soft == Some(files.to_string().as_str())
    }

    /// Raises `figures` to what the kernel counts now.
    pub(crate) fn measure(&self, figures: &mut Figures) {
        let process = format!("/proc/{}", self.child.id());
        let Ok(status) = fs::read_to_string(format!("{process}/status")) else {
            return;
        };
        let number = |label: &str| {
            let line = status.lines().find(|line| line.starts_with(label));
            let word = line.and_then(|line| line.split_whitespace().nth(1));
            word.and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        figures.threads = figures.threads.max(number("Threads:"));
        figures.rss_kib = figures.rss_kib.max(number("VmRSS:"));
        let open = fs::read_dir(format!("{process}/fd")).map_or(0, Iterator::count);
        figures.descriptors = figures.descriptors.max(open);
    }

    /// Processor time used so far.
    pub(crate) fn busy(&self) -> Duration {
        let path = format!("/proc/{}/schedstat", self.child.id());
        let text = fs::read_to_string(path).unwrap_or_default();
        let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
        Duration::from_nanos(nanos.unwrap_or(0))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which the scenarios look at.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
