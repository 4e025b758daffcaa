//! The service as a process of its own, under floods of real connections.
//!
//! Needs root and `ip` (iproute2): each scenario has a network namespace and a `/run` of its own.
//! They run side by side; the longest takes a minute.
// What clippy allows in tests by itself it does not see in a test with its own main.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
// A `World` in hand says that the namespaces stand, used or not.
#![allow(clippy::unused_self)]

mod checker;
mod flooder;
mod world;

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use failberry_health::{LAN_PORT, PUBLIC_PORT};
use failberry_service::{Service, confine, init_log};
use nix::{
    sys::resource::{Resource, setrlimit},
    unistd::geteuid,
};

use crate::{
    checker::{Checks, REQUEST, connect},
    flooder::{Flooded, Kind, Stream},
    world::{Figures, Running, STATE, World},
};

/// The address that floods, and that of a checker who asks all the time.
const FLOODER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const CHECKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// How long the flood lasts.
const LASTS: Duration = Duration::from_secs(60);

/// How long the smaller ones last.
const SOME: Duration = Duration::from_secs(15);

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).map(String::as_str) == Some("service") {
        serve(words[2].parse().unwrap(), words[3].parse().unwrap());
    }
    let ip = Command::new("ip").arg("-V").output().is_ok();
    if !geteuid().is_root() || !ip {
        println!("skipped: needs root and iproute2\n0 passed, 0 failed");
        // Where it must run, nothing may be missing.
        std::process::exit(i32::from(std::env::var_os("CI").is_some()));
    }
    let scenarios: [(&str, fn()); 4] = [
        ("flood of a minute costs no checker its answer", flood),
        ("burst of 200 requests is answered whole", burst),
        ("descriptors that run out cost no checker", few_descriptors),
        ("burst on the pages is bounded in threads", pages),
    ];
    let failed = thread::scope(|scope| {
        let running = scenarios.map(|(name, scenario)| (name, scope.spawn(scenario)));
        let mut failed = 0;
        for (name, scenario) in running {
            let passed = scenario.join().is_ok();
            failed += usize::from(!passed);
            println!("{}: {name}", if passed { "passed" } else { "FAILED" });
        }
        failed
    });
    println!("{} passed, {failed} failed", scenarios.len() - failed);
    std::process::exit(i32::from(failed > 0));
}

/// Most threads of the service: the loop's, and of the pages' server the one that answers, the one
/// that accepts and four that read. One more may start where all four are about to become idle.
const THREADS: u64 = 8;

/// Most memory of the service; more than half is the program's own text.
const RSS_KIB: u64 = 16 * 1024;

fn assert_bounded(figures: Figures) {
    assert!((1..=THREADS).contains(&figures.threads), "{figures:?}");
    assert!((1..=RSS_KIB).contains(&figures.rss_kib), "{figures:?}");
}

/// At least 99 % of the checks have been answered, and there were some.
fn assert_answered(checks: &Checks) {
    let failed = &checks.failed;
    assert!(checks.answered >= 20, "{checks:?}");
    assert!(failed.len() * 100 <= checks.all(), "{checks:?}");
}

/// The service, as PID 1 starts it.
fn serve(files: u64, later: u64) -> ! {
    init_log();
    for trouble in confine(Service::Health) {
        log::warn!("{trouble}");
    }
    let limit = |files| setrlimit(Resource::RLIMIT_NOFILE, files, files).unwrap();
    limit(files);
    thread::spawn(move || {
        while !fs::exists(STATE).unwrap() {
            thread::sleep(Duration::from_millis(1));
        }
        limit(later);
    });
    let Err(error) = failberry_health::run();
    log::error!("{error}");
    std::process::exit(1);
}

fn whole(count: usize, every: u64) -> Stream {
    Stream {
        kind: Kind::Whole,
        count,
        every,
        port: PUBLIC_PORT,
    }
}

fn of_kind(kind: Kind, count: usize) -> Stream {
    Stream {
        kind,
        ..whole(count, 1)
    }
}

