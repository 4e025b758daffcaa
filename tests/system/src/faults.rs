//! Faults, one after another, on a house that works: what is broken, what the box says, and how
//! long it takes until a LAN host reaches the internet again.

mod inject;
mod report;

use std::{
    thread,
    time::{Duration, Instant},
};

use failberry_bench::{
    probe,
    scene::{Kind, Scene, Setting},
    stick::Sim,
};

use self::report::{Report, Row};
use crate::{Suite, steps, suite::Outcome};

/// A fault and what must come of it.
pub(crate) struct Fault {
    /// In the words of the table.
    name: &'static str,
    /// Breaks it.
    inject: fn(&mut Scene) -> Outcome,
    /// What the console says then; empty where there is nothing to say.
    says: &'static str,
    /// How long it may take until packets flow again, in seconds.
    within: u64,
    /// How long it may take until the console says so, from the first packet that it hits.
    noticed_within: Option<Duration>,
    /// Part of `make test`; the others are played by `make test-all`.
    quick: bool,
}

/// How long it took.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// Until the console said so.
    noticed: Option<Duration>,
    /// Until packets flowed again.
    healed: Duration,
}

/// Plays the quick ones, or all of them.
pub fn play(suite: &mut Suite, all: bool) {
    let faults = inject::FAULTS.iter().filter(|fault| all || fault.quick);
    let mut report = Report::default();
    suite.scene("faults", &Setting::new("fbf", Kind::Virt), |run| {
        run.step("eth0 leases an address", steps::lease);
        run.step("dials and agrees with pppd", steps::dials);
        run.step("a LAN host reaches the internet", steps::masquerades);
        for fault in faults {
            run.step(fault.name, |scene| {
                let outcome = begin(scene).and_then(|()| strike(scene, fault));
                report.add(Row {
                    name: fault.name,
                    says: fault.says,
                    within: fault.within,
                    took: outcome.as_ref().ok().copied(),
                });
                outcome.map(drop)
            });
        }
    });
    if let Err(error) = report.write(all) {
        println!("the table of faults cannot be written: {error}");
    }
}

/// A box that has just started and works: no fault is judged by what an earlier one has left, such
/// as a back-off that has grown.
fn begin(scene: &mut Scene) -> Outcome {
    scene.power_cycle(Sim::Ready)?;
    let bound = scene.bound(60);
    probe::get_within(scene.world.lan(), steps::PAGE_HOST, 80, "/before", bound)?;
    Ok(())
}

/// Breaks something and waits until it is healed; tells how long that took.
fn strike(scene: &mut Scene, fault: &Fault) -> Outcome<Times> {
    let mark = scene.board.console.mark();
    let began = Instant::now();
    let bound = scene.bound(fault.within);
    (fault.inject)(scene)?;
    let mut noticed = None;
    if !fault.says.is_empty() {
        let struck = Instant::now();
        // A LAN host keeps asking meanwhile, as people do: without traffic there is no fault.
        let heard = thread::scope(|scope| {
            let console = scene.board.console.clone();
            let waiting = scope.spawn(move || {
                let heard = console.wait_from(mark, fault.says, bound);
                heard.map(|_| struck.elapsed())
            });
            while !waiting.is_finished() {
                // Whether it is answered does not matter yet.
                let _ = probe::get(scene.world.lan(), steps::PAGE_HOST, 80, "/meanwhile");
            }
            waiting.join()
        });
        noticed = Some(heard.map_err(|_| "the console's listener panicked")??);
    }
    inject::relieve(scene)?;
    probe::get_within(scene.world.lan(), steps::PAGE_HOST, 80, "/again", bound)?;
    let healed = began.elapsed();
    if healed > bound {
        let expected = fault.within;
        return Err(
            format!("expected traffic within {expected} s, got it after {healed:?}").into(),
        );
    }
    if let (Some(took), Some(limit)) = (noticed, fault.noticed_within)
        && took > limit
    {
        return Err(format!("expected it noticed within {limit:?}, it took {took:?}").into());
    }
    Ok(Times { noticed, healed })
}
