//! The supervisor's loop with real processes: this program supervises itself, as fake services
//! that end, hang, flood the log and leave orphans.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    os::fd::AsFd,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use failberry_state::{Service, SupervisorState, read_under};
use failberry_supervisor::{Kmsg, Settings, keep, unblock_signals};
use nix::{
    sys::{
        prctl,
        signal::{SigSet, Signal, kill},
    },
    unistd::Pid,
};

/// Nothing here takes longer, even on a busy machine.
const BOUND: Duration = Duration::from_secs(40);

const FLOOD: usize = 300;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["failberry", service] => fake(service),
        [_, "supervise"] => supervise(),
        [_, "orphan-maker"] => drop(again("orphan").spawn().unwrap()),
        [_, "orphan"] => println!("<5>orphan {}", std::process::id()),
        // What a test runner asks for.
        words if words.contains(&"--list") => {
            if !words.contains(&"--ignored") {
                println!("services_are_kept: test");
            }
        }
        _ => services_are_kept(),
    }
}

fn again(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(role);
    command
}

fn supervise() {
    prctl::set_child_subreaper(true).unwrap();
    let log = Kmsg::to(io::stdout().as_fd().try_clone_to_owned().unwrap().into());
    log.install();
    let settings = Settings {
        program: env::current_exe().unwrap(),
        run: ".".into(),
        log,
        state: SupervisorState {
            version: "1.2.3".into(),
            ..SupervisorState::default()
        },
        machine: false,
    };
    let ending = keep(settings).unwrap();
    println!("the end: {ending:?}");
}

fn fake(service: &str) {
    unblock_signals().unwrap();
    match service {
        "storage" => {
            fs::write("storage/warnings.json", r#"["the card is old"]"#).unwrap();
            println!("<5>card read");
            return;
        }
        "network" => drop(again("orphan-maker").status().unwrap()),
        "uplink" => {
            let mut deaf = SigSet::empty();
            deaf.add(Signal::SIGTERM);
            deaf.thread_block().unwrap();
        }
        "clock" => {
            let mut log = fs::File::options()
                .append(true)
                .create(true)
                .open("clock-starts")
                .unwrap();
            log.write_all(b"x").unwrap();
            if log.metadata().unwrap().len() < 3 {
                eprint!("<3>going down");
                std::process::exit(3);
            }
        }
        "dyndns" => (0..FLOOD).for_each(|n| println!("<6>flood {n}")),
        _ => {}
    }
    println!("up");
    loop {
        thread::park();
    }
}

struct Supervisor {
    process: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Supervisor {
    fn start(run: &Path) -> Self {
        for directory in ["supervisor", "storage"] {
            fs::create_dir(run.join(directory)).unwrap();
        }
        let mut process = again("supervise")
            .current_dir(run)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self {
            process,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for the next line that `fits`.
    fn expect(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + BOUND;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line {what:?} after these:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if fits(&line) {
                return line;
            }
        }
    }

    fn expect_line(&mut self, expected: &str) {
        if !self.seen.iter().any(|line| line == expected) {
            self.expect(expected, |line| line == expected);
        }
    }

    fn place(&self, line: &str) -> usize {
        self.seen
            .iter()
            .position(|seen| seen == line)
            .unwrap_or_else(|| panic!("no line {line:?}"))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Only a failed test leaves it running.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn state(run: &Path, service: Service) -> (i32, u32) {
    let state: SupervisorState = read_under(run).unwrap();
    let state = state
        .services
        .into_iter()
        .find(|state| state.service == service)
        .unwrap();
    (state.pid.unwrap(), state.starts)
}

fn exists(pid: i32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn services_are_kept() {
    let run = tempfile::tempdir().unwrap();
    let mut supervisor = Supervisor::start(run.path());

    // `storage` comes before everybody; an untagged line is a warning; each has its name.
    for service in ["network", "uplink", "health"] {
        supervisor.expect_line(&format!("<4>{service}: up"));
        assert!(
            supervisor.place("<5>storage: card read")
                < supervisor.place(&format!("<4>{service}: up"))
        );
    }

    // One that ends comes back later and later; its last words come first.
    supervisor.expect_line("<4>supervisor: clock ended: exit code 3; starting it again in 1 s");
    assert!(
        supervisor.place("<3>clock: going down")
            < supervisor.place("<4>supervisor: clock ended: exit code 3; starting it again in 1 s")
    );
    supervisor.expect_line("<4>supervisor: clock ended: exit code 3; starting it again in 2 s");
    supervisor.expect_line("<4>clock: up");
    assert_eq!(state(run.path(), Service::Clock).1, 3);
    assert_eq!(state(run.path(), Service::Network).1, 1);
    let told: SupervisorState = read_under(run.path()).unwrap();
    assert_eq!(told.warnings, ["the card is old"]);
    assert_eq!(told.version, "1.2.3");

    // A service's orphan ended long ago and is no zombie.
    let orphan = supervisor
        .seen
        .iter()
        .find_map(|line| line.strip_prefix("<5>network: orphan "))
        .unwrap();
    assert!(!exists(orphan.parse().unwrap()), "{orphan} is not buried");

    // What is too much is dropped and counted.
    let dropped = supervisor.expect("lines dropped", |line| line.ends_with("lines dropped"));
    let count: usize = dropped.split(' ').rev().nth(2).unwrap().parse().unwrap();
    let passed = supervisor
        .seen
        .iter()
        .filter(|line| line.starts_with("<6>dyndns: flood "))
        .count();
    assert!(
        passed >= 50 && passed + count >= FLOOD && passed + count <= FLOOD + 1,
        "{passed} {dropped}"
    );

    let (killed, _) = state(run.path(), Service::Health);
    kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    supervisor.expect_line("<4>supervisor: health ended: signal SIGKILL; starting it again in 1 s");
    supervisor.seen.clear();
    supervisor.expect_line("<4>health: up");

    // The end: the polite end at once, the deaf one is killed.
    let pids: Vec<i32> = Service::SUPERVISED
        .map(|service| state(run.path(), service).0)
        .into();
    supervisor.signal(Signal::SIGTERM);
    supervisor.expect_line("<5>supervisor: rebooting, stopping services");
    supervisor.expect_line("<4>supervisor: killing uplink: still there after 5 s");
    supervisor.expect_line("the end: Reboot");
    assert!(supervisor.process.wait().unwrap().success());
    assert!(!pids.into_iter().any(exists));
    println!("services_are_kept ... ok");
}
