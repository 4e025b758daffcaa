//! Faults inside the box, injected by the fault agent: services, PID 1, kernel, memory, full data
//! partition, clock.

use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use failberry_bench::{carrier::CarrierSettings, probe::get_within, scene::Scene, stick::Sim};
use failberry_state::Service;

use super::{Fault, inject::traffic_flows};
use crate::{
    steps::{self, is_ready, status},
    suite::{Outcome, expect},
};

/// Poll interval.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Seconds until a hung service is replaced: PID 1 aborts it after a minute without a heartbeat,
/// and kills it some seconds later.
const HUNG: u64 = 90;

/// File that fills the data partition.
const FILLER: &str = "/data/filler";

/// Duration of the repeated kill: a service that exits at once is restarted after 1, 2, 4 and 8 s;
/// the next back-off is 16 s.
const HUNT_SECONDS: u64 = 25;

const HOUR: u64 = 3_600;

const YEAR: u64 = 365 * 86_400;

/// Allowed clock error in seconds; includes the time of the query.
const RIGHT: u64 = 2;

const JUMPED: &str = "somebody else has stepped the clock";

const REBOOTED: &str = "is PID 1";

pub(super) const FAULTS: &[Fault] = &[
    Fault::slow(
        "network is killed",
        "network ended: signal SIGKILL",
        20,
        |scene| kill(scene, "network"),
    )
    .recovered_when(|scene, bound| works(scene, "network", bound)),
    Fault::quick(
        "uplink is killed",
        "uplink ended: signal SIGKILL",
        30,
        |scene| kill(scene, "uplink"),
    )
    .recovered_when(|scene, bound| works(scene, "uplink", bound)),
    Fault::slow(
        "health is killed",
        "health ended: signal SIGKILL",
        10,
        |scene| kill(scene, "health"),
    )
    .recovered_when(|scene, bound| {
        works(scene, "health", bound)?;
        let to = steps::address(scene)?;
        get_within(scene.network.lan(), to, steps::HEALTH, "/", bound)?;
        Ok(())
    }),
    Fault::slow(
        "clock is killed",
        "clock ended: signal SIGKILL",
        10,
        |scene| kill(scene, "clock"),
    )
    .recovered_when(|scene, bound| {
        works(scene, "clock", bound)?;
        wait(bound, "the clock set", || {
            Ok(status(scene)?.is("/clock/synced"))
        })
    }),
    Fault::slow(
        "dyndns is killed",
        "dyndns ended: signal SIGKILL",
        20,
        |scene| kill(scene, "dyndns"),
    )
    .recovered_when(|scene, bound| {
        works(scene, "dyndns", bound)?;
        let published = || Ok(status(scene)?.text("/dyndns/published").is_some());
        wait(bound, "the record known", published)
    }),
    Fault::slow(
        "network hangs",
        "network gave no sign of life",
        HUNG,
        |scene| hang(scene, "network"),
    )
    .recovered_when(|scene, bound| was_hung(scene, "network", bound)),
    Fault::slow(
        "uplink hangs",
        "uplink gave no sign of life",
        HUNG,
        |scene| hang(scene, "uplink"),
    )
    .recovered_when(|scene, bound| was_hung(scene, "uplink", bound)),
    Fault::slow(
        "health hangs",
        "health gave no sign of life",
        HUNG,
        |scene| hang(scene, "health"),
    )
    .recovered_when(|scene, bound| was_hung(scene, "health", bound)),
    Fault::slow("clock hangs", "clock gave no sign of life", HUNG, |scene| {
        hang(scene, "clock")
    })
    .recovered_when(|scene, bound| was_hung(scene, "clock", bound)),
    Fault::slow(
        "dyndns hangs",
        "dyndns gave no sign of life",
        HUNG,
        |scene| hang(scene, "dyndns"),
    )
    .recovered_when(|scene, bound| was_hung(scene, "dyndns", bound)),
    Fault::slow(
        "dyndns dies whenever it is started",
        "dyndns ended: signal SIGKILL; starting it again in 16 s",
        60,
        |scene| order(scene, &format!("hunt dyndns {HUNT_SECONDS}")),
    )
    .recovered_when(|scene, bound| {
        traffic_flows(scene, bound)?;
        others_not_restarted(scene, "dyndns")?;
        is_ready(scene, "dyndns", bound)
    }),
    Fault::slow("PID 1 stalls; the watchdog bites", REBOOTED, 120, |scene| {
        order(scene, "freeze")
    })
    .recovered_when(|scene, bound| rebooted(scene, "no orderly end", bound)),
    Fault::quick("the kernel panics", REBOOTED, 90, |scene| {
        order(scene, "panic")
    })
    .recovered_when(|scene, bound| rebooted(scene, "no orderly end", bound)),
    Fault::slow("a reboot is asked for", REBOOTED, 120, |scene| {
        order(
            scene,
            "ask {\"reboot\":{\"reason\":\"the bench wishes it\"}}",
        )
    })
    .recovered_when(|scene, bound| rebooted(scene, "root: the bench wishes it", bound)),
    Fault::quick(
        "memory runs out",
        "Out of memory: Killed process",
        90,
        |scene| order(scene, "hog -200"),
    )
    .recovered_when(oom_kills_health_first),
    Fault::slow("2000 orphans end at once", "", 30, |scene| {
        order(scene, "orphans 2000")
    })
    .recovered_when(|scene, bound| {
        wait(bound, "all of them buried", || all_reaped(scene))?;
        traffic_flows(scene, bound)?;
        others_not_restarted(scene, "")
    }),
    Fault::slow(
        "the data partition is full, and the power fails",
        REBOOTED,
        90,
        |scene| {
            order(scene, &format!("fill {FILLER}"))?;
            Ok(scene.power_cycle(Sim::Ready)?)
        },
    )
    .recovered_when(|scene, bound| {
        traffic_flows(scene, bound)?;
        let status = status(scene)?;
        // Later faults use the same card.
        order(scene, &format!("remove {FILLER}"))?;
        let told = status.text("/supervisor/warnings/0").unwrap_or_default();
        if told.contains("No space left") {
            Ok(())
        } else {
            Err(format!("expected a warning of the lack of room, got {told:?}").into())
        }
    }),
    Fault::slow("the clock is stepped a year ahead", JUMPED, 20, |scene| {
        step_clock(scene, |now| now + YEAR)
    })
    .recovered_when(|scene, bound| clock_is_right(scene, 18, bound)),
    Fault::slow("the clock is stepped back to 1970", JUMPED, 20, |scene| {
        // The kernel refuses a time before its uptime.
        step_clock(scene, |_| HOUR)
    })
    .recovered_when(|scene, bound| clock_is_right(scene, 19, bound)),
];