/// A flood beside the checkers for as long as `lasts`, and what it did to the service.
fn flooded(
    service: &mut Running,
    streams: &[Stream],
    lasts: Duration,
) -> (Checks, Flooded, Figures) {
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let mut figures = Figures::default();
    let (checks, flooded) = thread::scope(|scope| {
        let checks = scope.spawn(|| checker::check(CHECKER, PUBLIC_PORT, &stop));
        let flooded = scope.spawn(|| flooder::flood(FLOODER, streams, &stop));
        while started.elapsed() < lasts && service.ended().is_none() {
            service.measure(&mut figures);
            thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        (checks.join().unwrap(), flooded.join().unwrap())
    });
    let seconds = started.elapsed().as_secs();
    println!(
        "{seconds} s, {} of {} checks, slowest {:?}; {flooded:?}, {figures:?}, {:?} busy, \
         {} heartbeats",
        checks.answered,
        checks.all(),
        checks.slowest,
        service.busy(),
        service.heartbeats(),
    );
    let end = service.ended();
    let log = service.lines().join("\n");
    assert!(end.is_none(), "ended: {end:?}: {log}");
    (checks, flooded, figures)
}

/// About 2,500 connections a second of all kinds, and the LAN looks at its pages.
fn flood() {
    let world = World::enter();
    let mut service = world.start(1024, 1024);
    let look = Stream {
        port: LAN_PORT,
        ..whole(5, 20)
    };
    let streams = [
        of_kind(Kind::Idle, 10),
        of_kind(Kind::Half, 5),
        whole(200, 20),
        look,
    ];
    let (checks, flooded, figures) = flooded(&mut service, &streams, LASTS);
    assert_answered(&checks);
    assert_bounded(figures);
    assert!(flooded.opened > 200 * 60, "{flooded:?}");
    // One at the start, then one in 10 s; a busy machine may swallow one.
    assert!(service.heartbeats() >= 5, "{}", service.heartbeats());
}

/// Requests that are all there at once, again and again.
fn burst() {
    let world = World::enter();
    let mut service = world.start(1024, 1024);
    let mut figures = Figures::default();
    for _ in 0..20 {
        let requests: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut stream = connect(FLOODER, PUBLIC_PORT).unwrap();
                stream.write_all(REQUEST).unwrap();
                stream
            })
            .collect();
        service.measure(&mut figures);
        for mut request in requests {
            let mut answer = String::new();
            request.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
            assert!(answer.len() < 200, "{answer:?}");
        }
    }
    assert!(service.ended().is_none(), "{:?}", service.lines());
    assert_bounded(figures);
}

/// With fewer descriptors than connections it neither ends nor spins: with few from the start, and
/// with none left at all, which accept then says.
fn few_descriptors() {
    let world = World::enter();
    for (from_the_start, later) in [(96, 96), (1024, 40)] {
        let mut service = world.start(from_the_start, later);
        let streams = [of_kind(Kind::Idle, 5), of_kind(Kind::Half, 5)];
        let (checks, _, figures) = flooded(&mut service, &streams, SOME);
        assert!((20..=later).contains(&figures.descriptors), "{figures:?}");
        assert_answered(&checks);
        assert_bounded(figures);
        assert!(service.busy() < SOME / 2, "{:?}", service.busy());
        let log = service.lines().join("\n");
        let ran_out = log.contains("port 9000: accept failed");
        assert_eq!(ran_out, later < from_the_start, "{log}");
    }
}

/// Bursts on port 9001: some are served, the others refused, none starts a thread.
fn pages() {
    let world = World::enter();
    let mut service = world.start(1024, 1024);
    let look = Stream {
        port: LAN_PORT,
        ..whole(200, 20)
    };
    let (checks, flooded, figures) = flooded(&mut service, &[look], SOME);
    assert_answered(&checks);
    assert_bounded(figures);
    assert!(flooded.answered >= 20, "{flooded:?}");
}
