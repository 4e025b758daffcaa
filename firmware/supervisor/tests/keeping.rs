//! The supervisor's loop with real processes: this program supervises itself, as fake services
//! that end, hang, flood the log and leave orphans; and the memory it hands to its next life.
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
use failberry_supervisor::{Kmsg, Settings, keep, storage, unblock_signals};
use nix::{
    sys::{
        prctl,
        signal::{SigSet, Signal, kill},
    },
    unistd::{Pid, Uid, geteuid, setuid},
};

/// Nothing here takes longer, even on a busy machine.
const BOUND: Duration = Duration::from_secs(40);

const FLOOD: usize = 300;

/// More than the supervisor buries in one turn.
const STORM: usize = 600;

/// File that says that nobody is deaf to the wish to end.
const POLITE: &str = "polite";

/// Signs of life come ten times as often.
const PATIENCE: u64 = 10_000;

const TESTS: [(&str, fn()); 2] = [
    ("services_are_kept", services_are_kept),
    ("a_life_is_told_to_the_next", a_life_is_told_to_the_next),
];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["failberry", service] => fake(service),
        ["failberry", "slots", order] => carry_out(order),
        ["failberry", "storage", "factory-reset"] => println!("<5>as new"),
        [_, "supervise"] => supervise(),
        [_, "orphan-maker"] => drop(again("orphan").spawn().unwrap()),
        [_, "ask"] => ask(),
        [_, "orphan"] => println!("<5>orphan {}", std::process::id()),
        // What a test runner asks for.
        words if words.contains(&"--list") => {
            if !words.contains(&"--ignored") {
                println!("services_are_kept: test\na_life_is_told_to_the_next: test");
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
        patience: PATIENCE,
        watchdog: Some("watchdog".into()),
        memory: "memory".into(),
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
    if confine(Service::from_name(service).unwrap()).is_empty() {
        fs::write(format!("{service}-confined"), "").unwrap();
    }
    match service {
        "storage" => {
            fs::write("storage/warnings.json", r#"["the card is old"]"#).unwrap();
            storage::remember(Path::new("."), Path::new("memory"), storage::Card::Kept).unwrap();
            println!("<5>card read");
            return;
        }
        "network" => {
            again("orphan-maker").status().unwrap();
            let storm = format!("i=0; while [ $i -lt {STORM} ]; do true & i=$((i+1)); done");
            Command::new("sh").args(["-c", &storm]).status().unwrap();
        }
        "uplink" if !Path::new(POLITE).exists() => {
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
        println!("{HEARTBEAT}");
        thread::sleep(Duration::from_millis(PATIENCE / 10));
    }
}

/// What root's one-shot does with an order.
fn carry_out(order: &str) {
    match serde_json::from_str(order).unwrap() {
        SlotsOrder::Confirm => println!("<5>this one is good"),
        order => {
            eprint!("<3>no such slot: {order:?}");
            std::process::exit(1);
        }
    }
}

/// Asks for a reboot as `uplink` would.
fn ask() {
    setuid(Uid::from_raw(Service::Uplink.uid())).unwrap();
    let reason = "the stick is dead".into();
    let reply = ask_under(Path::new("."), &Request::Reboot { reason });
    println!("{reply:?}");
}

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

/// Waits until `service` has shown that it is well.
fn expect_ready(run: &Path, service: Service) {
    let until = Instant::now() + BOUND;
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

/// Children of `parent` that have ended and are not buried.
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
    expect_ready(run.path(), Service::Clock);
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

    // Nor is any of many at once.
    let until = Instant::now() + BOUND;
    while zombies(supervisor.process.id()) > 0 {
        assert!(Instant::now() < until, "not all are buried");
        thread::yield_now();
    }

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
    is_confined(run.path(), killed);
    kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    supervisor.expect_line("<4>supervisor: health ended: signal SIGKILL; starting it again in 1 s");
    supervisor.seen.clear();
    supervisor.expect_line("<4>health: up");

    hangs_and_restarts(&mut supervisor, run.path());

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
    // It was petted while it lived, and bites should the reboot hang.
    let pets = fs::read_to_string(run.path().join("watchdog")).unwrap();
    assert!(
        pets.len() > 1 && pets.chars().all(|pet| pet == '.'),
        "{pets}"
    );
}

/// `health` has its own limits, and goes first where memory runs out.
fn is_confined(run: &Path, health: i32) {
    // Root's alone to give: in some containers nobody can.
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
    // One that stands still is found, though it cannot even hear of it; it shows when it is well.
    let (stopped, _) = state(run, Service::Health);
    kill(Pid::from_raw(stopped), Signal::SIGSTOP).unwrap();
    supervisor.expect_line("<4>supervisor: health gave no sign of life for 10 s, ending it");
    supervisor.expect_line("<4>supervisor: health does not end, killing it");
    supervisor.expect("health starts again", |line| {
        line.starts_with("<4>supervisor: health hung and was ended: signal SIGKILL;")
    });
    supervisor.seen.clear();
    supervisor.expect_line("<4>health: up");

    // A restart can be had by asking.
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
        orders_are_carried_out(supervisor, run);
    }
    let told: SupervisorState = read_under(run).unwrap();
    let health = told
        .services
        .iter()
        .find(|of| of.service == Service::Health);
    assert_eq!(health.unwrap().hangs, 1);
    let clock = told.services.iter().find(|of| of.service == Service::Clock);
    let clock = clock.unwrap();
    assert!(clock.starts >= 3);
    assert_eq!(clock.last_words.as_deref(), Some("going down"));
}

/// Tells what `network` tells of a house with its wired line.
fn online(run: &Path) {
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

/// Who asks hears what came of it.
fn orders_are_carried_out(supervisor: &mut Supervisor, run: &Path) {
    let confirm = Request::Slots(SlotsOrder::Confirm);
    assert_eq!(ask_under(run, &confirm).unwrap(), Reply::Accepted);
    supervisor.expect_line("<4>supervisor: root asks for slots \"confirm\"");
    supervisor.expect_line("<5>slots: this one is good");
    let choose = Request::Slots(SlotsOrder::Choose { slot: Slot::B });
    let why = "no such slot: Choose { slot: B }".into();
    assert_eq!(ask_under(run, &choose).unwrap(), Reply::Refused { why });
}

/// Three lives with one memory.
fn a_life_is_told_to_the_next() {
    let run = tempfile::tempdir().unwrap();
    fs::write(run.path().join(POLITE), "").unwrap();
    let told = || read_under::<SupervisorState>(run.path()).unwrap();
    let start = || {
        let mut supervisor = Supervisor::start(run.path());
        supervisor.expect_line("<4>clock: up");
        supervisor
    };

    let mut supervisor = start();
    assert_eq!((told().boots, told().last_boot), (1, None));
    supervisor.signal(Signal::SIGTERM);
    supervisor.expect_line("the end: Reboot");

    let mut supervisor = start();
    let last = told().last_boot.unwrap();
    assert!(
        last.starts_with("reboot asked for by SIGTERM, after "),
        "{last}"
    );
    if geteuid().is_root() {
        // Not in the middle of an update; and root is a person.
        fs::write(run.path().join(UPDATE_WRITING), "").unwrap();
        let refused = || {
            let asker = again("ask").current_dir(run.path()).output().unwrap();
            String::from_utf8(asker.stdout).unwrap()
        };
        let reply = refused();
        assert!(reply.contains("an update is being written"), "{reply}");
        supervisor.expect("the refusal", |line| line.contains("refused: an update"));
        assert_eq!(told().reboots_refused, 1);
        fs::remove_file(run.path().join(UPDATE_WRITING)).unwrap();
        // Nor under the hands of somebody in a house that is online.
        online(run.path());
        fs::write(run.path().join(ATTENDED), "").unwrap();
        let reply = refused();
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
    assert_eq!((told().boots, told().history.len()), (3, 2));
    if geteuid().is_root() {
        let last = told().last_boot.unwrap();
        assert!(last.starts_with("root: for a change, after "), "{last}");
    }
    supervisor.signal(Signal::SIGUSR1);
    supervisor.expect_line("the end: PowerOff");
    // Stopped, or it would switch the machine on again.
    let pets = fs::read_to_string(run.path().join("watchdog")).unwrap();
    assert!(pets.ends_with('V'), "{pets}");
}
