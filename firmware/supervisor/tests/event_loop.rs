//! The event loop of the supervisor with real processes, and its boot history over three boots.
//!
//! The program supervises itself: its children are fake services that exit, hang, flood the log and
//! leave orphans.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    os::{fd::AsFd, unix::fs::PermissionsExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use failberry_service::{
    ATTENDED, HEARTBEAT, Reply, Request, SlotsOrder, UPDATE_WRITING, ask_under, confine,
};
use failberry_state::{
    BootMillis, LanAddress, NetworkState, Service, Slot, StateFile, SupervisorState, read_under,
};
use failberry_supervisor::{Kmsg, SupervisorOptions, run_event_loop, storage, unblock_signals};
use nix::{
    sys::{
        prctl,
        signal::{SigSet, Signal, kill},
    },
    unistd::{Pid, Uid, geteuid, setuid},
};

/// Longest wait for one event, even on a busy machine.
const EVENT_TIMEOUT: Duration = Duration::from_secs(40);

/// Lines that the flooding service writes at once.
const FLOOD: usize = 300;

/// Processes that exit at once: more than the supervisor reaps in one turn.
const STORM: usize = 600;

/// File whose presence makes every fake service obey SIGTERM.
const POLITE: &str = "polite";

/// Heartbeat timeout in milliseconds; the fake services send ten heartbeats in that time.
const HEARTBEAT_TIMEOUT_MS: u64 = 10_000;

const TESTS: [(&str, fn()); 2] = [
    (
        "services_are_restarted_reaped_and_stopped",
        services_are_restarted_reaped_and_stopped,
    ),
    (
        "boot_history_and_reboot_policy_over_three_boots",
        boot_history_and_reboot_policy_over_three_boots,
    ),
];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["failberry", service] => fake(service),
        ["failberry", "slots", order] => run_slots_job(order),
        ["failberry", "storage", "factory-reset"] => println!("<5>as new"),
        [_, "supervise"] => supervise(),
        [_, "orphan-maker"] => drop(again("orphan").spawn().unwrap()),
        [_, "ask"] => ask(),
        [_, "orphan"] => println!("<5>orphan {}", std::process::id()),
        // As a test runner lists tests.
        words if words.contains(&"--list") => {
            if !words.contains(&"--ignored") {
                println!(
                    "services_are_restarted_reaped_and_stopped: test\nboot_history_and_reboot_policy_over_three_boots: test"
                );
            }
        }
        words => {
            for (name, test) in TESTS {
                if words.len() < 2 || words.iter().any(|word| name.contains(word)) {
                    test();
                    println!("{name} ... ok");
                }
            }
        }
    }
}

/// Returns a command that runs this program in another role.
fn again(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(role);
    command
}

/// Runs the event loop in the current directory.
fn supervise() {
    prctl::set_child_subreaper(true).unwrap();
    let log = Kmsg::to(io::stdout().as_fd().try_clone_to_owned().unwrap().into());
    log.install();
    let options = SupervisorOptions {
        program: env::current_exe().unwrap(),
        run: ".".into(),
        heartbeat_timeout: HEARTBEAT_TIMEOUT_MS,
        watchdog: Some("watchdog".into()),
        data_dir: "memory".into(),
        log,
        state: SupervisorState {
            version: "1.2.3".into(),
            ..SupervisorState::default()
        },
        owns_machine: false,
    };
    let mode = run_event_loop(options).unwrap();
    println!("the end: {mode:?}");
}

