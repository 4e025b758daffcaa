//! The fault table, run against the product's state machines on virtual time: the dialler, its
//! ladder, the AT dialogue, PPP and black-hole detection are real, the environment is simulated.
//! `cargo test --test faults -- --nocapture` shows the times.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod call;
mod stick;
mod table;
mod world;

use failberry_state::UplinkPhase;

use call::Network;
use table::{Fault, HOUR, MINUTE, Must, Row, SECOND, TABLE, When};
use world::World;

/// Time of a good link before a fault is injected.
const GOOD_MS: u64 = 2 * MINUTE;

fn inject(world: &mut World, fault: Fault) {
    match fault {
        Fault::Hang(hang) => world.stick.hang = Some(hang),
        Fault::At(command, trap) => world.stick.trap = Some((command, trap)),
        Fault::Answer(command, said) => world.stick.answer_with(command, said),
        Fault::Often(command, said, times) => {
            world.stick.answer_with(command, &vec![said; times]);
        }
        Fault::InCall(mode) => world.stick.left_in = Some(mode),
        Fault::Flood(every_ms, outlives) => world.stick.flood = Some((every_ms, outlives)),
        Fault::Noise(bytes) => world.stick.noise = Some(bytes),
        Fault::SlowDial(takes_ms, abortable) => {
            world.stick.slow_dial = Some((takes_ms, abortable));
        }
        Fault::Pull(back_ms) => world.pull(Some(back_ms)),
        Fault::CdRom(ejects_fail) => {
            world.stick.cdrom = true;
            world.ejects_fail = ejects_fail;
        }
        Fault::DropLine => world.drop_line(),
        Fault::Goodbye => world.terminate(),
        Fault::For(ms, network) => {
            world.network = network;
            world.well_at = Some(world.now + ms);
        }
        Fault::Calls(calls, network) => {
            world.network = network;
            world.well_after_calls = Some(calls);
        }
        Fault::NoPower => world.power_works = false,
        Fault::NoReboot => world.reboots_left = 0,
        Fault::NoRebootFor(ms) => world.attended_until = world.now + ms,
        Fault::Pin => world.pin = Some("40718263"),
        Fault::Uncounted => world.uncounted = true,
        Fault::Product(product) => world.product = product,
        Fault::RadioOff => world.stick.radio_off = true,
    }
}

/// Runs a row; returns when it was fulfilled, in milliseconds after the fault.
fn run(row: &Row) -> Result<u64, String> {
    let mut world = World::new();
    if row.when == When::Up {
        world.run_until(15 * SECOND, World::flows);
        let good = world.now + GOOD_MS;
        world.run_until(good, |_| false);
        assert!(world.flows(), "{}: no link to begin with", row.name);
    }
    let began = world.now;
    let end = began + row.within_ms;
    for fault in row.faults {
        inject(&mut world, *fault);
    }
    let story = |world: &World| {
        let last = world.log.len().saturating_sub(40);
        format!("{:?}", world.log.iter().skip(last).collect::<Vec<_>>())
    };
    let mut down = row.when == When::Start;
    match row.must {
        Must::Flow => {
            let flows = world.run_until(end, |world| {
                down |= !world.flows();
                down && world.flows()
            });
            if !flows {
                return Err(format!("no packet came back: {}", story(&world)));
            }
        }
        Must::Stay => {
            let calls = world.machine.state().calls;
            let fell = world.run_until(end, |world| !world.flows());
            if fell || world.machine.state().calls != calls {
                return Err(format!("the call ended: {}", story(&world)));
            }
        }
        Must::Block(words) => {
            let blocked = |world: &World| world.machine.state().phase == UplinkPhase::Blocked;
            if !world.run_until(end, blocked) {
                return Err(format!("not blocked: {}", story(&world)));
            }
            let told = world
                .log
                .last()
                .map(|(_, text)| text.clone())
                .unwrap_or_default();
            if !told.starts_with("blocked: ") || !told.contains(words) {
                return Err(format!("told {told:?}"));
            }
            let took = world.now - began;
            let day = world.now + 24 * HOUR;
            world.run_until(day, |_| false);
            if world.stick.count("AT+CPIN=") > 1 {
                return Err("the PIN was sent more than once".into());
            }
            return check(row, &world, took);
        }
        Must::Try => {
            if world.run_until(end, World::flows) && row.within_ms > 0 {
                // It was up when the fault came.
                let revived =
                    world.run_until(end, |world| world.now > began + MINUTE && world.flows());
                if revived {
                    return Err("the dead are alive".into());
                }
            }
            let deadline = world.machine.deadline().map(|at| at.0);
            let late = world.log.iter().any(|(at, _)| *at + 5 * MINUTE > end);
            if deadline.is_none() || !late {
                return Err(format!("it gave up: {}", story(&world)));
            }
        }
    }
    let took = world.now - began;
    check(row, &world, took)
}

/// Checks that rungs were taken as the row expects, and within their limits.
fn check(row: &Row, world: &World, took: u64) -> Result<u64, String> {
    let taken = [
        world.taken.resets,
        world.taken.power_cycles,
        world.taken.reboots,
    ];
    let hours = u32::try_from(took.max(24 * HOUR) / HOUR).unwrap() + 4;
    for ((expected, got), most) in row.taken.iter().zip(taken).zip([12, 8, 2]) {
        let good = match *expected {
            u32::MAX => got > 0 && got <= most * hours,
            exact => exact == got,
        };
        if !good {
            let last = world.log.len().saturating_sub(60);
            let said: Vec<_> = world.log.iter().skip(last).collect();
            return Err(format!(
                "took {taken:?}, expected {:?}: {said:?}",
                row.taken
            ));
        }
    }
    let hours = usize::try_from(hours).unwrap();
    let writes = world.writes.len();
    if writes > hours + usize::try_from(taken[2]).unwrap() {
        return Err(format!("the card was written {writes} times"));
    }
    Ok(took)
}

#[test]
fn every_fault_ends_as_in_the_table() {
    let mut wrong = Vec::new();
    println!("| fault | must | within | took |\n|---|---|---|---|");
    for row in TABLE {
        let outcome = run(row);
        let took = match &outcome {
            Ok(took) => format!("{}.{} s", took / SECOND, took % SECOND / 100),
            Err(_) => "FAILED".into(),
        };
        let within = row.within_ms / SECOND;
        println!("| {} | {:?} | {within} s | {took} |", row.name, row.must);
        wrong.extend(outcome.err().map(|why| format!("{}: {why}", row.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fault_table_is_complete_and_names_are_unique() {
    assert!(TABLE.len() >= 35, "{}", TABLE.len());
    let mut names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len(), "two rows of one name");
}

#[test]
fn ten_thousand_dropped_calls_leak_nothing() {
    let mut world = World::new();
    for n in 0..10_000 {
        let end = world.now + 20 * SECOND;
        let flows = world.run_until(end, World::flows);
        assert!(flows, "call {n}: {:?}", world.log);
        let good = world.now + 61 * SECOND;
        world.run_until(good, |_| false);
        world.drop_line();
        world.log.clear();
        world.stick.heard.clear();
    }
    let state = world.machine.state();
    assert_eq!((state.calls, state.recovery.redials), (10_000, 9_999));
    assert!(state.recovery.history.len() <= failberry_state::Recovery::HISTORY_MAX);
    assert_eq!(world.taken, world::Taken::default());
    assert_eq!(world.network.loses, Network::default().loses);
}
