//! One fault: the box is started, something is broken, and it is waited for until it is healed.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use failberry_bench::{
    carrier::CarrierSettings,
    probe::{get, get_within},
    scene::Scene,
    stick::Sim,
};

use super::{Fault, card, internet, lan};
use crate::{steps, suite::Outcome};

/// How long it took.
#[derive(Clone, Copy)]
pub(super) struct RecoveryTimes {
    /// Until the console said so.
    pub(super) noticed: Option<Duration>,
    /// Until it was healed.
    pub(super) healed: Duration,
}

/// Plays one fault. What the console said during one that was not healed is kept.
pub(super) fn run(scene: &mut Scene, fault: &Fault) -> Outcome<RecoveryTimes> {
    let outcome = begin(scene).and_then(|()| inject(scene, fault));
    outcome.map_err(|error| match save_console_log(scene, fault.name) {
        Ok(kept) => format!("{error}\nconsole: {kept}").into(),
        Err(_) => error,
    })
}

/// A box that has just started and works: no fault is judged by what an earlier one has left, such
/// as a back-off that has grown.
fn begin(scene: &mut Scene) -> Outcome {
    clear_faults(scene)?;
    lan::restore(scene)?;
    card::restore(scene)?;
    // Every life of the box has a file of its own.
    match fs::remove_file(scene.directory().join("console.log")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    scene.power_cycle(Sim::Ready)?;
    let bound = scene.bound(60);
    get_within(scene.network.lan(), steps::PAGE_HOST, 80, "/before", bound)?;
    Ok(())
}

/// Breaks something and waits until it is healed; tells how long that took.
fn inject(scene: &mut Scene, fault: &Fault) -> Outcome<RecoveryTimes> {
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
                let _ = get(scene.network.lan(), steps::PAGE_HOST, 80, "/meanwhile");
            }
            waiting.join()
        });
        noticed = Some(heard.map_err(|_| "the console's listener panicked")??);
    }
    clear_faults(scene)?;
    (fault.recovers)(scene, bound.saturating_sub(began.elapsed()))?;
    let healed = began.elapsed();
    if healed > bound {
        let expected = fault.within;
        return Err(format!("expected it healed within {expected} s, it took {healed:?}").into());
    }
    if let (Some(took), Some(limit)) = (noticed, fault.noticed_within)
        && took > limit
    {
        return Err(format!("expected it noticed within {limit:?}, it took {took:?}").into());
    }
    Ok(RecoveryTimes { noticed, healed })
}

/// Ends what the carrier and the house do wrong; the box has to do the rest.
fn clear_faults(scene: &mut Scene) -> Outcome {
    scene.carrier.blackhole(false)?;
    scene.carrier.mute(false);
    scene.carrier.set(CarrierSettings::default())?;
    scene.board.set_cable(true)?;
    internet::clear_faults(scene)
}

/// A LAN host reaches the internet.
pub(super) fn traffic_flows(scene: &mut Scene, bound: Duration) -> Outcome {
    get_within(scene.network.lan(), steps::PAGE_HOST, 80, "/again", bound)?;
    Ok(())
}

/// Copies what the console said to a file that is named after the fault.
fn save_console_log(scene: &Scene, fault: &str) -> Outcome<String> {
    let word = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let name: String = fault.chars().map(word).collect();
    let kept = scene.directory().join(format!("failed-{name}.log"));
    fs::copy(scene.directory().join("console.log"), &kept)?;
    Ok(kept.display().to_string())
}