/// Runs as a fake service.
fn fake(service: &str) {
    unblock_signals().unwrap();
    if confine(Service::from_name(service).unwrap()).is_empty() {
        fs::write(format!("{service}-confined"), "").unwrap();
    }
    match service {
        "storage" => {
            fs::write("storage/warnings.json", r#"["the card is old"]"#).unwrap();
            storage::begin_boot(
                Path::new("."),
                Path::new("memory"),
                storage::DataPersistence::Durable,
            )
            .unwrap();
            println!("<5>card read");
            return;
        }
        "network" => {
            again("orphan-maker").status().unwrap();
            let storm = format!("i=0; while [ $i -lt {STORM} ]; do true & i=$((i+1)); done");
            Command::new("sh").args(["-c", &storm]).status().unwrap();
        }
        "uplink" if !Path::new(POLITE).exists() => {
            let mut blocked = SigSet::empty();
            blocked.add(Signal::SIGTERM);
            blocked.thread_block().unwrap();
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
        println!("{HEARTBEAT}");
        thread::sleep(Duration::from_millis(HEARTBEAT_TIMEOUT_MS / 10));
    }
}

/// Runs as the one-shot `slots`.
fn run_slots_job(order: &str) {
    match serde_json::from_str(order).unwrap() {
        SlotsOrder::Confirm => println!("<5>this one is good"),
        order => {
            eprint!("<3>no such slot: {order:?}");
            std::process::exit(1);
        }
    }
}

/// Requests a reboot under the user id of `uplink`.
fn ask() {
    setuid(Uid::from_raw(Service::Uplink.uid())).unwrap();
    let reason = "the stick is dead".into();
    let reply = ask_under(Path::new("."), &Request::Reboot { reason });
    println!("{reply:?}");
}

/// A running event loop and the lines it has logged.
struct Supervisor {
    process: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Supervisor {
    fn start(run: &Path) -> Self {
        for directory in ["supervisor", "storage", "update", "console"] {
            fs::create_dir_all(run.join(directory)).unwrap();
        }
        fs::write(run.join("watchdog"), "").unwrap();
        // Services reach the socket under their own user ids.
        fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
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
        let until = Instant::now() + EVENT_TIMEOUT;
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

    fn position(&self, line: &str) -> usize {
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

/// Waits for the first heartbeat of `service`.
fn expect_ready(run: &Path, service: Service) {
    let until = Instant::now() + EVENT_TIMEOUT;
    let ready = || {
        let state: SupervisorState = read_under(run).unwrap();
        let mut services = state.services.into_iter();
        services.any(|of| of.service == service && of.ready)
    };
    while !ready() {
        assert!(Instant::now() < until, "{service:?} is not ready");
        thread::yield_now();
    }
}

/// Returns the number of children of `parent` that have exited and are not reaped.
fn zombies(parent: u32) -> usize {
    let processes = fs::read_dir("/proc").unwrap();
    let stats =
        processes.filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("stat")).ok());
    let expected = format!("Z {parent} ");
    stats
        .filter(|stat| stat.rsplit(") ").next().unwrap().starts_with(&expected))
        .count()
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

fn services_are_restarted_reaped_and_stopped() {
    let run = tempfile::tempdir().unwrap();
    let mut supervisor = Supervisor::start(run.path());

    // `storage` runs before all services; an untagged line is a warning; each line has its name.
    for service in ["network", "uplink", "health"] {
        supervisor.expect_line(&format!("<4>{service}: up"));
        assert!(
            supervisor.position("<5>storage: card read")
                < supervisor.position(&format!("<4>{service}: up"))
        );
    }

    // A service that exits is restarted with growing delays; its own lines are logged first.
    supervisor.expect_line("<4>supervisor: clock ended: exit code 3; starting it again in 1 s");
    assert!(
        supervisor.position("<3>clock: going down")
            < supervisor
                .position("<4>supervisor: clock ended: exit code 3; starting it again in 1 s")
    );
    supervisor.expect_line("<4>supervisor: clock ended: exit code 3; starting it again in 2 s");
    supervisor.expect_line("<4>clock: up");
    assert_eq!(state(run.path(), Service::Clock).1, 3);
    assert_eq!(state(run.path(), Service::Network).1, 1);
    expect_ready(run.path(), Service::Clock);
    let published: SupervisorState = read_under(run.path()).unwrap();
    assert_eq!(published.warnings, ["the card is old"]);
    assert_eq!(published.version, "1.2.3");

    // The orphan of a service has exited and is reaped.
    let orphan = supervisor
        .seen
        .iter()
        .find_map(|line| line.strip_prefix("<5>network: orphan "))
        .unwrap();
    assert!(!exists(orphan.parse().unwrap()), "{orphan} is not buried");

    // So is each of many at once.
    let until = Instant::now() + EVENT_TIMEOUT;
    while zombies(supervisor.process.id()) > 0 {
        assert!(Instant::now() < until, "not all are buried");
        thread::yield_now();
    }

    // Lines over the limit are dropped and counted.
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
    is_confined(run.path(), killed);
    kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    supervisor.expect_line("<4>supervisor: health ended: signal SIGKILL; starting it again in 1 s");
    supervisor.seen.clear();
    supervisor.expect_line("<4>health: up");

    hangs_and_restarts(&mut supervisor, run.path());

    // Stopping: most services end on SIGTERM, the one that blocks it is killed.
    let pids: Vec<i32> = Service::SUPERVISED
        .map(|service| state(run.path(), service).0)
        .into();
    supervisor.signal(Signal::SIGTERM);
    supervisor.expect_line("<5>supervisor: rebooting, stopping services");
    supervisor.expect_line("<4>supervisor: killing uplink: still there after 5 s");
    supervisor.expect_line("the end: Reboot");
    assert!(supervisor.process.wait().unwrap().success());
    assert!(!pids.into_iter().any(exists));
    // The watchdog was petted and not stopped: it resets a machine whose reboot hangs.
    let pets = fs::read_to_string(run.path().join("watchdog")).unwrap();
    assert!(
        pets.len() > 1 && pets.chars().all(|pet| pet == '.'),
        "{pets}"
    );
}

/// Checks the limits of `health`, and that the kernel kills it first when memory runs out.
fn is_confined(run: &Path, health: i32) {
    // Setting them takes root, and some containers forbid it even so.
    if run.join("health-confined").exists() {
        let of = |what| fs::read_to_string(format!("/proc/{health}/{what}")).unwrap();
        assert_eq!(of("oom_score_adj"), "900\n");
        let limits = of("limits");
        let processes = limits
            .lines()
            .find(|line| line.starts_with("Max processes"));
        assert_eq!(processes.unwrap().split_whitespace().nth(3), Some("64"));
    }
}

fn hangs_and_restarts(supervisor: &mut Supervisor, run: &Path) {
    // A stopped process, which cannot handle SIGABRT, is detected and killed; its successor
    // becomes ready.
    let (stopped, _) = state(run, Service::Health);
    kill(Pid::from_raw(stopped), Signal::SIGSTOP).unwrap();
    supervisor.expect_line("<4>supervisor: health gave no sign of life for 10 s, ending it");
    supervisor.expect_line("<4>supervisor: health does not end, killing it");
    supervisor.expect("health starts again", |line| {
        line.starts_with("<4>supervisor: health hung and was ended: signal SIGKILL;")
    });
    supervisor.seen.clear();
    supervisor.expect_line("<4>health: up");

    // A restart on request.
    let request = Request::Restart {
        service: Service::Clock,
        reason: "for a change".into(),
    };
    if geteuid().is_root() {
        assert_eq!(ask_under(run, &request).unwrap(), Reply::Accepted);
        supervisor.expect_line("<4>supervisor: root asks for a restart of clock: for a change");
        supervisor.expect("clock ends", |line| {
            line.starts_with("<4>supervisor: clock ended: signal SIGTERM; starting")
        });
        supervisor.seen.clear();
        supervisor.expect_line("<4>clock: up");
    }
    if geteuid().is_root() {
        jobs_run_and_reply(supervisor, run);
    }
    let state: SupervisorState = read_under(run).unwrap();
    let health = state
        .services
        .iter()
        .find(|of| of.service == Service::Health);
    assert_eq!(health.unwrap().hangs, 1);
    let clock = state
        .services
        .iter()
        .find(|of| of.service == Service::Clock);
    let clock = clock.unwrap();
    assert!(clock.starts >= 3);
    assert_eq!(clock.last_words.as_deref(), Some("going down"));
}

/// Publishes the state of a `network` with a working wired link.
fn publish_wired_online(run: &Path) {
    let lan = LanAddress {
        address: [192, 0, 2, 2].into(),
        prefix: 24,
        gateway: Some([192, 0, 2, 1].into()),
        dns: Vec::new(),
        lease_seconds: None,
        since: BootMillis(0),
    };
    let state = NetworkState {
        lan: Some(lan),
        lan_carrier: true,
        ..NetworkState::default()
    };
    fs::create_dir_all(run.join("network")).unwrap();
    StateFile::under(run).publish(&state).unwrap();
}

/// Runs jobs of the one-shot `slots`; their outcome goes to the requester.
fn jobs_run_and_reply(supervisor: &mut Supervisor, run: &Path) {
    let confirm = Request::Slots(SlotsOrder::Confirm);
    assert_eq!(ask_under(run, &confirm).unwrap(), Reply::Accepted);
    supervisor.expect_line("<4>supervisor: root asks for slots \"confirm\"");
    supervisor.expect_line("<5>slots: this one is good");
    let choose = Request::Slots(SlotsOrder::Choose { slot: Slot::B });
    let why = "no such slot: Choose { slot: B }".into();
    assert_eq!(ask_under(run, &choose).unwrap(), Reply::Refused { why });
}

/// Three boots with one data directory.
fn boot_history_and_reboot_policy_over_three_boots() {
    let run = tempfile::tempdir().unwrap();
    fs::write(run.path().join(POLITE), "").unwrap();
    let published = || read_under::<SupervisorState>(run.path()).unwrap();
    let start = || {
        let mut supervisor = Supervisor::start(run.path());
        supervisor.expect_line("<4>clock: up");
        supervisor
    };

    let mut supervisor = start();
    assert_eq!((published().boots, published().last_boot), (1, None));
    supervisor.signal(Signal::SIGTERM);
    supervisor.expect_line("the end: Reboot");

    let mut supervisor = start();
    let last = published().last_boot.unwrap();
    assert!(
        last.starts_with("reboot asked for by SIGTERM, after "),
        "{last}"
    );
    if geteuid().is_root() {
        // Refused while an update is being written; root has no budget.
        fs::write(run.path().join(UPDATE_WRITING), "").unwrap();
        let request_reboot = || {
            let client = again("ask").current_dir(run.path()).output().unwrap();
            String::from_utf8(client.stdout).unwrap()
        };
        let reply = request_reboot();
        assert!(reply.contains("an update is being written"), "{reply}");
        supervisor.expect("the refusal", |line| line.contains("refused: an update"));
        assert_eq!(published().reboots_refused, 1);
        fs::remove_file(run.path().join(UPDATE_WRITING)).unwrap();
        // Refused while a console session is active and the wired link works.
        publish_wired_online(run.path());
        fs::write(run.path().join(ATTENDED), "").unwrap();
        let reply = request_reboot();
        assert!(reply.contains("somebody is logged in"), "{reply}");
        supervisor.expect("the refusal", |line| line.contains("refused: somebody"));
        let reason = "for a change".into();
        let reply = ask_under(run.path(), &Request::Reboot { reason }).unwrap();
        assert_eq!(reply, Reply::Accepted);
        supervisor.expect_line("<4>supervisor: root asks for a reboot: for a change");
        supervisor.expect_line("the end: Reboot");
    } else {
        supervisor.signal(Signal::SIGINT);
        supervisor.expect_line("the end: Reboot");
    }

    let mut supervisor = start();
    assert_eq!((published().boots, published().history.len()), (3, 2));
    if geteuid().is_root() {
        let last = published().last_boot.unwrap();
        assert!(last.starts_with("root: for a change, after "), "{last}");
    }
    supervisor.signal(Signal::SIGUSR1);
    supervisor.expect_line("the end: PowerOff");
    // The watchdog was stopped: it would reset the machine that is switched off.
    let pets = fs::read_to_string(run.path().join("watchdog")).unwrap();
    assert!(pets.ends_with('V'), "{pets}");
}
