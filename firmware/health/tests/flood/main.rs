//! The service as a process of its own, under floods of real connections.
//!
//! Needs root and `ip` (iproute2): each scenario has a network namespace and a `/run` of its own.
//! They run side by side; the longest takes a minute.
// What clippy allows in tests by itself it does not see in a test with its own main.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod checker;
mod flooder;
mod world;

use std::{
    net::Ipv4Addr,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use failberry_health::PUBLIC_PORT;
use failberry_service::{Service, confine, init_log};
use nix::{
    sys::resource::{Resource, setrlimit},
    unistd::geteuid,
};

use crate::{
    checker::Checks,
    flooder::{Flooded, Kind, Stream},
    world::{Figures, World},
};

/// The address that floods, and that of a checker who asks all the time.
const FLOODER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const CHECKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// How long the flood lasts.
const LASTS: Duration = Duration::from_secs(60);

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).map(String::as_str) == Some("service") {
        serve(words[2].parse().unwrap());
    }
    let ip = Command::new("ip").arg("-V").output().is_ok();
    if !geteuid().is_root() || !ip {
        println!("skipped: needs root and iproute2\n0 passed, 0 failed");
        // Where it must run, nothing may be missing.
        std::process::exit(i32::from(std::env::var_os("CI").is_some()));
    }
    flood_of_a_minute();
}

/// The service, as PID 1 starts it.
fn serve(files: u64) -> ! {
    init_log();
    for trouble in confine(Service::Health) {
        log::warn!("{trouble}");
    }
    setrlimit(Resource::RLIMIT_NOFILE, files, files).unwrap();
    let Err(error) = failberry_health::run();
    log::error!("{error}");
    std::process::exit(1);
}

fn flood_of_a_minute() {
    let world = World::enter();
    let mut service = world.start(1024);
    let stop = AtomicBool::new(false);
    let whole = |count, every| Stream {
        kind: Kind::Whole,
        count,
        every,
        port: PUBLIC_PORT,
    };
    let streams = [
        Stream {
            kind: Kind::Idle,
            ..whole(10, 1)
        },
        Stream {
            kind: Kind::Half,
            ..whole(5, 1)
        },
        whole(200, 20),
    ];
    let started = Instant::now();
    let mut figures = Figures::default();
    let (checks, flooded): (Checks, Flooded) = thread::scope(|scope| {
        let checks = scope.spawn(|| checker::check(CHECKER, PUBLIC_PORT, &stop));
        let flooded = scope.spawn(|| flooder::flood(FLOODER, &streams, &stop));
        while started.elapsed() < LASTS && service.ended().is_none() {
            service.measure(&mut figures);
            thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        (checks.join().unwrap(), flooded.join().unwrap())
    });
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{seconds:.0} s: {}/s, {flooded:?}; checks {} of {}, slowest {:?}; {figures:?}, busy {:?}, heartbeats {}",
        flooded.opened as f64 / seconds,
        checks.answered,
        checks.all(),
        checks.slowest,
        service.busy(),
        service.heartbeats(),
    );
    for failure in checks.failed.iter().take(5) {
        println!("failed check: {failure}");
    }
    let end = service.ended();
    assert!(
        end.is_none(),
        "ended: {end:?}: {}",
        service.lines().join("\n")
    );
    println!("1 passed, 0 failed");
}