fn order(scene: &mut Scene, order: &str) -> Outcome {
    scene.board.fault_agent()?.execute(order)?;
    Ok(())
}

fn kill(scene: &mut Scene, service: &str) -> Outcome {
    order(scene, &format!("signal {service} SIGKILL"))
}

fn hang(scene: &mut Scene, service: &str) -> Outcome {
    order(scene, &format!("signal {service} SIGSTOP"))
}

/// Checks that the service and the internet are back and no other service was restarted.
fn works(scene: &mut Scene, service: &str, bound: Duration) -> Outcome {
    // A hung service counts as ready until it has exited.
    let again = || Ok(of_service(scene, service, "starts")? == 2);
    wait(bound, "the service started again", again)?;
    is_ready(scene, service, bound)?;
    traffic_flows(scene, bound)?;
    others_not_restarted(scene, service)
}

fn was_hung(scene: &mut Scene, service: &str, bound: Duration) -> Outcome {
    works(scene, service, bound)?;
    let hangs = of_service(scene, service, "hangs")?;
    expect("hangs told", 1, hangs)
}

/// Checks that all services but `service` were started once.
fn others_not_restarted(scene: &Scene, service: &str) -> Outcome {
    for other in Service::SUPERVISED {
        if other.name() != service {
            let starts = of_service(scene, other.name(), "starts")?;
            expect(&format!("starts of {}", other.name()), 1, starts)?;
        }
    }
    Ok(())
}

fn of_service(scene: &Scene, service: &str, what: &str) -> Outcome<u64> {
    let status = status(scene)?;
    let place = (0..status.count("/supervisor/services"))
        .map(|index| format!("/supervisor/services/{index}"))
        .find(|place| status.text(&format!("{place}/service")) == Some(service))
        .ok_or_else(|| format!("the status page knows no {service}"))?;
    Ok(status.number(&format!("{place}/{what}")))
}

/// Checks that the box has rebooted, works, and reports how the previous boot ended.
fn rebooted(scene: &mut Scene, ended: &str, bound: Duration) -> Outcome {
    traffic_flows(scene, bound)?;
    let status = status(scene)?;
    let told = status.text("/supervisor/last_boot").unwrap_or_default();
    if told.starts_with(ended) {
        Ok(())
    } else {
        Err(format!("expected that the life before ended with {ended:?}, got {told:?}").into())
    }
}

/// Checks that the OOM killer ended health first, and no routing service.
fn oom_kills_health_first(scene: &mut Scene, bound: Duration) -> Outcome {
    let until = Instant::now() + bound;
    traffic_flows(scene, bound)?;
    is_ready(
        scene,
        "health",
        until.saturating_duration_since(Instant::now()),
    )?;
    let killed = scene
        .board
        .console
        .lines_with("Out of memory: Killed process");
    // By oom_score_adj: all processes are named `init`.
    let score = |score: &str| {
        let word = format!("oom_score_adj:{score}");
        killed.iter().position(|line| line.ends_with(&word))
    };
    expect("place of health among the ended", Some(0), score("900"))?;
    expect("place of network", None, score("-600"))?;
    expect("place of uplink", None, score("-500"))?;
    for service in ["uplink", "network"] {
        expect(service, 1, of_service(scene, service, "starts")?)?;
    }
    Ok(())
}

/// Returns the box's clock in seconds since the Unix epoch.
fn time(scene: &Scene) -> Outcome<u64> {
    Ok(scene.board.fault_agent()?.execute("time")?.parse()?)
}

/// Steps the clock after the box has set and used it.
fn step_clock(scene: &mut Scene, to: fn(u64) -> u64) -> Outcome {
    let bound = scene.bound(30);
    wait(bound, "the clock and the record set", || {
        let status = status(scene)?;
        Ok(status.is("/clock/synced") && status.text("/dyndns/published").is_some())
    })?;
    let stepped = to(time(scene)?);
    order(scene, &format!("clock {stepped}"))
}

/// Checks that the clock is right again and accepted in a signature: the record follows a new
/// carrier address.
fn clock_is_right(scene: &mut Scene, host: u8, bound: Duration) -> Outcome {
    let right = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(time(scene)?.abs_diff(now) <= RIGHT)
    };
    wait(bound, "the clock right", right)?;
    let settings = CarrierSettings {
        remote: Ipv4Addr::new(203, 0, 113, host),
        ..CarrierSettings::default()
    };
    let address = settings.remote;
    scene.carrier.set(settings)?;
    scene.carrier.terminate_call()?;
    scene.services.route53.wait_change(address, bound)?;
    traffic_flows(scene, bound)?;
    others_not_restarted(scene, "")
}

/// Returns whether PID 1 has no children but its services and the fault agent.
fn all_reaped(scene: &Scene) -> Outcome<bool> {
    let sample = scene.board.fault_agent()?.sample()?;
    let mut processes = sample.processes.iter();
    let supervisor = processes.find(|process| process.pid == 1);
    let children = supervisor.map(|process| process.children);
    let own = u64::try_from(Service::SUPERVISED.len())? + 1;
    Ok(sample.dead == 0 && children == Some(own))
}

fn wait(bound: Duration, what: &str, done: impl Fn() -> Outcome<bool>) -> Outcome {
    let until = Instant::now() + bound;
    while !done()? {
        if Instant::now() >= until {
            return Err(format!("expected {what} within {bound:?}").into());
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}
